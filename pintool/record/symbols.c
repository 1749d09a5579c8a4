/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a stopped process, gives modules and symbols. */
#include "symbols.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"
#include "memory.h"
#include "message.h"

/* Separate debug files are not searched: the usual callback would ask debuginfod servers. */
static int no_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                        const char *file, const char *link, GElf_Word crc, char **found)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc;
    (void)found;
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = no_debuginfo,
};

/* --- modules ---------------------------------------------------------------------------------- */

/* The span of all loadable segments. False if ELF is no executable or library. */
static bool get_span(Elf *elf, GElf_Addr bias, uint64_t *base, uint64_t *size)
{
    GElf_Ehdr header;
    size_t count;
    uint64_t lo = UINT64_MAX, hi = 0;
    if (!gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &count) != 0 ||
        (header.e_type != ET_EXEC && header.e_type != ET_DYN))
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD)
            continue;
        uint64_t start = segment.p_vaddr & ~(uint64_t)(PAGE_BYTES - 1);
        lo = start < lo ? start : lo;
        hi = segment.p_vaddr + segment.p_memsz > hi ? segment.p_vaddr + segment.p_memsz : hi;
    }
    *base = lo + bias;
    *size = hi - lo;
    return lo < hi;
}

/* A library opened as data (mapped, but nowhere executable) is not a module. */
static bool is_executable(const struct maps *maps, const char *path)
{
    for (size_t i = 0; i < maps->count; i++)
        if (maps->list[i].executable && strcmp(maps->list[i].name, path) == 0)
            return true;
    return false;
}

struct collection {
    struct modules *modules;
    const struct maps *maps;
    const char *main; /* path of the main executable */
};

static int collect(Dwfl_Module *handle, void **data, const char *name, Dwarf_Addr base,
                   void *context)
{
    struct collection *collection = context;
    struct modules *modules = collection->modules;
    struct module module = {.handle = handle};
    GElf_Addr bias;
    (void)data, (void)base;
    if (*name != '/' || !is_executable(collection->maps, name))
        return DWARF_CB_OK;
    Elf *elf = dwfl_module_getelf(handle, &bias);
    if (!elf || !get_span(elf, bias, &module.base, &module.size)) {
        note("%s: left out of the list of modules: %s", name,
             elf ? "it has no segments" : dwfl_errmsg(-1));
        return DWARF_CB_OK;
    }
    module.path = memory_format("%s", name);
    const char *file = strrchr(name, '/') + 1;
    module.is_loader = strncmp(file, "ld-linux", 8) == 0 || strncmp(file, "ld-musl", 7) == 0;
    modules->list = memory_resize(modules->list, modules->count + 1, sizeof module);
    modules->list[modules->count++] = module;
    /* To the front with the main executable. */
    if (strcmp(name, collection->main) == 0) {
        memmove(&modules->list[1], &modules->list[0], (modules->count - 1) * sizeof module);
        modules->list[0] = module;
    }
    return DWARF_CB_OK;
}

/* Symbols of the dynamic linker that libraries have too (malloc) are its private ones. */
static void move_loader_to_end(struct modules *modules)
{
    for (size_t i = 1; i + 1 < modules->count; i++) {
        struct module module = modules->list[i];
        if (!module.is_loader)
            continue;
        memmove(&modules->list[i], &modules->list[i + 1], (modules->count - 1 - i) * sizeof module);
        modules->list[modules->count - 1] = module;
        return;
    }
}

struct modules modules_collect(void *handle, const struct maps *maps, const char *main)
{
    struct modules modules = {.handle = handle};
    struct collection collection = {.modules = &modules, .maps = maps, .main = main};
    if (dwfl_report_end(handle, NULL, NULL) != 0 ||
        dwfl_getmodules(handle, collect, &collection, 0) < 0)
        fail("the program's modules cannot be read: %s", dwfl_errmsg(-1));
    move_loader_to_end(&modules);
    return modules;
}

void *modules_begin(void)
{
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (!dwfl)
        fail("libdw cannot start: %s", dwfl_errmsg(-1));
    return dwfl;
}

struct modules modules_read(pid_t pid)
{
    char link[64];
    char path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    Dwfl *dwfl = modules_begin();
    int error = dwfl_linux_proc_report(dwfl, pid);
    if (error != 0)
        fail("the program's modules cannot be listed: %s",
             error > 0 ? strerror(error) : dwfl_errmsg(-1));
    struct maps maps = maps_read(pid);
    struct modules modules = modules_collect(dwfl, &maps, path);
    maps_free(&maps);
    return modules;
}

void modules_free(struct modules *modules)
{
    for (size_t i = 0; i < modules->count; i++)
        free(modules->list[i].path);
    free(modules->list);
    dwfl_end(modules->handle);
    *modules = (struct modules){0};
}

/* --- symbols ---------------------------------------------------------------------------------- */

static bool is_in_code(Elf *elf, GElf_Word index)
{
    GElf_Shdr section;
    Elf_Scn *scn = elf ? elf_getscn(elf, index) : NULL;
    return scn && gelf_getshdr(scn, &section) && (section.sh_flags & SHF_EXECINSTR);
}

