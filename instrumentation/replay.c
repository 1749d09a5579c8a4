/* SPDX-License-Identifier: BSD-3-Clause */
/* The replay as a whole: its environment variables, its start, and what its parts share. */
#include "replay.h"
#include "syscall.h"

enum replay_mode replay_mode = REPLAY_EXACT;

struct replay_state *replay_state_of(uint64_t thread)
{
    return &elfie_replay.states[thread].state;
}

/* By the stack and not by the kernel's thread id, which would be a system call more. The program's
 * own signal stacks are never set. */
uint64_t replay_thread_at(const void *on_its_stack)
{
    return ((uint64_t)on_its_stack - (uint64_t)elfie_stack_of(0)) /
           elfie_layout.callback_stack_size;
}

int replay_in_runtime(uint64_t begin, uint64_t end)
{
    uint64_t own = (uint64_t)_start & -PAGE_SIZE;
    uint64_t own_end = (uint64_t)elfie_stack_of(elfie_replay.num_threads);
    return (begin < own_end && own < end) || replay_in_jumps(begin, end);
}

/* --- the environment -------------------------------------------------------------------------- */

static const char *value_of(const char *entry, const char *name)
{
    while (*name && *entry == *name) {
        entry++;
        name++;
    }
    return *name == '\0' && *entry == '=' ? entry + 1 : NULL;
}

/* Index of VALUE in NAMES. */
static int one_of(const char *variable, const char *value, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        const char *a = names[i], *b = value;
        while (*a && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b)
            return i;
    }
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, variable);
    elfie_put(&line, " is '");
    elfie_put_at_most(&line, value, 80);
    elfie_put(&line, "', should be one of:");
    for (int i = 0; i < count; i++) {
        elfie_put(&line, " ");
        elfie_put(&line, names[i]);
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
    elfie_fail("the region was not run", 0);
}

static const char *const mode_names[] = {"exact", "strict", "io", "off"};
static const char *const means_names[] = {"any", "dispatch", "seccomp", "patch"};

int elfie_replay_variable(const char *entry)
{
    const char *value;
    if ((value = value_of(entry, "ELFIE_REPLAY")))
        replay_mode = (enum replay_mode)one_of("ELFIE_REPLAY", value, mode_names, 4);
    else if ((value = value_of(entry, "ELFIE_REPLAY_MEANS")))
        replay_means = (enum replay_means)one_of("ELFIE_REPLAY_MEANS", value, means_names, 4);
    else if ((value = value_of(entry, "ELFIE_REPLAY_LOG")))
        replay_trace_path(value);
    else if ((value = value_of(entry, "ELFIE_REPLAY_SCHEDULE")))
        replay_schedule_path(value);
    else
        return 0;
    return 1;
}

/* --- the start -------------------------------------------------------------------------------- */

/* Threads are ordered instruction by instruction. */
static int is_stepped(void)
{
    return replay_mode == REPLAY_EXACT && elfie_replay.num_threads > 1 && !replay_is_scheduled();
}

static void say(void)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "replay: ");
    elfie_put(&line, mode_names[replay_mode]);
    elfie_put(&line, "; system calls are caught by ");
    elfie_put(&line, replay_means == MEANS_DISPATCH  ? "syscall user dispatch"
                     : replay_means == MEANS_SECCOMP ? "a seccomp filter"
                                                     : "patched instructions");
    if (replay_cpuid_faults())
        elfie_put(&line, "; CPUID faults");
    elfie_put(&line, replay_is_counted()
                         ? "; threads run by a hardware counter, where they need not be stepped\n"
                     : is_stepped()          ? "; threads are stepped\n"
                     : replay_is_scheduled() ? "; threads run from stop to stop\n"
                                             : "\n");
    elfie_write(&line);
}

void elfie_replay_install(void)
{
    if (replay_mode == REPLAY_OFF)
        return;
    elfie_process.replayed = replay_mode == REPLAY_IO ? REPLAYED_INPUT : REPLAYED;
    for (uint64_t t = 0; t < elfie_replay.num_threads; t++) {
        const struct replay_logs *logs = &elfie_replay.logs[t];
        *replay_state_of(t) = (struct replay_state){.record = logs->records,
                                                    .write = logs->writes,
                                                    .order = logs->orders,
                                                    .stop = logs->stops,
                                                    .breakpoint = -1,
                                                    .counter = -1};
        if (replay_mode == REPLAY_IO && t < elfie_config.num_threads)
            replay_state_of(t)->tid_word = elfie_tid_word(&elfie_threads[t]);
    }
    /* A reader that has gone away ended no recorded program. */
    elfie_set_action(SIGPIPE, (elfie_handler *)(uint64_t)SIG_IGN, 0);
    replay_install_trace();
    replay_install_means();
    replay_install_tsc();
    replay_install_cpuid();
    replay_install_stepping();
    /* Emulators, which have neither dispatch nor seccomp, need what they show (measured: without
     * its stack qemu-x86_64 7.2 dies of the next signal). */
    if (replay_means != MEANS_PATCH)
        replay_clear_host();
    replay_install_memory();
    replay_install_schedule(); /* it maps memory of its own */
    replay_install_counter();
    if (elfie_process.verbose)
        say();
}

void elfie_replay_thread(uint64_t number)
{
    struct replay_state *s = replay_state_of(number);
    if (!is_stepped() && !replay_is_scheduled()) {
        /* What other threads' calls wrote. */
        const struct replay_record *next = s->record;
        while (next < replay_records_end(number) && next->kind != REPLAY_CALL)
            next++;
        replay_apply(s, next < replay_records_end(number) ? next->icount : UINT64_MAX);
    }
    replay_start_tsc(number);
    replay_start_cpuid();
    replay_patch_next(number);
    replay_start_means(number);
    replay_start_counter(number);
    if (replay_is_scheduled())
        replay_start_schedule(number);
    else if (is_stepped() || replay_steps_to_end(number))
        replay_start_stepping(number);
}
