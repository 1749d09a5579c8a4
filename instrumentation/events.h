/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of perf that count for count.c. All descriptors are high ones. */
#ifndef ELFIE_EVENTS_H
#define ELFIE_EVENTS_H

#include "count.h"

/* Of events where the kernel cannot send SIGTRAP (before Linux 5.13). Above what libcs use, and no
 * program's favourite. */
enum { EVENT_SIGNAL = 62 };

#pragma GCC visibility push(hidden)

/* A breakpoint event for goal INDEX of the calling thread; its descriptor, or -errno. */
long elfie_open_breakpoint(struct elfie_counter *c, int index, uint64_t period);

/* The hardware counter of instructions of the calling thread, not enabled; or -errno. */
long elfie_open_counter(struct elfie_counter *c);

/* The counter is to send SIGTRAP when it has counted so far. */
void elfie_set_counter(struct elfie_counter *c, uint64_t period);
uint64_t elfie_read_counter(const struct elfie_counter *c);

void elfie_close_event(long fd); /* nothing for a negative one */

#pragma GCC visibility pop

#endif
