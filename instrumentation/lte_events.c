/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_perf.h: events of perf. */
#include "elfie.h"
#include "lte_perf.h"
#include "syscall.h"
#include "thread_record.h"

#include <linux/prctl.h>

int lte_pe_open_thread_perf_event(lte_td_t td, uint32_t type, uint64_t config, uint8_t isglobal)
{
    struct thread_record *t = td;
    struct perf_event_attr attr = {
        .type = type,
        .size = sizeof attr,
        .config = config,
        .disabled = !t || !t->counter.armed,
        .inherit = isglobal != 0,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    if (!t)
        return -1;
    long fd = elfie_high_descriptor(
        elfie_syscall(__NR_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
    if (fd < 0)
        return -1;
    t->has_events = 1;
    return (int)fd;
}

void elfie_enable_events(uint64_t thread)
{
    if (elfie_records[thread].has_events)
        elfie_syscall(__NR_prctl, PR_TASK_PERF_EVENTS_ENABLE);
}

uint64_t lte_pe_read(int fd)
{
    uint64_t value = 0;
    long size = elfie_syscall(__NR_read, fd, &value, sizeof value);
    return size == sizeof value ? value : 0;
}

void lte_pe_enable(int fd)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_ENABLE, 0);
}

void lte_pe_disable(int fd)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_DISABLE, 0);
}

void lte_pe_reset(int fd)
{
    elfie_syscall(__NR_ioctl, fd, PERF_EVENT_IOC_RESET, 0);
}

void lte_pe_close(int fd)
{
    elfie_syscall(__NR_close, fd);
}
