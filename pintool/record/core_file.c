/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a core dump and the files that were mapped, gives memory, threads and mappings. */
#include "core_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core_private.h"
#include "memory.h"
#include "message.h"

/* --- segments --------------------------------------------------------------------------------- */

static void check_header(const struct core *core, Elf *elf)
{
    GElf_Ehdr header;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
        fail("%s: not an ELF file", core->name);
    if (header.e_type != ET_CORE)
        fail("%s: not a core dump: an ELF file of type %u", core->name, header.e_type);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
        fail("%s: not the core of a 64-bit x86 program: only those can be recorded", core->name);
}

static void add_segment(struct core *core, const GElf_Phdr *header)
{
    struct core_segment segment = {
        .lo = header->p_vaddr,
        .hi = header->p_vaddr + header->p_memsz,
        .offset = header->p_offset,
        .held = header->p_filesz,
        .flags = header->p_flags,
    };
    if (header->p_memsz == 0 || header->p_vaddr >= CORE_USER_END)
        return; /* vsyscall, which lies in the kernel's half */
    uint64_t before = core->num_segments ? core->segments[core->num_segments - 1].hi : 0;
    if (segment.lo % PAGE_BYTES || header->p_memsz % PAGE_BYTES || segment.hi > CORE_USER_END ||
        segment.hi < segment.lo || segment.lo < before || segment.held > header->p_memsz)
        fail("%s: a segment is wrong: 0x%lx, 0x%lx bytes, 0x%lx in the file", core->name,
             segment.lo, header->p_memsz, segment.held);
    if (segment.offset > core->size || segment.held > core->size - segment.offset)
        fail("%s: cut short: memory at 0x%lx should be in bytes %lu to %lu, and the file has %lu "
             "(ulimit -c, a full disk?)",
             core->name, segment.lo, segment.offset, segment.offset + segment.held, core->size);
    core->segments = memory_resize(core->segments, core->num_segments + 1, sizeof *core->segments);
    core->segments[core->num_segments++] = segment;
}

static void read_segments(struct core *core, Elf *elf)
{
    size_t count;
    if (elf_getphdrnum(elf, &count) != 0)
        fail("%s: its segments cannot be read: %s", core->name, elf_errmsg(-1));
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(elf, (int)i, &header))
            fail("%s: segment %zu cannot be read: %s", core->name, i, elf_errmsg(-1));
        if (header.p_type == PT_LOAD)
            add_segment(core, &header);
        else if (header.p_type == PT_NOTE)
            core_read_notes(core, elf, &header);
    }
    if (core->num_segments == 0)
        fail("%s: holds no memory", core->name);
}

static const struct core_segment *find_segment(const struct core *core, uint64_t address)
{
    size_t lo = 0, hi = core->num_segments;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (core->segments[middle].hi <= address)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < core->num_segments && core->segments[lo].lo <= address ? &core->segments[lo] : NULL;
}

const struct core_mapped *core_find_mapped(const struct core *core, uint64_t address)
{
    for (size_t i = 0; i < core->num_mapped; i++)
        if (address >= core->mapped[i].lo && address < core->mapped[i].hi)
            return &core->mapped[i];
    return NULL;
}

static int compare_segments(const void *left, const void *right)
{
    const struct core_segment *a = left, *b = right;
    return (a->lo > b->lo) - (a->lo < b->lo);
}

/* gdb leaves out the segments of which it holds nothing. */
static void add_unlisted_segments(struct core *core)
{
    size_t listed = core->num_segments;
    for (size_t i = 0; i < core->num_mapped; i++) {
        const struct core_mapped *mapped = &core->mapped[i];
        struct core_segment segment = {
            .lo = mapped->lo, .hi = mapped->hi, .flags = PF_R, .unlisted = true};
        bool known = false;
        for (size_t k = 0; k < listed && !known; k++)
            known = core->segments[k].lo < segment.hi && core->segments[k].hi > segment.lo;
        if (known)
            continue;
        core->segments =
            memory_resize(core->segments, core->num_segments + 1, sizeof *core->segments);
        core->segments[core->num_segments++] = segment;
    }
    qsort(core->segments, core->num_segments, sizeof *core->segments, compare_segments);
    for (size_t i = 1; i < core->num_segments; i++)
        if (core->segments[i].lo < core->segments[i - 1].hi)
            fail("%s: two files are mapped at 0x%lx", core->name, core->segments[i].lo);
}

/* --- reading memory --------------------------------------------------------------------------- */

