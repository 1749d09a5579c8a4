/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes threads and modules, gives BASE.T.result. What a run of the region would have counted
 * (inscount, num_syscalls) is not there. */
#include <stdlib.h>

#include "memory.h"
#include "pinball.h"
#include "write.h"

static void write_modules(const struct modules *modules, struct output *output)
{
    for (size_t i = 0; i < modules->count; i++)
        output_printf(output, LOADING, modules->list[i].path, modules->list[i].base,
                      modules->list[i].base + modules->list[i].size - 1);
}

void write_result(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        char *suffix = memory_format("%zu.result", i);
        struct output *output = pinball_create(suffix, COMPRESS_NONE);
        output_printf(output,
                      "-- start of image-load-log --------------------------------------- \n");
        if (i == 0)
            write_modules(&snapshot->modules, output);
        output_printf(output,
                      "-- end of image-load-log ----------------------------------------- \n");
        output_printf(output, "OSTid: %d\n", snapshot->threads[i].tid);
        output_printf(output, "ip_type: init_pc: 0x%09llx\n", snapshot->threads[i].general.rip);
        output_close(output);
        free(suffix);
    }
}
