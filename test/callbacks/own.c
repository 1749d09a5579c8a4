/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks of other names than elfie_...: they say on descriptor 2 that they were called. */
#include "helper.h"
#include "lte_perf.h"

__lte_static char began[] = "own begin: threads ";
__lte_static char ended[] = "own end: callbacks ";
static uint64_t calls;

void own_begin(uint64_t num_threads, void *context)
{
    (void)context;
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    lte_write(2, began, lte_strlen(began) - 1);
    lte_diprintfe(2, num_threads, '\n');
}

lte_td_t own_thread(uint64_t tnum, void *context, uint64_t icount)
{
    (void)context;
    (void)icount;
    __atomic_add_fetch(&calls, helper_one(), __ATOMIC_SEQ_CST);
    helper_say(tnum);
    return 0;
}

void own_end(void)
{
    lte_write(2, ended, lte_strlen(ended) - 1);
    lte_diprintfe(2, calls, '\n');
}
