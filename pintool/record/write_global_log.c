/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the process as a whole, gives BASE.global.log with the register table. */
#include <stdlib.h>
#include <sys/utsname.h>

#include "memory.h"
#include "pinball.h"
#include "version.h"
#include "write.h"

/* On one line, whatever the arguments hold. */
static void write_command_line(char *const *arguments, struct output *output)
{
    char *line = memory_format("%s", "app-command-line:");
    for (; *arguments; arguments++) {
        char *longer = memory_format("%s %s", line, *arguments);
        free(line);
        line = longer;
    }
    for (char *c = line; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    output_printf(output, "%s\n", line);
    free(line);
}

static void write_table(const struct reg_table *table, struct output *output)
{
    output_printf(output, "num_reg_descs:  %u\n", table->count);
    for (unsigned i = 0; i < table->count; i++)
        output_printf(output, "%s %u %u\n", table->list[i].name, i, table->list[i].size);
}

static void write_call_addresses(const struct region *region, struct output *output)
{
    size_t count;
    const uint64_t *addresses = region_call_addresses(region, &count);
    for (size_t i = 0; i < count; i++)
        output_printf(output, "ip_entry:syscall: 0x%09lx L64\n", addresses[i]);
}

void write_global_log(const struct snapshot *snapshot, enum log_format format,
                      const struct region *region)
{
    size_t threads = region ? region_num_threads(region) : snapshot->num_threads;
    struct output *output = pinball_create("global.log", COMPRESS_NONE);
    const struct mapping *vdso = maps_find_name(&snapshot->maps, "[vdso]");
    struct utsname system;
    output_printf(output, "recorder: elfie-record %s\n", ELFIE_VERSION);
    write_command_line(snapshot->arguments, output);
    output_printf(output, "OSPid: %d\n", regs_inner_tid(snapshot->tracee->pid));
    if (format == LOG_FORMAT_2_6)
        output_printf(output, "file_type: text\n");
    output_printf(output, "fat: 1\nlit: 0\n");
    if (uname(&system) == 0)
        output_printf(output, "OS_info: %s %s %s intel64\n", system.sysname, system.release,
                      system.version);
    output_printf(output, "relogged: 0\narch: x86_64\n");
    output_printf(output, "num_static_threads: %zu\n", threads);
    output_printf(output, "num_dynamic_threads: %zu\n", snapshot->num_threads);
    output_printf(output, "num_threads_started: %zu\n", threads);
    output_printf(output, "log format version: %s\n", format == LOG_FORMAT_2_6 ? "2.6" : "2.11");
    output_printf(output, "data_page_size:  %d\ntext_page_size:  %d\n", PAGE_BYTES, PAGE_BYTES);
    if (vdso)
        output_printf(output, "vdso_address: 0x%lx 0x%lx\n", vdso->lo, vdso->hi);
    if (region)
        write_call_addresses(region, output);
    write_table(&snapshot->table, output);
    output_close(output);
}
