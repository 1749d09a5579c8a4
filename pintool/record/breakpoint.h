/* SPDX-License-Identifier: BSD-3-Clause */
/* The int3 that stops the program at an address. See struct breakpoint in tracee.h. */
#ifndef BREAKPOINT_H
#define BREAKPOINT_H

#include "tracee.h"

/* Inserts the breakpoint at ADDRESS through a stopped thread; there must be none. False with errno
 * if the memory is not there. */
bool breakpoint_insert(struct tracee *tracee, uint64_t address);

/* Puts the original byte back. No-op if there is none. */
void breakpoint_remove(struct tracee *tracee);

/* Puts the original byte back in CHILD, a stopped process with a copy of the program's memory. */
void breakpoint_remove_from_child(const struct tracee *tracee, pid_t child);

/* If TID, stopped by SIGTRAP, executed our int3: sets it back in front of the instruction and gives
 * true. */
bool breakpoint_take_hit(const struct tracee *tracee, pid_t tid);

/* Has THREAD, which is stopped in front of the breakpoint, execute the instruction there, while all
 * other threads are stopped. False if a signal or the thread's end came first: the instruction has
 * then not been executed. */
bool breakpoint_step_over(struct tracee *tracee, struct thread *thread);

/* The same for a child that shares the memory. */
void breakpoint_step_child(struct tracee *tracee, pid_t child);

#endif