static bool is_wanted(const GElf_Sym *entry, GElf_Word index, const char *name)
{
    if (!name || !*name || index == SHN_UNDEF || index == SHN_ABS || index == SHN_COMMON)
        return false;
    switch (GELF_ST_TYPE(entry->st_info)) {
    case STT_NOTYPE: /* labels of assembly programs */
    case STT_FUNC:
    case STT_OBJECT:
    case STT_GNU_IFUNC:
        return true;
    default:
        return false;
    }
}

void module_symbols(const struct module *module, bool (*visit)(const struct symbol *, void *),
                    void *context)
{
    /* .symtab if there is one (also the compressed one in .gnu_debugdata), else .dynsym */
    int count = dwfl_module_getsymtab(module->handle);
    for (int i = 0; i < count; i++) {
        GElf_Sym entry;
        GElf_Addr address;
        GElf_Word index;
        Elf *elf;
        const char *name =
            dwfl_module_getsym_info(module->handle, i, &entry, &address, &index, &elf, NULL);
        if (!is_wanted(&entry, index, name))
            continue;
        struct symbol symbol = {
            .name = name,
            .address = address,
            .size = entry.st_size,
            .type = GELF_ST_TYPE(entry.st_info),
            .global = GELF_ST_BIND(entry.st_info) != STB_LOCAL,
            .executable = is_in_code(elf, index),
            .elf = elf,
        };
        if (!visit(&symbol, context))
            return;
    }
}

/* The first section of this type, or NULL. */
static Elf_Scn *find_section(Elf *elf, GElf_Word type, GElf_Shdr *header)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, header) && header->sh_type == type)
            return section;
    return NULL;
}

/* True if all dynamic symbols NAME of this type are there for old programs only (memcpy@GLIBC_2.2.5
 * beside memcpy@@GLIBC_2.14), by the hidden bit of their version. */
static bool is_old_version(Elf *elf, const char *name, unsigned char type)
{
    GElf_Shdr header, unused;
    Elf_Scn *symbols = elf ? find_section(elf, SHT_DYNSYM, &header) : NULL;
    Elf_Scn *versions = elf ? find_section(elf, SHT_GNU_versym, &unused) : NULL;
    Elf_Data *symbol_data = symbols ? elf_getdata(symbols, NULL) : NULL;
    Elf_Data *version_data = versions ? elf_getdata(versions, NULL) : NULL;
    bool old = false;
    if (!symbol_data || !version_data)
        return false;
    GElf_Sym symbol;
    for (int i = 0; gelf_getsym(symbol_data, i, &symbol); i++) {
        GElf_Versym version;
        const char *other = elf_strptr(elf, header.sh_link, symbol.st_name);
        if (!other || strcmp(other, name) != 0 || GELF_ST_TYPE(symbol.st_info) != type ||
            !gelf_getversym(version_data, i, &version))
            continue;
        if (!(version & 0x8000))
            return false;
        old = true;
    }
    return old;
}

struct search {
    const char *name;
    size_t length;
    int rank; /* of the symbol found so far; 0: none */
    struct symbol symbol;
};

/* Takes the best match: global rather than local, current rather than old version. A name in
 * .symtab can have a version behind it: memcpy@@GLIBC_2.14. */
static bool compare(const struct symbol *symbol, void *context)
{
    struct search *search = context;
    if (!symbol->executable || strncmp(symbol->name, search->name, search->length) != 0)
        return true;
    const char *version = symbol->name + search->length;
    if (*version != '\0' && *version != '@')
        return true;
    bool old = *version == '@' ? version[1] != '@'
                               : is_old_version(symbol->elf, search->name, symbol->type);
    int rank = !symbol->global ? 1 : old ? 2 : 3;
    if (rank > search->rank) {
        search->symbol = *symbol;
        search->rank = rank;
    }
    return rank < 3;
}

bool modules_find(const struct modules *modules, const char *name, struct symbol *symbol,
                  const struct module **module)
{
    *module = NULL;
    for (size_t i = 0; i < modules->count; i++) {
        struct search search = {.name = name, .length = strlen(name)};
        module_symbols(&modules->list[i], compare, &search);
        if (search.rank == 0)
            continue;
        /* A library's own static function is the last choice. */
        if (!*module || (search.symbol.global && !symbol->global && i > 0)) {
            *module = &modules->list[i];
            *symbol = search.symbol;
        } else if (search.symbol.global) {
            note("%s: also in %s, at 0x%lx", name, modules->list[i].path, search.symbol.address);
        }
        if (i == 0)
            break;
    }
    return *module != NULL;
}

bool module_is_x86_64(const char *path)
{
    bool result = true;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return true;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(file, ELF_C_READ, NULL);
    GElf_Ehdr header;
    if (elf && gelf_getehdr(elf, &header))
        result = header.e_machine == EM_X86_64 && header.e_ident[EI_CLASS] == ELFCLASS64;
    elf_end(elf);
    close(file);
    return result;
}
