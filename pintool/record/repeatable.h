/* SPDX-License-Identifier: BSD-3-Clause */
/* What has a program run in the same way each time, as far as the recorder can: time stamps and
 * random bytes that do not differ. Off when randomisation is left on. */
#ifndef REPEATABLE_H
#define REPEATABLE_H

#include <stdbool.h>

#include "call_memory.h"
#include "tracee.h"

/* To be called at the start of the program's image and at its entry: between the two, RDTSC gives
 * the same values in each run. The dynamic linker keeps time stamps of its own work. */
void repeatable_hide_time(struct tracee *tracee);
void repeatable_show_time(struct tracee *tracee);

/* If TID, stopped by SIGSEGV, is in front of an RDTSC that is hidden from it: executes that and
 * gives true. */
bool repeatable_take_rdtsc(const struct tracee *tracee, pid_t tid);

/* CALL has returned RESULT. If it was getrandom: other bytes, the same in each run. */
void repeatable_after_call(const struct tracee *tracee, const struct call *call, int64_t result);

/* REGISTERS as the same RDTSC would leave them in each run. */
void repeatable_set_time(struct user_regs_struct *registers, uint64_t icount);

extern bool repeatable; /* as the user wants it */

#endif
