/* SPDX-License-Identifier: BSD-3-Clause */
/* One processor for recorder and program: a step then costs a quarter (measured on a virtual
 * machine with two processors: 42,000 steps a second against 12,000). The program does not see it.
 */
#ifndef AFFINITY_H
#define AFFINITY_H

#include "call_memory.h"
#include "tracee.h"

/* Puts the recorder and the threads of TRACEE on the processor it runs on now. */
void affinity_pin(const struct tracee *tracee);

/* Thread TID was made by PARENT, and has its pinning. */
void affinity_inherit(pid_t parent, pid_t tid);

/* Around each call: what asks for processors gets the true answer, what sets them does. */
void affinity_before_call(const struct call *call);
void affinity_after_call(const struct call *call);

/* Gives everybody his processors back. */
void affinity_release(void);

#endif
