/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that the region starts, and ends of threads and of the region. */
#include "replay.h"
#include "syscall.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time_types.h>

/* What of clone's and clone3's arguments matters. */
struct arguments {
    uint64_t flags, parent_tid, child_tid;
};

static struct arguments arguments_of(const struct sigcontext *registers, uint64_t number)
{
    if (number == __NR_clone)
        return (struct arguments){registers->rdi, registers->rdx, registers->r10};
    const uint64_t *fields = (const uint64_t *)registers->rdi; /* struct clone_args */
    return (struct arguments){fields[0], fields[3], fields[2]};
}

int replay_starts_thread(const struct sigcontext *registers, uint64_t number)
{
    return (arguments_of(registers, number).flags & CLONE_THREAD) != 0;
}

/* The static thread whose kernel's thread id was this, when it was recorded. */
static uint64_t find_thread(uint64_t os_tid)
{
    uint64_t t = elfie_config.num_threads;
    while (t < elfie_replay.num_threads && elfie_threads[t].os_tid != os_tid)
        t++;
    return t;
}

static void run_child(uint64_t number)
{
    struct replay_state *s = replay_state_of(number);
    elfie_know_thread(number);
    elfie_clear_signal_mask(); /* it is the handler's, which has SIGSYS blocked */
    if (s->tid_word)
        elfie_syscall(__NR_set_tid_address, s->tid_word);
    if (s->parent_tid)
        *(int32_t *)s->parent_tid = (int32_t)elfie_syscall(__NR_gettid);
    __atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
    elfie_enter_thread(number);
}

/* The child is started by the runtime, on a stack of its own, and goes to its own recorded
 * context, which has the stack and the bases that the program has given it. */
void replay_clone(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                  const struct replay_record *record)
{
    const unsigned long flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    if (!replay_starts_thread(registers, number) || (int64_t)record->rax < 0)
        return;
    uint64_t child = find_thread(record->rax);
    if (child == elfie_replay.num_threads)
        replay_diverged(thread, registers, number, "no log has the thread that is started");
    struct arguments a = arguments_of(registers, number);
    struct replay_state *s = replay_state_of(child);
    if (replay_mode == REPLAY_IO) {
        s->tid_word = a.flags & CLONE_CHILD_CLEARTID ? a.child_tid : 0;
        s->parent_tid = a.flags & CLONE_PARENT_SETTID ? a.parent_tid : 0;
    }
    char *stack = elfie_stack_of(child + 1);
    long tid = elfie_clone(flags, stack, run_child, child);
    if (tid < 0)
        replay_diverged(thread, registers, number, "the kernel starts no thread (see ulimit -u)");
    /* The word that tells the parent the child's id is written by now, and not behind the child's
     * end, which clears it. */
    while (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
        elfie_syscall(__NR_sched_yield);
}

/* --- ends ------------------------------------------------------------------------------------- */

enum { LOOK_EVERY = 1024 };

static uint32_t resting;          /* a thread waits at its end for the others */
static int64_t group_status = -1; /* of exit_group; -1: none was called */

/* Threads come to their ends in any order: the last one must not miss that it is. */
static int all_ended(void)
{
    for (uint64_t t = 0; t < elfie_replay.num_threads; t++)
        if (!__atomic_load_n(&replay_state_of(t)->ended, __ATOMIC_SEQ_CST))
            return 0;
    return 1;
}

static void mark_ended(struct replay_state *s)
{
    __atomic_store_n(&s->ended, 1, __ATOMIC_SEQ_CST);
}

static int is_ordered(const struct replay_state *s)
{
    return s->stepped || s->scheduled;
}

/* All that was recorded of the thread has been executed. */
static void tell_end(uint64_t thread)
{
    if (elfie_process.at_recorded_end && thread < elfie_config.num_threads)
        elfie_process.at_recorded_end(thread);
}

/* The last thread has come to its end; several may find that out. */
static _Noreturn void end_process(void)
{
    static uint32_t over;
    int64_t status = __atomic_load_n(&group_status, __ATOMIC_SEQ_CST);
    while (__atomic_exchange_n(&over, 1, __ATOMIC_SEQ_CST))
        elfie_syscall(__NR_pause);
    replay_end_schedule();
    for (;;)
        elfie_syscall(__NR_exit_group, status < 0 ? 0 : status);
}

void replay_exit(uint64_t thread, uint64_t status)
{
    struct replay_state *s = replay_state_of(thread);
    tell_end(thread);
    __atomic_store_n(&s->count, s->count, __ATOMIC_RELEASE);
    mark_ended(s);
    if (is_ordered(s) && all_ended()) {
        if (__atomic_load_n(&resting, __ATOMIC_SEQ_CST) ||
            __atomic_load_n(&group_status, __ATOMIC_SEQ_CST) >= 0)
            end_process();
        replay_end_schedule();
    }
    for (;;)
        elfie_syscall(__NR_exit, status);
}

/* Other threads that are ordered first come to their ends. */
void replay_exit_group(uint64_t thread, uint64_t status)
{
    struct replay_state *s = replay_state_of(thread);
    tell_end(thread);
    __atomic_store_n(&group_status, (int64_t)(status & 0xff), __ATOMIC_SEQ_CST);
    mark_ended(s);
    for (unsigned i = 1; is_ordered(s) && !all_ended(); i++) {
        elfie_syscall(__NR_sched_yield);
        if (i % LOOK_EVERY == 0)
            replay_look_after_counters();
    }
    end_process();
}

/* Where a region ends between calls, only who counts comes to rest there. */
static int is_at_end(uint64_t thread)
{
    return is_ordered(replay_state_of(thread)) || elfie_replay.logs[thread].last == LAST_IS_CALL;
}

static void say_end(uint64_t thread)
{
    int at_end = is_at_end(thread), is_late = !at_end && replay_mode == REPLAY_EXACT;
    struct elfie_line line;
    if (!elfie_process.verbose && !is_late)
        return;
    elfie_begin(&line);
    elfie_put(&line, at_end ? "the region is at its recorded end, instruction "
                            : "the region has passed its recorded end, instruction ");
    elfie_put_decimal(&line, elfie_replay.logs[thread].icount);
    if (is_late)
        elfie_put(&line, ", which is too far behind its last system call to be stepped to "
                         "(\"make ELFIE=... schedule\" finds it once and for all)");
    elfie_put(&line, "\n");
    elfie_write(&line);
}

void replay_end(uint64_t thread)
{
    struct replay_state *s = replay_state_of(thread);
    const struct __kernel_timespec second = {.tv_sec = 1};
    uint32_t never = 0;
    if (is_at_end(thread))
        tell_end(thread);
    __atomic_store_n(&resting, 1, __ATOMIC_SEQ_CST);
    mark_ended(s);
    while (is_ordered(s) && !all_ended()) {
        elfie_syscall(__NR_futex, &never, FUTEX_WAIT, 0, replay_is_counted() ? &second : NULL);
        replay_look_after_counters();
    }
    say_end(thread);
    end_process();
}
