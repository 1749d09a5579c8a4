/* SPDX-License-Identifier: BSD-3-Clause */
/* A vdso that works without the kernel's data, for programs that were not started by the recorder
 * and know the address of theirs. */
#ifndef VDSO_CALLS_H
#define VDSO_CALLS_H

#include "snapshot.h"

/* Has the pinball hold the program's vdso, as memory of its own in which each function makes the
 * system call of its name. In the ELFie the kernel's vdso lies elsewhere, and its data cannot be
 * recorded. Mapping [vdso] gets another name. Nothing is done where there is no vdso. */
void vdso_calls_make(struct snapshot *snapshot);

#endif
