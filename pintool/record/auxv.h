/* SPDX-License-Identifier: BSD-3-Clause */
/* The auxiliary vector on the stack of a program that has not executed anything yet. */
#ifndef AUXV_H
#define AUXV_H

#include "tracee.h"

/* Turns AT_SYSINFO_EHDR into AT_IGNORE, so that the program makes system calls where it would call
 * the vdso, which an ELFie does not have (PinPlay does the same). Gives AT_ENTRY, the address of
 * the main executable's first instruction. TRACEE is stopped at EVENT_EXEC. */
uint64_t auxv_hide_vdso(const struct tracee *tracee);

#endif
