/* SPDX-License-Identifier: BSD-3-Clause */
/* B.event_icount.T.txt while a program runs: instructions of each thread, executions of watched
 * addresses, and what both were at each event. */
#ifndef COMMON_EVENT_COUNT_H
#define COMMON_EVENT_COUNT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One thread's counts. Only that thread changes them, so no two share a cache line. */
struct event_thread {
    uint64_t instructions;
    uint64_t *executions; /* of each watched address */
    char filler[48];
};

struct event_count {
    struct event_thread *threads; /* of THREADS, from 0 */
    uint64_t *addresses;
    size_t num_threads, num_addresses;
    void **files; /* FILE of each thread */
    int error;    /* errno of what could not be written, or 0 */
};

/* Creates PREFIX.event_icount.T.txt for THREADS threads. Gives 0 or an errno. */
int event_count_begin(struct event_count *count, const char *prefix, size_t threads,
                      const uint64_t *addresses, size_t num_addresses);

/* The index of ADDRESS among the watched ones, or -1. */
int event_count_find(const struct event_count *count, uint64_t address);

/* EVENT ("Sim-Start", ...) happens: a record in the file of each thread. Calls have to come one at
 * a time. What other threads count at that moment may be a little behind. */
void event_count_mark(struct event_count *count, const char *event);

/* The last record, "Fini". Gives 0 or an errno if not all could be written. */
int event_count_end(struct event_count *count);

#ifdef __cplusplus
}
#endif

#endif
