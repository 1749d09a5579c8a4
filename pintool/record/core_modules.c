/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the files that a core dump names, gives modules, and what their symbols tell. */
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_private.h"
#include "memory.h"
#include "message.h"

static bool is_elf(int file)
{
    char magic[SELFMAG];
    return pread(file, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
           memcmp(magic, ELFMAG, SELFMAG) == 0;
}

struct modules core_modules(const struct core *core, const struct maps *maps)
{
    const struct core_mapped *main = core_find_mapped(core, core->entry);
    Dwfl *dwfl = modules_begin();
    dwfl_report_begin(dwfl);
    for (size_t i = 0; i < core->num_mapped; i++) {
        const struct core_mapped *mapped = &core->mapped[i];
        if (mapped->offset != 0 || mapped->file < 0 || !is_elf(mapped->file))
            continue;
        int file = dup(mapped->file); /* libdw closes it */
        if (file < 0 ||
            !dwfl_report_elf(dwfl, mapped->path, mapped->path, file, mapped->lo, false)) {
            note("%s: left out of the list of modules: %s", mapped->path, dwfl_errmsg(-1));
            close(file);
        }
    }
    return modules_collect(dwfl, maps, main ? main->path : "");
}

struct search {
    const char *name;
    uint64_t address;
};

static bool compare(const struct symbol *symbol, void *context)
{
    struct search *search = context;
    size_t length = strlen(search->name);
    if (strncmp(symbol->name, search->name, length) != 0 ||
        (symbol->name[length] != '\0' && symbol->name[length] != '@'))
        return true;
    search->address = symbol->address;
    return false;
}

uint64_t core_break(const struct core *core, const struct modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        struct search search = {.name = "__curbrk"};
        uint64_t value;
        module_symbols(&modules->list[i], compare, &search);
        if (search.address &&
            core_read(core, search.address, &value, sizeof value) == sizeof value &&
            (int64_t)value > 0)
            return value;
    }
    return 0;
}