static size_t read_file(int file, uint64_t offset, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t piece = pread(file, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (piece < 0 && errno == EINTR)
            continue;
        if (piece <= 0)
            break;
        done += (size_t)piece;
    }
    return done;
}

/* Pages that the core does not hold, because they are as in the file. The last page of a file is
 * filled up with zeros. */
static size_t read_mapped(const struct core *core, uint64_t address, void *buffer, size_t size)
{
    const struct core_mapped *mapped = core_find_mapped(core, address);
    if (!mapped || mapped->file < 0)
        return 0;
    if (size > mapped->hi - address)
        size = mapped->hi - address;
    uint64_t offset = mapped->offset + (address - mapped->lo);
    if (offset < mapped->offset || offset > INT64_MAX - size)
        return 0;
    size_t done = read_file(mapped->file, offset, buffer, size);
    uint64_t rest = -(address + done) % PAGE_BYTES;
    if (done == 0 || rest == 0)
        return done;
    rest = rest < size - done ? rest : size - done;
    memset((char *)buffer + done, 0, rest);
    return done + rest;
}

size_t core_read(const struct core *core, uint64_t address, void *buffer, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t at = address + done;
        const struct core_segment *segment = find_segment(core, at);
        if (!segment)
            break;
        size_t wanted = size - done, got;
        uint64_t inside = at - segment->lo;
        if (inside < segment->held) {
            uint64_t room = segment->held - inside;
            wanted = wanted < room ? wanted : room;
            got = read_file(core->file, segment->offset + inside, (char *)buffer + done, wanted);
        } else {
            uint64_t room = segment->hi - at;
            wanted = wanted < room ? wanted : room;
            got = read_mapped(core, at, (char *)buffer + done, wanted);
        }
        done += got;
        if (got == 0)
            break;
    }
    return done;
}

/* --- mapped files ----------------------------------------------------------------------------- */

/* True if memory of the mapping must come from its file. */
static bool is_needed(const struct core *core, const struct core_mapped *mapped, bool *executable)
{
    bool needed = false;
    for (size_t i = 0; i < core->num_segments; i++) {
        const struct core_segment *segment = &core->segments[i];
        if (segment->hi <= mapped->lo || segment->lo >= mapped->hi)
            continue;
        *executable |= (segment->flags & PF_X) != 0 || segment->unlisted;
        needed |=
            segment->lo + segment->held < mapped->hi && segment->lo + segment->held < segment->hi;
    }
    return needed;
}

/* The first page of programs and libraries is in the core: coredump_filter, bit 4. */
static void check_same(const struct core *core, const struct core_mapped *mapped, const char *path)
{
    uint8_t here[PAGE_BYTES], there[PAGE_BYTES];
    const struct core_segment *segment = find_segment(core, mapped->lo);
    if (!segment || mapped->offset != 0 || segment->held < PAGE_BYTES || segment->flags & PF_W ||
        core_read(core, mapped->lo, here, sizeof here) != sizeof here ||
        memcmp(here, ELFMAG, SELFMAG) != 0)
        return;
    size_t size = read_file(mapped->file, 0, there, sizeof there);
    if (memcmp(here, there, size) != 0 || size == 0)
        fail("%s: not the file that %s was made with: its first page differs", path, core->name);
}

