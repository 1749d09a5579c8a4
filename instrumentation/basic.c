/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks of the basic kind: nothing but the region. With ELFIE_VERBOSE=1 they say the process
 * id and the threads with their ids, on stderr. */
#include "callbacks.h"
#include "elfie.h"
#include "syscall.h"

void elfie_on_start(uint64_t num_threads, void *context)
{
    struct elfie_line line;
    (void)context;
    if (!elfie_process.verbose)
        return;
    elfie_begin(&line);
    elfie_put(&line, "process ");
    elfie_put_decimal(&line, (uint64_t)elfie_syscall(__NR_getpid));
    elfie_put(&line, ", ");
    elfie_put_decimal(&line, num_threads);
    elfie_put(&line, num_threads == 1 ? " thread\n" : " threads\n");
    elfie_write(&line);
}

void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount)
{
    struct elfie_line line;
    (void)context;
    if (!elfie_process.verbose)
        return NULL;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, ": id ");
    elfie_put_decimal(&line, (uint64_t)elfie_syscall(__NR_gettid));
    elfie_put(&line, ", starts at ");
    elfie_put_hex(&line, elfie_threads[thread].rip);
    if (icount) {
        elfie_put(&line, ", recorded for ");
        elfie_put_decimal(&line, icount);
        elfie_put(&line, " instructions");
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
    return NULL;
}
