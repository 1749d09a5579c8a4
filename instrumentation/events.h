/* SPDX-License-Identifier: BSD-3-Clause */
/* Events of perf that count for count.c and replay_counter.c. All descriptors are high ones. */
#ifndef ELFIE_EVENTS_H
#define ELFIE_EVENTS_H

#include "count.h"

/* Of events where the kernel cannot send SIGTRAP (before Linux 5.13). Above what libcs use, and no
 * program's favourite. */
enum { EVENT_SIGNAL = 62 };

#pragma GCC visibility push(hidden)

/* A breakpoint event for goal INDEX of the calling thread; its descriptor, or -errno. */
long elfie_open_breakpoint(struct elfie_counter *c, int index, uint64_t period);

/* A hardware counter of the calling thread's instructions, not enabled; its descriptor, or -errno.
 */
long elfie_open_counter(void);

/* Counter FD begins at 0, and is to send SIGTRAP when it has counted so far. */
void elfie_set_counter(long fd, uint64_t period);
uint64_t elfie_read_counter(long fd); /* 0, too, when somebody has taken it away */
void elfie_enable_counter(long fd);
void elfie_disable_counter(long fd);

void elfie_close_event(long fd); /* nothing for a negative one */

#pragma GCC visibility pop

#endif
