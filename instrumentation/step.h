/* SPDX-License-Identifier: BSD-3-Clause */
/* The trap flag: a SIGTRAP after each instruction. Between count.c, which knows the goals, and
 * step.c, which knows how the processor and the kernel behave. */
#ifndef ELFIE_STEP_H
#define ELFIE_STEP_H

#include "signals.h"

#pragma GCC visibility push(hidden)

/* Handler of SIGTRAP and of EVENT_SIGNAL. */
void elfie_on_trap(int number, siginfo_t *info, struct ucontext *context);

/* count.c: has thread THREAD, about to execute the instruction at RIP, come to goals? */
void elfie_check_goals(uint64_t thread, uint64_t rip, int signal, void *info, void *context);

/* count.c: the breakpoint event of goal GOAL has been reached. */
void elfie_reach_event(uint64_t thread, uint64_t goal, int signal, void *info, void *context);

#pragma GCC visibility pop

#endif
