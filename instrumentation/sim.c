/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks of the sim kind: says on stderr which markers a simulator can look for, and what the
 * user has said with --message. The markers themselves are in start.S. */
#include "callbacks.h"
#include "elfie.h"

void elfie_on_start(uint64_t num_threads, void *context)
{
    struct elfie_line line;
    (void)num_threads;
    (void)context;
    if (!elfie_config.message)
        return;
    elfie_begin(&line);
    elfie_put(&line, elfie_config.message);
    elfie_put(&line, "\n");
    elfie_write(&line);
}

void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount)
{
    (void)thread;
    (void)context;
    (void)icount;
    return NULL;
}
