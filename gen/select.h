/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaves parts of a checkpoint out that the user does not want. */
#ifndef GEN_SELECT_H
#define GEN_SELECT_H

#include "checkpoint.h"

/* Leaves out threads that are known to run fewer than MIN_ICOUNT instructions in the region. That
 * none is left ends the program. */
void select_threads(struct checkpoint *c, uint64_t min_icount);

/* Leaves out pages from address TOP on. That none is left ends the program. */
void select_pages(struct checkpoint *c, uint64_t top);

#endif
