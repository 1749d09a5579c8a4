/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes threads and modules, gives BASE.T.result. What is counted in the region (inscount,
 * num_syscalls) is there only when it was run. */
#include <stdlib.h>

#include "final_registers.h"
#include "memory.h"
#include "pinball.h"
#include "write.h"

static void write_modules(const struct modules *modules, struct output *output)
{
    for (size_t i = 0; i < modules->count; i++)
        output_printf(output, LOADING, modules->list[i].path, modules->list[i].base,
                      modules->list[i].base + modules->list[i].size - 1);
}

/* For --replay-check; no other reader knows these lines. */
static void write_last_registers(const struct user_regs_struct *last, struct output *output)
{
    for (const struct final_register *each = final_registers; each->name; each++)
        output_printf(output, "last_register: %s 0x%lx\n", each->name,
                      final_register_value(last, each));
}

static void write_counts(const struct region_counts *counts, struct output *output)
{
    output_printf(output,
                  "inscount: %lu\nlog_entries: %lu\nnum_signals 0\nnum_syscalls: %lu\n"
                  "ip_type:last_pc: 0x%09lx\n",
                  counts->instructions, counts->log_entries, counts->calls, counts->last_pc);
}

void write_result(const struct snapshot *snapshot, const struct region *region)
{
    size_t threads = region ? region_num_threads(region) : snapshot->num_threads;
    for (size_t i = 0; i < threads; i++) {
        struct region_counts counts =
            region ? region_counts(region, i)
                   : (struct region_counts){.tid = regs_inner_tid(snapshot->threads[i].tid),
                                            .first_pc = snapshot->threads[i].general.rip};
        char *suffix = memory_format("%zu.result", i);
        struct output *output = pinball_create(suffix, COMPRESS_NONE);
        output_printf(output,
                      "-- start of image-load-log --------------------------------------- \n");
        if (i == 0)
            write_modules(&snapshot->modules, output);
        output_printf(output,
                      "-- end of image-load-log ----------------------------------------- \n");
        output_printf(output, "OSTid: %d\n", counts.tid);
        if (region)
            write_counts(&counts, output);
        if (region)
            write_last_registers(&counts.last, output);
        output_printf(output, "ip_type: init_pc: 0x%09lx\n", counts.first_pc);
        output_close(output);
        free(suffix);
    }
}
