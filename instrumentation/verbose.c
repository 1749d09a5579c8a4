/* SPDX-License-Identifier: BSD-3-Clause */
/* ELFIE_VERBOSE=1: the process id of the region, and its threads with their ids, on stderr. */
#include "elfie.h"
#include "syscall.h"

void elfie_say_process(void)
{
    struct elfie_line line;
    if (!elfie_process.verbose)
        return;
    elfie_begin(&line);
    elfie_put(&line, "process ");
    elfie_put_decimal(&line, (uint64_t)elfie_syscall(__NR_getpid));
    elfie_put(&line, ", ");
    elfie_put_decimal(&line, elfie_config.num_threads);
    elfie_put(&line, elfie_config.num_threads == 1 ? " thread\n" : " threads\n");
    elfie_write(&line);
}

void elfie_say_thread(uint64_t thread)
{
    struct elfie_line line;
    if (!elfie_process.verbose)
        return;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, ": id ");
    elfie_put_decimal(&line, (uint64_t)elfie_syscall(__NR_gettid));
    elfie_put(&line, ", starts at ");
    elfie_put_hex(&line, elfie_threads[thread].rip);
    if (elfie_threads[thread].icount) {
        elfie_put(&line, ", recorded for ");
        elfie_put_decimal(&line, elfie_threads[thread].icount);
        elfie_put(&line, " instructions");
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
}
