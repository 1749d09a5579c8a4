/* SPDX-License-Identifier: BSD-3-Clause */
/* See ending.h. */
#include "ending.h"
#include "elfie.h"
#include "signals.h"
#include "syscall.h"

#include <linux/futex.h>
#include <linux/time.h>
#include <linux/time_types.h>

enum {
    NANOSECONDS = 1000000000,
    IDLE_BELOW = NANOSECONDS / 200, /* processor time in a second, by threads that only wait */
    IDLE_TICKS = 3,                 /* seconds of that, before threads at their end may go on */
};

static uint32_t expected; /* threads that have an end mark and have not come to it */
static uint32_t arrived;
static uint32_t go_on; /* futex: threads that have come may go past their marks */

void elfie_expect_end(uint64_t thread)
{
    if (elfie_records[thread].ends == ENDS_EXPECTED)
        return;
    elfie_records[thread].ends = ENDS_EXPECTED;
    __atomic_add_fetch(&expected, 1, __ATOMIC_RELAXED);
}

/* The last one that was waited for ends the process. */
static void count_out(uint64_t thread)
{
    if (elfie_records[thread].ends != ENDS_EXPECTED)
        return;
    elfie_records[thread].ends = ENDS_OVER;
    if (__atomic_sub_fetch(&expected, 1, __ATOMIC_ACQ_REL) == 0 && arrived)
        elfie_syscall(__NR_exit_group, 0);
}

void elfie_thread_leaves(uint64_t thread)
{
    count_out(thread);
}

/* Where no monitor does, one of the threads at their ends looks after the others. */
static int is_watcher(void)
{
    static uint32_t taken;
    return !(elfie_config.on_exit || elfie_config.flags & ELFIE_MONITOR) &&
           !__atomic_exchange_n(&taken, 1, __ATOMIC_RELAXED);
}

void elfie_end_thread(uint64_t thread)
{
    const struct __kernel_timespec second = {.tv_sec = 1};
    __atomic_add_fetch(&arrived, 1, __ATOMIC_RELAXED);
    count_out(thread);
    int watches = is_watcher();
    while (!__atomic_load_n(&go_on, __ATOMIC_ACQUIRE)) {
        elfie_syscall(__NR_futex, &go_on, FUTEX_WAIT, 0, watches ? &second : NULL);
        long process = watches ? elfie_syscall(__NR_getpid) : 0;
        if (watches)
            elfie_look_after_ends(process);
    }
    elfie_records[thread].went_on = 1;
}

/* Processor time of all threads of PROCESS so far, in nanoseconds. Its clock's number: the kernel's
 * include/linux/posix-timers.h, 2 is CPUCLOCK_SCHED. */
static int64_t processor_time(long process)
{
    struct __kernel_timespec t = {0, 0};
    elfie_syscall(__NR_clock_gettime, (long)((~(unsigned long)process << 3) | 2), &t);
    return t.tv_sec * NANOSECONDS + t.tv_nsec;
}

void elfie_look_after_ends(long process)
{
    static int64_t last;
    static unsigned idle;
    if (!__atomic_load_n(&arrived, __ATOMIC_RELAXED) || go_on)
        return;
    static int64_t checked; /* signals bring us here before a second has gone by */
    struct __kernel_timespec t = {0, 0};
    elfie_syscall(__NR_clock_gettime, CLOCK_MONOTONIC, &t);
    if (t.tv_sec * NANOSECONDS + t.tv_nsec - checked < NANOSECONDS)
        return;
    checked = t.tv_sec * NANOSECONDS + t.tv_nsec;
    int64_t now = processor_time(process);
    idle = now - last < IDLE_BELOW ? idle + 1 : 0;
    last = now;
    if (idle < IDLE_TICKS)
        return;
    __atomic_store_n(&go_on, 1, __ATOMIC_RELEASE);
    elfie_syscall(__NR_futex, &go_on, FUTEX_WAKE, INT32_MAX);
}

int elfie_went_on(uint64_t thread)
{
    return elfie_records[thread].went_on;
}
