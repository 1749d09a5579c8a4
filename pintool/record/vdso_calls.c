/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the snapshot's vdso, gives it a patch: the same ELF image, the functions of which are
 *
 *     mov $number,%eax
 *     syscall
 *     ret
 *
 * They take their arguments as the system calls do. */
#include "vdso_calls.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "memory.h"
#include "message.h"

#define VDSO_MAX (64 * PAGE_BYTES) /* it is two pages today */

#ifndef SYS_getrandom
#define SYS_getrandom 318
#endif

/* The vdso's functions for 64-bit programs (arch/x86/entry/vdso/vdso.lds.S), without the prefix
 * __vdso_; that of SGX has no system call. */
static uint32_t number_of(const char *name)
{
    static const struct {
        const char *name;
        uint32_t number;
    } calls[] = {
        {"clock_gettime", SYS_clock_gettime},
        {"gettimeofday", SYS_gettimeofday},
        {"time", SYS_time},
        {"getcpu", SYS_getcpu},
        {"clock_getres", SYS_clock_getres},
        {"getrandom", SYS_getrandom},
    };
    if (strncmp(name, "__vdso_", 7) == 0)
        name += 7;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(name, calls[i].name) == 0)
            return calls[i].number;
    return 0;
}

/* OFFSET and ROOM are foreign. */
static bool put_call(uint8_t *image, size_t size, uint64_t offset, uint64_t room, uint32_t number)
{
    uint8_t code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(code + 1, &number, sizeof number);
    if (room < sizeof code || offset > size || size - offset < sizeof code)
        return false;
    memcpy(image + offset, code, sizeof code);
    return true;
}

/* Values of symbols are relative to the image, whose first segment is at 0. */
static unsigned replace_functions(uint8_t *image, size_t size, Elf *elf, Elf_Scn *section)
{
    GElf_Shdr header;
    GElf_Sym symbol;
    unsigned count = 0;
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !gelf_getshdr(section, &header))
        return 0;
    for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
        const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
        uint32_t number = name && symbol.st_shndx != SHN_UNDEF ? number_of(name) : 0;
        if (number && put_call(image, size, symbol.st_value, symbol.st_size, number))
            count++;
    }
    return count;
}

/* Works on a copy, because libelf reads the image while it is changed. */
static unsigned replace(uint8_t *image, size_t size)
{
    unsigned count = 0;
    char *copy = memory_new(size);
    memcpy(copy, image, size);
    elf_version(EV_CURRENT);
    Elf *elf = elf_memory(copy, size);
    for (Elf_Scn *section = NULL; elf && (section = elf_nextscn(elf, section));) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM)
            count += replace_functions(image, size, elf, section);
    }
    elf_end(elf);
    free(copy);
    return count;
}

void vdso_calls_make(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->maps.count; i++) {
        struct mapping *mapping = &snapshot->maps.list[i];
        uint64_t size = mapping->hi - mapping->lo;
        if (strcmp(mapping->name, "[vdso]") != 0 || size > VDSO_MAX)
            continue;
        uint8_t *image = memory_new(size);
        if (snapshot_read(snapshot, mapping->lo, image, size) != size ||
            replace(image, size) == 0) {
            free(image);
            warn("the vdso is not understood: the ELFie does not have one");
            continue;
        }
        snapshot_patch(snapshot, mapping->lo, image, size);
        free(mapping->name);
        mapping->name = memory_format("[vdso of the recording]");
        note("the vdso's functions at 0x%lx are replaced by system calls", mapping->lo);
    }
}
