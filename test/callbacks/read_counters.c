/* SPDX-License-Identifier: BSD-3-Clause */
/* When the region has ended: the counters that marks.c has in its memory, at COUNTERS. To be given
 * as the exit callback. */
#include "lte_perf.h"

void read_counters(void);

void read_counters(void)
{
    const uint64_t *counters = (const uint64_t *)COUNTERS;
    for (uint64_t t = 0; t < lte_pe_get_num_threads(); t++)
        lte_diprintfe(2, counters[t], t + 1 < lte_pe_get_num_threads() ? ' ' : '\n');
}
