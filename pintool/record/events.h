/* SPDX-License-Identifier: BSD-3-Clause */
/* How often watched addresses run, per thread and in all, and what was counted when warm-up,
 * simulation and region ended: BASE.event_icount.T.txt. */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct events;

/* Watches COUNT addresses. */
struct events *events_new(const uint64_t *addresses, size_t count);

/* Thread THREAD has run the instruction at PC. */
void events_count(struct events *events, unsigned thread, uint64_t pc);

/* How often the address of this index was run, by all threads. */
uint64_t events_hits(const struct events *events, size_t index);

/* NAME ("Sim-Start", "Sim-End", "Fini") happens now, when each of the THREADS has run so many
 * instructions as ICOUNTS says. */
void events_mark(struct events *events, const char *name, const uint64_t *icounts, size_t threads);

/* Writes the file of each of the threads that the last mark had. */
void events_write(const struct events *events);

void events_free(struct events *events);

#endif
