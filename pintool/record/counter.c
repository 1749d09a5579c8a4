/* SPDX-License-Identifier: BSD-3-Clause */
/* See counter.h. The counter sends its thread a SIGTRAP, which the tracer gets (Linux 5.13); it
 * comes late, by hundreds of instructions at most, so the counter is set to stop short. */
#include "counter.h"

#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "message.h"

#define SHORT UINT64_C(10000) /* instructions that are left to be stepped */
#ifndef TRAP_PERF
#define TRAP_PERF 6 /* uapi/asm-generic/siginfo.h, since Linux 5.13 */
#endif

static pid_t counted; /* the thread with the counter, or 0 */

static int open_counter(pid_t tid, uint64_t period)
{
#ifdef PERF_ATTR_SIZE_VER7
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof attr,
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .sample_period = period,
        .disabled = 1,
        .pinned = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .sigtrap = 1,
        .remove_on_exec = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
#else
    (void)tid;
    (void)period;
    return -1;
#endif
}

bool counter_take_overflow(pid_t tid)
{
    siginfo_t info;
    return tid == counted && ptrace(PTRACE_GETSIGINFO, tid, 0, &info) == 0 &&
           info.si_code == TRAP_PERF;
}

uint64_t counter_advance(struct tracee *tracee, uint64_t count, const char *start)
{
    if (count < 2 * SHORT)
        return 0;
    int fd = open_counter(tracee->pid, count - SHORT);
    if (fd < 0)
        return 0;
    uint64_t done = 0;
    struct thread *thread;
    counted = tracee->pid;
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    tracee_resume_all(tracee);
    enum event event = tracee_wait(tracee, &thread);
    if (event != EVENT_ENDED && event != EVENT_EXEC)
        event = tracee_stop_all(tracee);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    counted = 0;
    if (read(fd, &done, sizeof done) != (ssize_t)sizeof done)
        done = 0;
    close(fd);
    if (event == EVENT_ENDED)
        fail("the program ended before the start was reached: %s: it ran %lu instructions", start,
             done);
    if (event != EVENT_EXEC && (done == 0 || done > count))
        fail("%s: the hardware counter cannot be relied on: it says %lu; --stepped does without",
             start, done);
    note("%lu instructions by the hardware counter", done);
    return done;
}
