/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a region whose threads have marks. A thread that has come to its end mark waits there,
 * so that it neither runs on nor lets go of what it holds; when the last one has come, the process
 * ends with status 0. */
#ifndef ELFIE_ENDING_H
#define ELFIE_ENDING_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

/* A thread of the region will come to an end mark. Before the threads run. */
void elfie_expect_end(uint64_t thread);

/* Thread THREAD has come to its end mark. Returns only where the threads that have not come yet
 * cannot unless this one goes on. */
void elfie_end_thread(uint64_t thread);

/* Thread THREAD ends by itself; it will not come to a mark any more. */
void elfie_thread_leaves(uint64_t thread);

/* In the monitor, now and then: lets threads at their end go on where all others of PROCESS, the
 * region's, stand still. */
void elfie_look_after_ends(long process);

/* For a report. */
int elfie_has_ended(uint64_t thread); /* came to its mark */
int elfie_went_on(uint64_t thread);   /* past its mark, for the sake of others */
int elfie_everybody_has_ended(void);

#pragma GCC visibility pop

#endif
