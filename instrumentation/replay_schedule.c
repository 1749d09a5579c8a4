/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions of several threads at nearly full speed: each thread runs freely up to the next
 * instruction before which it has to stop, so that the threads can be ordered; one thread, up to
 * the end. Where that is, address and occurrence, is written down once by a run that is stepped
 * (replay_stops.c), and becomes part of the ELFie. The stop itself is a hardware breakpoint
 * (perf_event_open) that lets all but the last occurrence pass, and then sends a SIGTRAP before the
 * instruction runs. */
#include "replay.h"
#include "syscall.h"

#include <linux/fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>

/* struct perf_event_attr with sigtrap and remove_on_exec, Linux 5.13: older headers lack the names.
 */
enum { ATTR_SIZE = 128, DISABLED = 0, EXCLUDE_KERNEL = 5, EXCLUDE_HV = 6 };
enum { REMOVE_ON_EXEC = 36, SIGTRAP_BIT = 37 };
union attribute {
    struct {
        uint32_t type, size;
        uint64_t config, period, sample_type, read_format, flags;
        uint32_t wakeup, breakpoint_type;
        uint64_t breakpoint_address, breakpoint_length;
    } a;
    uint8_t size[ATTR_SIZE];
};

static int scheduled;

int replay_is_scheduled(void)
{
    return scheduled;
}

/* --- breakpoints -------------------------------------------------------------------------------
 */

static long open_breakpoint(uint64_t address, uint64_t occurrence)
{
    union attribute u = {.a = {.type = PERF_TYPE_BREAKPOINT,
                               .size = ATTR_SIZE,
                               .period = occurrence,
                               .flags = 1ul << EXCLUDE_KERNEL | 1ul << EXCLUDE_HV |
                                        1ul << REMOVE_ON_EXEC | 1ul << SIGTRAP_BIT,
                               .breakpoint_type = HW_BREAKPOINT_X,
                               .breakpoint_address = address,
                               .breakpoint_length = sizeof(long)}};
    return elfie_syscall(__NR_perf_event_open, &u, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* A record that comes before the stop is a stop itself, and arms then. */
static void arm(uint64_t thread, const struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    if (s->breakpoint >= 0)
        elfie_syscall(__NR_close, s->breakpoint);
    s->breakpoint = -1;
    while (s->stop < (const struct replay_stop *)elfie_replay.logs[thread].end &&
           s->stop->icount <= s->count + 1)
        s->stop++; /* somebody has edited the schedule */
    if (s->stop == elfie_replay.logs[thread].end ||
        (s->record < replay_records_end(thread) && s->record->icount < s->stop->icount))
        return;
    s->breakpoint = open_breakpoint(s->stop->rip, s->stop->occurrence);
    if (s->breakpoint < 0)
        replay_diverged(thread, registers, NO_CALL, "there is no breakpoint for the next stop");
}

void replay_arrive(uint64_t thread, struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    __atomic_store_n(&s->count, s->count, __ATOMIC_RELEASE);
    if (s->count >= elfie_replay.logs[thread].icount)
        replay_end(thread);
    replay_wait(thread, registers, s->count + 1);
    replay_apply(s, s->count + 1);
    replay_patch_next(thread);
    arm(thread, registers);
    registers->eflags |= RESUME_FLAG; /* the instruction here does not count as an occurrence */
}

void replay_at_breakpoint(uint64_t thread, struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    if (s->stop == elfie_replay.logs[thread].end || registers->rip != s->stop->rip)
        return; /* one that was closed meanwhile */
    s->count = s->stop->icount - 1;
    s->stop++;
    replay_arrive(thread, registers);
}

int replay_count_record(uint64_t thread, uint64_t icount)
{
    struct replay_state *s = replay_state_of(thread);
    if (!s->scheduled)
        return 1;
    s->count = icount;
    return s->stop == elfie_replay.logs[thread].end || s->stop->icount > icount;
}

void replay_start_schedule(uint64_t thread)
{
    struct sigcontext none = {.rip = elfie_threads[thread].rip};
    replay_state_of(thread)->scheduled = 1;
    replay_arrive(thread, &none);
}

static void say_stepped(void)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "replay: there are no breakpoints here (perf_event_open)\n");
    elfie_write(&line);
}

void replay_install_schedule(void)
{
    if (replay_mode != REPLAY_EXACT ||
        (elfie_replay.num_threads == 1 && elfie_replay.logs[0].last == LAST_IS_CALL))
        return;
    if (replay_writes_schedule() || !elfie_replay.scheduled)
        return;
    long trial = open_breakpoint((uint64_t)_start, 1);
    scheduled = trial >= 0;
    if (scheduled)
        elfie_syscall(__NR_close, trial);
    else if (elfie_process.verbose)
        say_stepped();
}
