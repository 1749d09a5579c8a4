/* SPDX-License-Identifier: BSD-3-Clause */
/* A copy of the program's writable memory, to find out what a system call has written of which
 * nothing else is known. It takes as much memory as the program has. */
#ifndef MEMORY_COPY_H
#define MEMORY_COPY_H

#include "call_memory.h"
#include "tracee.h"

struct memory_copy;

struct memory_copy *memory_copy_take(const struct tracee *tracee);

/* Adds to LIST the quadwords that are others now, as far as they are still there. */
void memory_copy_compare(const struct memory_copy *copy, const struct tracee *tracee,
                         struct written_list *list);

void memory_copy_free(struct memory_copy *copy);

#endif
