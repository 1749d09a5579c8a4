/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters that a perf ELFie reports, as ELFIE_PERFLIST asks for them: type:event,... with
 * types and events of linux/perf_event.h. */
#ifndef ELFIE_PERF_EVENTS_H
#define ELFIE_PERF_EVENTS_H

#include "elfie.h"

enum { MAX_EVENTS = 21 };

#pragma GCC visibility push(hidden)

struct perf_event_choice {
    uint32_t type;
    uint64_t config;
    const char *name; /* as in the report */
};

/* What is to be reported, in the order of types and events; ends with a null name. */
extern struct perf_event_choice elfie_perf_events[MAX_EVENTS + 1];

/* Fills it from ELFIE_PERFLIST. A list that is none ends the program. */
void elfie_read_perf_list(void);

/* Value of the event behind FD, or -1 where it cannot be read. */
int64_t elfie_read_event(int fd);

#pragma GCC visibility pop

#endif
