/* SPDX-License-Identifier: BSD-3-Clause */
/* Executing a simple instruction on behalf of a stopped thread. */
#ifndef EMULATE_H
#define EMULATE_H

#include "tracee.h"

/* Executes the instruction at ADDRESS for THREAD, which is stopped in front of it and sees an int3
 * there in place of byte ORIGINAL. False, with nothing changed, if the instruction is not one of
 * the few that functions typically begin with: it then has to be stepped, which needs all other
 * threads to be stopped. */
bool emulate(const struct tracee *tracee, const struct thread *thread, uint64_t address,
             uint8_t original);

#endif
