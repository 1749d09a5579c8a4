/* SPDX-License-Identifier: BSD-3-Clause */
/* What a callback may do with the threads of the region: count their instructions, be called when
 * they come to a place, open counters of perf for them. Names and meanings are those that callback
 * sources for ELFies have always used; includes lte_lc.h.
 *
 * Counts are in instructions, or in arrivals at an address, from the start of the region. A
 * callback on overflow runs in a signal handler of the thread that has come to the place, exactly
 * there: PERIOD 5 means behind the fifth instruction, or before the instruction at the address is
 * executed for the fifth time. It is called each PERIOD up to MAX, where it is called for the last
 * time. Where the machine has no hardware counter of instructions, the thread is single-stepped
 * (count.h). */
#ifndef LTE_PERF_H
#define LTE_PERF_H

#include "lte_lc.h"
#include <ucontext.h>

/* File-scope data of callbacks. */
#define __lte_data __attribute__((section(".data")))
#define __lte_static static __lte_data

#define INVALID_TNUM (~(uint64_t)0)

/* Signals that lte_pe_init takes for overflows; this library uses SIGTRAP, and needs none of them.
 */
#define SIGPEOVFL_MIN __SIGRTMIN
#define SIGPEOVFL_MAX __SIGRTMAX
#define SIGPEOVFL SIGPEOVFL_MAX

#ifdef __cplusplus
extern "C" {
#endif

/* A thread that the ELFie starts. Opaque. */
typedef void *lte_td_t;

/* On overflow: SIGNUM, INFO and CONTEXT (a ucontext_t) as in a signal handler. */
typedef void (*lte_pe_cbk_t)(lte_td_t td, int signum, siginfo_t *info, void *context);

/* The callbacks of an ELFie; others can be named with -p, -t, -e. CONTEXT is NULL. */
void elfie_on_start(uint64_t num_threads, void *context);
lte_td_t elfie_on_thread_start(uint64_t tnum, void *context, uint64_t icount);
void elfie_on_exit(void);

/* To be called first, in elfie_on_start. SIGSET (an lte_sigset_t, or NULL): signals that end the
 * thread in which they arrive, with status 0, after its overflow callback has been called. Returns
 * 0. */
int lte_pe_init(uint64_t num_threads, int sigovfl, const void *sigset);

uint64_t lte_pe_get_num_threads(void);

/* Between a thread's number, its descriptor and its kernel's id. NULL, INVALID_TNUM or -1 where
 * there is no such thread. */
lte_td_t lte_pe_get_thread_desc(uint64_t tnum);
uint64_t lte_pe_get_thread_num(lte_td_t td);
uint64_t lte_pe_get_thread_num_by_tid(pid_t tid);
pid_t lte_pe_get_thread_tid(lte_td_t td);

/* Descriptor of the event that finds the end of the thread, or -1 where there is none because the
 * thread is single-stepped. lte_pe_get_perf_fd is the same. */
int lte_pe_get_thread_fd(lte_td_t td);
int lte_pe_get_perf_fd(lte_td_t td);

/* How often the thread has come to its place; the count there; MAX and PERIOD as they were given.
 */
uint64_t lte_pe_get_thread_samples(lte_td_t td);
uint64_t lte_pe_get_thread_icount(lte_td_t td);
uint64_t lte_pe_get_thread_icount_max(lte_td_t td);
uint64_t lte_pe_get_thread_icount_period(lte_td_t td);

/* Instructions of the thread so far; 0 where nothing counts them. */
uint64_t lte_pe_read_thread_icount(lte_td_t td);

/* Calls CALLBACK each PERIOD instructions up to MAX, and WCALLBACK likewise, which is meant for the
 * end of a warm-up (WPERIOD 0: there is none). In elfie_on_thread_start. NULL on error. */
lte_td_t lte_pe_init_thread_sampling_icount(uint64_t tnum, uint64_t period, uint64_t max,
                                            lte_pe_cbk_t callback, uint64_t wperiod, uint64_t wmax,
                                            lte_pe_cbk_t wcallback);

/* The same with arrivals at ADDR and at WADDR. */
void lte_pe_init_thread_sampling_bp(uint64_t tnum, uint64_t addr, uint64_t period, uint64_t max,
                                    lte_pe_cbk_t callback, uint64_t waddr, uint64_t wperiod,
                                    uint64_t wmax, lte_pe_cbk_t wcallback);

/* The same, counted from now on: also in a callback on overflow. */
lte_td_t lte_pe_init_thread_sampling_idelta(uint64_t tnum, uint64_t period, uint64_t max,
                                            lte_pe_cbk_t callback);
lte_td_t lte_pe_init_thread_sampling_pcdelta(uint64_t tnum, uint64_t addr, uint64_t period,
                                             uint64_t max, lte_pe_cbk_t callback);

/* Ends the thread behind its instruction ICOUNT; when all threads with such an end have come to it,
 * the region ends with status 0. NULL on error. */
lte_td_t lte_pe_set_thread_end(uint64_t tnum, uint64_t icount);

/* Opens an event of perf (linux/perf_event.h) that counts for the thread in user mode, from the
 * start of the region on, or from now on when it runs already; ISGLOBAL: and for threads and
 * processes that it creates. To be called in that thread. A descriptor with a high number, or -1.
 */
int lte_pe_open_thread_perf_event(lte_td_t td, uint32_t type, uint64_t config, uint8_t isglobal);

uint64_t lte_pe_read(int fd); /* 0 on error */
void lte_pe_enable(int fd);
void lte_pe_disable(int fd);
void lte_pe_reset(int fd);
void lte_pe_close(int fd);

#ifdef __cplusplus
}
#endif

#endif
