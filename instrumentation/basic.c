/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks of the basic kind: nothing but the region. */
#include "callbacks.h"

#include <stddef.h>

void elfie_on_start(uint64_t num_threads, void *context)
{
    (void)num_threads;
    (void)context;
}

void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount)
{
    (void)thread;
    (void)context;
    (void)icount;
    return NULL;
}
