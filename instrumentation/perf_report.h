/* SPDX-License-Identifier: BSD-3-Clause */
/* What a perf ELFie notes of each thread, and the files that it makes of it. */
#ifndef ELFIE_PERF_REPORT_H
#define ELFIE_PERF_REPORT_H

#include "perf_events.h"

/* Where something ends: PC the COUNT-th time, or else behind instruction ICOUNT; 0: not known. */
struct perf_place {
    uint64_t icount, pc, count;
};

struct perf_moment {
    uint64_t tsc;               /* 0: it has not come */
    int64_t values[MAX_EVENTS]; /* -1: not to be had */
};

struct perf_thread {
    uint64_t start_tsc;
    struct perf_place warmup_place, end_place;
    struct perf_moment warmup_end, end;
    int events[MAX_EVENTS]; /* descriptors, or -1 */
};

#pragma GCC visibility push(hidden)

extern struct perf_thread *elfie_perf_threads;
extern uint64_t elfie_perf_start; /* TSC */

uint64_t elfie_tsc(void);

/* Makes sure that the reports can be written; if not, ends the program. */
void elfie_prepare_reports(void);

/* The count of a stepped thread stands still, and the program has ended all the same. */
int elfie_is_count_lost(void);

/* Writes PREFIX.T.perf.txt for each thread T, or says which one cannot be written. */
void elfie_write_reports(void);

#pragma GCC visibility pop

#endif
