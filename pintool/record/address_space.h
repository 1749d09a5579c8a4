/* SPDX-License-Identifier: BSD-3-Clause */
/* What the calls that change the mappings (mmap, munmap, mremap, brk, madvise) do to the contents
 * of memory. A file that is mapped is written by the call, as it were. Fresh memory is zero, and
 * that has to be logged where something else was before: who replays the region without executing
 * the call still has it there. */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

#include "call_memory.h"
#include "maps.h"

struct address_space;

struct address_space *address_space_new(const struct tracee *tracee, const struct maps *maps);

/* CALL is about to be made: looks at what it may take away. */
void address_space_before(struct address_space *space, const struct call *call);

/* CALL has returned RESULT: adds to LIST the memory whose contents are others now. */
void address_space_after(struct address_space *space, const struct call *call, int64_t result,
                         struct written_list *list);

/* What the last brk gave; 0 if there was none. */
uint64_t address_space_break(const struct address_space *space);

#endif
