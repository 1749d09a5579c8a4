/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the symbols tN.jump of an ELFie, which tell where the startup of thread N ends, and the
 * section that they are in, which is the startup's code. */
#include "host.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The whole file, mapped; nothing in it is trusted. */
struct image {
    const char *path;
    const uint8_t *bytes;
    uint64_t size;
};

static void map_file(struct image *image, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        trouble("%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
        trouble("%s: not a program", path);
    image->path = path;
    image->size = (uint64_t)st.st_size;
    void *bytes = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        trouble("%s: %s", path, strerror(errno));
    image->bytes = bytes;
    close(fd);
}

/* Copies element INDEX of a table at OFFSET, whose elements are SIZE bytes. */
static void get(const struct image *image, uint64_t offset, uint64_t index, size_t size, void *to)
{
    uint64_t at;
    if (__builtin_mul_overflow(index, size, &at) || __builtin_add_overflow(at, offset, &at) ||
        at > image->size || size > image->size - at)
        trouble("%s: broken ELF file: a table lies outside of it", image->path);
    memcpy(to, image->bytes + at, size);
}

/* "t", digits, ".jump" */
static bool is_jump(const struct image *image, uint64_t at)
{
    static const char ending[] = ".jump";
    if (at >= image->size || image->bytes[at++] != 't')
        return false;
    uint64_t digits = at;
    while (at < image->size && image->bytes[at] >= '0' && image->bytes[at] <= '9')
        at++;
    return at > digits && image->size - at >= sizeof ending &&
           !memcmp(image->bytes + at, ending, sizeof ending);
}

static void read_symbols(struct symbols *s, const struct image *image, uint64_t shoff,
                         const Elf64_Shdr *table)
{
    Elf64_Shdr strings, text;
    get(image, shoff, table->sh_link, sizeof strings, &strings);
    for (uint64_t i = 0; i < table->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        uint64_t name;
        get(image, table->sh_offset, i, sizeof symbol, &symbol);
        if (__builtin_add_overflow(strings.sh_offset, symbol.st_name, &name) ||
            symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE ||
            !is_jump(image, name))
            continue;
        s->jumps = grow(s->jumps, s->num_jumps + 1, sizeof *s->jumps);
        s->jumps[s->num_jumps++] = symbol.st_value;
        get(image, shoff, symbol.st_shndx, sizeof text, &text);
        s->text_begin = text.sh_addr;
        s->text_end = text.sh_addr + text.sh_size;
    }
}

void symbols_read(struct symbols *s, const char *path)
{
    struct image image;
    Elf64_Ehdr header;
    map_file(&image, path);
    get(&image, 0, 0, sizeof header, &header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_machine != EM_X86_64)
        trouble("%s: not an x86-64 program", path);
    *s = (struct symbols){.num_jumps = 0};
    uint64_t count = header.e_shnum;
    if (header.e_shoff && !count) { /* 0xff00 sections or more */
        Elf64_Shdr first;
        get(&image, header.e_shoff, 0, sizeof first, &first);
        count = first.sh_size;
    }
    for (uint64_t i = 0; header.e_shoff && i < count; i++) {
        Elf64_Shdr section;
        get(&image, header.e_shoff, i, sizeof section, &section);
        if (section.sh_type == SHT_SYMTAB)
            read_symbols(s, &image, header.e_shoff, &section);
    }
    munmap((void *)(uintptr_t)image.bytes, image.size);
}