static void open_mapped(const struct core *core, struct core_mapped *mapped, const char *sysroot)
{
    bool executable = false;
    struct stat status;
    char *path = memory_format("%s%s", sysroot, mapped->path);
    bool needed = is_needed(core, mapped, &executable);
    mapped->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (mapped->file >= 0 && (fstat(mapped->file, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(mapped->file);
        mapped->file = -1;
        errno = EINVAL;
    }
    if (mapped->file >= 0)
        check_same(core, mapped, path);
    else if (needed && executable)
        fail("%s: cannot be read: %s: %s leaves its memory from 0x%lx to 0x%lx to this file; with "
             "--sysroot=DIR it is looked for below DIR",
             path, strerror(errno), core->name, mapped->lo, mapped->hi);
    else if (needed)
        warn("%s: cannot be read: %s: memory from 0x%lx to 0x%lx is left out", path,
             strerror(errno), mapped->lo, mapped->hi);
    free(path);
}

/* Whether a program's mapping is executable stands in the program. */
static void set_flags(struct core *core, const struct core_mapped *mapped)
{
    struct core_segment *segment = NULL;
    size_t count = 0;
    for (size_t i = 0; i < core->num_segments; i++)
        if (core->segments[i].lo == mapped->lo && core->segments[i].unlisted)
            segment = &core->segments[i];
    if (!segment || mapped->file < 0)
        return;
    Elf *elf = elf_begin(mapped->file, ELF_C_READ, NULL);
    if (elf_kind(elf) == ELF_K_ELF && elf_getphdrnum(elf, &count) == 0)
        for (size_t i = 0; i < count; i++) {
            GElf_Phdr header;
            if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD &&
                header.p_offset / PAGE_BYTES * PAGE_BYTES == mapped->offset) {
                segment->flags = header.p_flags;
                break;
            }
        }
    elf_end(elf);
}

/* Each file once, however often it is mapped. */
static void open_all_mapped(struct core *core, const char *sysroot)
{
    for (size_t i = 0; i < core->num_mapped; i++) {
        struct core_mapped *mapped = &core->mapped[i];
        struct core_mapped *before = i > 0 ? mapped - 1 : NULL;
        if (before && before->file >= 0 && strcmp(before->path, mapped->path) == 0)
            mapped->file = before->file;
        else
            open_mapped(core, mapped, sysroot);
        set_flags(core, mapped);
    }
}

/* Memory that is nowhere: MADV_DONTDUMP, or a coredump_filter that leaves it out. */
static void report_missing(const struct core *core)
{
    uint64_t missing = 0;
    for (size_t i = 0; i < core->num_segments; i++) {
        const struct core_segment *segment = &core->segments[i];
        if (segment->flags && !core_find_mapped(core, segment->lo + segment->held))
            missing += segment->hi - segment->lo - segment->held;
    }
    if (missing)
        warn("%s: %lu KiB of memory are neither in it nor in a file, and are left out "
             "(/proc/PID/coredump_filter, madvise(2) with MADV_DONTDUMP)",
             core->name, missing >> 10);
}

/* --- all -------------------------------------------------------------------------------------- */

static int compare_threads(const void *left, const void *right)
{
    const struct core_thread *a = left, *b = right;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

/* Ids are given in ascending order, until they wrap around; the initial thread's is the process's.
 */
static void sort_threads(struct core *core)
{
    if (core->num_threads == 0)
        fail("%s: holds no thread", core->name);
    if (core->pid == 0)
        core->pid = core->threads[0].tid;
    qsort(core->threads, core->num_threads, sizeof *core->threads, compare_threads);
    for (size_t i = 0; i < core->num_threads; i++) {
        struct core_thread thread = core->threads[i];
        if (thread.tid != core->pid)
            continue;
        memmove(&core->threads[1], &core->threads[0], i * sizeof thread);
        core->threads[0] = thread;
        return;
    }
    warn("%s: the initial thread had exited before: thread %d takes its place", core->name,
         core->threads[0].tid);
}

struct core *core_open(const char *file, const char *sysroot)
{
    struct stat status;
    struct core *core = memory_new(sizeof *core);
    core->name = memory_format("%s", file);
    core->file = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (core->file < 0 || fstat(core->file, &status) != 0)
        fail("%s: cannot be read: %s", file, strerror(errno));
    if (!S_ISREG(status.st_mode))
        fail("%s: cannot be read: not a regular file", file);
    core->size = (uint64_t)status.st_size;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(core->file, ELF_C_READ, NULL);
    check_header(core, elf);
    read_segments(core, elf);
    elf_end(elf);
    sort_threads(core);
    add_unlisted_segments(core);
    open_all_mapped(core, sysroot);
    report_missing(core);
    return core;
}

pid_t core_pid(const struct core *core)
{
    return core->pid;
}

char *const *core_arguments(const struct core *core)
{
    return core->arguments;
}

const struct core_thread *core_threads(const struct core *core, size_t *count)
{
    *count = core->num_threads;
    return core->threads;
}

struct maps core_maps(const struct core *core)
{
    struct maps maps = {.list = memory_resize(NULL, core->num_segments, sizeof *maps.list)};
    for (size_t i = 0; i < core->num_segments; i++) {
        const struct core_segment *segment = &core->segments[i];
        const struct core_mapped *mapped = core_find_mapped(core, segment->lo);
        maps.list[maps.count++] = (struct mapping){
            .lo = segment->lo,
            .hi = segment->hi,
            .readable = segment->flags & PF_R,
            .writable = segment->flags & PF_W,
            .executable = segment->flags & PF_X,
            .name = memory_format("%s", mapped                      ? mapped->path
                                        : segment->lo == core->vdso ? "[vdso]"
                                                                    : ""),
        };
    }
    return maps;
}
