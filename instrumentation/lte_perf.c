/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_perf.h: threads, and callbacks when they come to a place. A thread's descriptor is its
 * record; its first goal is the end, its second one the end of the warm-up. */
#include "lte_perf.h"
#include "elfie.h"
#include "ending.h"
#include "syscall.h"
#include "thread_record.h"

static struct thread_record *record_of(uint64_t tnum)
{
    return tnum < elfie_config.num_threads ? &elfie_records[tnum] : NULL;
}

static uint64_t number_of(const struct thread_record *t)
{
    return (uint64_t)(t - elfie_records);
}

/* --- signals that end a thread --------------------------------------------------------------- */

static void on_signal(int number, siginfo_t *info, void *context)
{
    int64_t thread = elfie_signal_thread();
    if (thread >= 0) {
        struct elfie_goal *g = &elfie_records[thread].counter.goals[0];
        lte_pe_cbk_t callback = (lte_pe_cbk_t)g->argument;
        if (callback)
            callback(&elfie_records[thread], number, info, context);
    }
    for (;;)
        elfie_syscall(__NR_exit, 0);
}

int lte_pe_init(uint64_t num_threads, int sigovfl, const void *sigset)
{
    (void)num_threads;
    (void)sigovfl;
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (int number = 1; sigset && number <= 64; number++)
        if (lte_sigismember(sigset, number))
            lte_sigaction(number, &action, NULL);
    return 0;
}

/* --- threads --------------------------------------------------------------------------------- */

uint64_t lte_pe_get_num_threads(void)
{
    return elfie_config.num_threads;
}

lte_td_t lte_pe_get_thread_desc(uint64_t tnum)
{
    return record_of(tnum);
}

uint64_t lte_pe_get_thread_num(lte_td_t td)
{
    return td ? number_of(td) : INVALID_TNUM;
}

uint64_t lte_pe_get_thread_num_by_tid(int tid)
{
    for (uint64_t t = 0; t < elfie_config.num_threads; t++)
        if (elfie_records[t].tid == (uint64_t)tid)
            return t;
    return INVALID_TNUM;
}

int lte_pe_get_thread_tid(lte_td_t td)
{
    return td ? (int)((struct thread_record *)td)->tid : -1;
}

int lte_pe_get_thread_fd(lte_td_t td)
{
    const struct thread_record *t = td;
    if (!t)
        return -1;
    return t->counter.goals[0].kind == GOAL_PC ? t->counter.goals[0].event : t->counter.counter;
}

int lte_pe_get_perf_fd(lte_td_t td)
{
    return lte_pe_get_thread_fd(td);
}

uint64_t lte_pe_get_thread_samples(lte_td_t td)
{
    return td ? ((struct thread_record *)td)->counter.goals[0].samples : 0;
}

/* The count at the place to which the thread came last. */
uint64_t lte_pe_get_thread_icount(lte_td_t td)
{
    const struct elfie_goal *g = td ? ((struct thread_record *)td)->counter.goals : NULL;
    if (!g)
        return 0;
    uint64_t count = g->samples * g->period;
    return count < g->max ? count : g->max;
}

uint64_t lte_pe_get_thread_icount_max(lte_td_t td)
{
    return td ? ((struct thread_record *)td)->counter.goals[0].max : 0;
}

uint64_t lte_pe_get_thread_icount_period(lte_td_t td)
{
    return td ? ((struct thread_record *)td)->counter.goals[0].period : 0;
}

uint64_t lte_pe_read_thread_icount(lte_td_t td)
{
    int64_t count = td ? elfie_icount_of(number_of(td)) : 0;
    return count < 0 ? 0 : (uint64_t)count;
}

/* --- places ---------------------------------------------------------------------------------- */

static void reached(uint64_t thread, struct elfie_goal *goal, int signal, void *info, void *context)
{
    lte_pe_cbk_t callback = (lte_pe_cbk_t)goal->argument;
    callback(&elfie_records[thread], signal, info, context);
}

/* A place where the thread's end callback is called, or where it ends if that is NULL. */
static struct elfie_goal *add(uint64_t tnum, uint64_t addr, uint64_t period, uint64_t max,
                              lte_pe_cbk_t callback)
{
    if (!record_of(tnum))
        return NULL;
    struct elfie_goal *g =
        elfie_add_goal(tnum, addr, period, max, callback ? reached : NULL, (void *)callback);
    if (g && !callback)
        elfie_expect_end(tnum);
    return g;
}

lte_td_t lte_pe_init_thread_sampling_icount(uint64_t tnum, uint64_t period, uint64_t max,
                                            lte_pe_cbk_t callback, uint64_t wperiod, uint64_t wmax,
                                            lte_pe_cbk_t wcallback)
{
    if (!add(tnum, 0, period, max, callback) ||
        (wperiod && wcallback && !add(tnum, 0, wperiod, wmax, wcallback)))
        return NULL;
    return record_of(tnum);
}

void lte_pe_init_thread_sampling_bp(uint64_t tnum, uint64_t addr, uint64_t period, uint64_t max,
                                    lte_pe_cbk_t callback, uint64_t waddr, uint64_t wperiod,
                                    uint64_t wmax, lte_pe_cbk_t wcallback)
{
    if (addr && add(tnum, addr, period, max, callback) && waddr && wperiod && wcallback)
        add(tnum, waddr, wperiod, wmax, wcallback);
}

lte_td_t lte_pe_init_thread_sampling_idelta(uint64_t tnum, uint64_t period, uint64_t max,
                                            lte_pe_cbk_t callback)
{
    return add(tnum, 0, period, max, callback) ? record_of(tnum) : NULL;
}

lte_td_t lte_pe_init_thread_sampling_pcdelta(uint64_t tnum, uint64_t addr, uint64_t period,
                                             uint64_t max, lte_pe_cbk_t callback)
{
    return addr && add(tnum, addr, period, max, callback) ? record_of(tnum) : NULL;
}

lte_td_t lte_pe_set_thread_end(uint64_t tnum, uint64_t icount)
{
    return add(tnum, 0, icount, icount, NULL) ? record_of(tnum) : NULL;
}
