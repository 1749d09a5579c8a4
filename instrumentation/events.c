/* SPDX-License-Identifier: BSD-3-Clause */
/* See events.h. */
#include "events.h"
#include "elfie.h"
#include "syscall.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <linux/resource.h>

enum { COUNTER_COOKIE = MAX_GOALS, USUAL_LIMIT = 1024 };

struct owner { /* struct f_owner_ex of uapi/asm-generic/fcntl.h */
    int type, pid;
};

long elfie_high_descriptor(long fd)
{
    struct rlimit64 limit = {USUAL_LIMIT, USUAL_LIMIT};
    if (fd < 0)
        return fd;
    elfie_syscall(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    uint64_t from = (limit.rlim_cur < USUAL_LIMIT ? limit.rlim_cur : USUAL_LIMIT) / 2;
    long high = elfie_syscall(__NR_fcntl, fd, F_DUPFD_CLOEXEC, from);
    elfie_syscall(__NR_close, fd);
    return high;
}

static long open_event(struct perf_event_attr *attr)
{
    attr->size = sizeof *attr;
    attr->exclude_kernel = 1;
    attr->exclude_hv = 1;
    return elfie_high_descriptor(
        elfie_syscall(__NR_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

/* A signal that the kernel sends before the thread goes on: SIGTRAP with the event's cookie. */
static long open_with_trap(struct perf_event_attr attr, uint64_t cookie)
{
#ifdef PERF_ATTR_SIZE_VER7
    if (elfie_process.count_by == COUNT_BY_SIGNAL)
        return -EINVAL;
    attr.sigtrap = 1;
    attr.remove_on_exec = 1;
    attr.sig_data = cookie;
    return open_event(&attr);
#else
    (void)attr;
    (void)cookie;
    return -EINVAL;
#endif
}

/* Older kernels: the signal of asynchronous input and output. */
static long open_with_signal(struct perf_event_attr attr)
{
    struct owner self = {.type = F_OWNER_TID, .pid = (int)elfie_syscall(__NR_gettid)};
    attr.wakeup_events = 1;
    long fd = open_event(&attr);
    if (fd < 0)
        return fd;
    elfie_syscall(__NR_fcntl, fd, F_SETSIG, EVENT_SIGNAL);
    elfie_syscall(__NR_fcntl, fd, F_SETOWN_EX, &self);
    elfie_syscall(__NR_fcntl, fd, F_SETFL, FASYNC | O_NONBLOCK);
    return fd;
}

static long open_either(const struct perf_event_attr *attr, uint64_t cookie)
{
    if (elfie_process.count_by == COUNT_BY_STEP)
        return -EOPNOTSUPP;
    long fd = open_with_trap(*attr, cookie);
    return fd == -EINVAL || fd == -E2BIG ? open_with_signal(*attr) : fd;
}

long elfie_open_breakpoint(struct elfie_counter *c, int index, uint64_t period)
{
    struct elfie_goal *g = &c->goals[index];
    struct perf_event_attr attr = {
        .type = PERF_TYPE_BREAKPOINT,
        .sample_period = period,
        .bp_type = HW_BREAKPOINT_X,
        .bp_addr = g->pc,
        .bp_len = sizeof(long),
    };
    long fd = open_either(&attr, (uint64_t)index);
    g->event = fd < 0 ? -1 : (int32_t)fd;
    return fd;
}

long elfie_open_counter(void)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .config = PERF_COUNT_HW_INSTRUCTIONS,
        .sample_period = UINT64_C(1) << 40,
        .disabled = 1,
        .pinned = 1,
    };
    return open_either(&attr, COUNTER_COOKIE);
}

void elfie_set_counter(long fd, uint64_t period)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_PERIOD, &period);
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_RESET, 0);
}

uint64_t elfie_read_counter(long fd)
{
    uint64_t value = 0;
    elfie_syscall(__NR_read, fd, &value, sizeof value);
    return value;
}

void elfie_enable_counter(long fd)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_ENABLE, 0);
}

void elfie_disable_counter(long fd)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_DISABLE, 0);
}

void elfie_close_event(long fd)
{
    if (fd >= 0)
        elfie_syscall(__NR_close, fd);
}
