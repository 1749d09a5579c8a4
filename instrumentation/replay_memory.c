/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that the region maps, moves and gives back: where it was when it was recorded. New pages
 * are zero, private, and may be read, written and executed; what a file held is in the log.
 *
 * Some recorders put pages that the region maps later into the image. Those are there already, and
 * stay as they are. */
#include "replay.h"
#include "syscall.h"

#include <linux/mman.h>

enum { LOWEST_BREAK = 0x10000 };

static uint64_t program_break;

static uint64_t page_up(uint64_t address)
{
    return (address + PAGE_SIZE - 1) & -PAGE_SIZE;
}

static long map(uint64_t begin, uint64_t end, unsigned long how)
{
    return elfie_syscall(__NR_mmap, begin, end - begin, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how, -1, 0);
}

/* 1: mapped, 0: something is there. */
static int map_free(uint64_t begin, uint64_t end)
{
    long result = map(begin, end, MAP_FIXED_NOREPLACE);
    if (result > 0 && result != (long)begin) /* qemu takes the address for a wish */
        elfie_syscall(__NR_munmap, result, end - begin);
    return result == (long)begin;
}

void replay_map_page(uint64_t address)
{
    map_free(address & -PAGE_SIZE, (address & -PAGE_SIZE) + PAGE_SIZE);
}

static void map_missing(uint64_t begin, uint64_t end)
{
    if (map_free(begin, end) || end - begin == PAGE_SIZE)
        return;
    for (uint64_t page = begin; page < end; page += PAGE_SIZE)
        replay_map_page(page);
}

/* Zero pages over what is there, but for captured pages of an image that has them early. */
static int map_new(uint64_t begin, uint64_t end)
{
    if (!elfie_replay.pages_early)
        return map(begin, end, MAP_FIXED) == (long)begin;
    for (const struct elfie_region *r = elfie_regions; r->end && begin < end; r++) {
        if (r->end <= begin)
            continue;
        uint64_t free_end = r->begin < end ? r->begin : end;
        if (free_end > begin && map(begin, free_end, MAP_FIXED) != (long)begin)
            return 0;
        if (r->begin >= end)
            return 1;
        uint64_t from = r->begin > begin ? r->begin : begin;
        begin = r->end < end ? r->end : end;
        map_missing(from, begin);
    }
    return begin >= end || map(begin, end, MAP_FIXED) == (long)begin;
}

/* --- nothing of the host's ------------------------------------------------------------------- */

static int in_moves(uint64_t begin, uint64_t end)
{
    for (const struct elfie_move *m = elfie_moves; m->length; m++)
        if (begin < m->to + m->length && m->to < end)
            return 1;
    return 0;
}

/* Reads "LOW-HIGH" and the rest of a line of /proc/self/maps. */
static int read_range(const char *line, uint64_t *begin, uint64_t *end)
{
    uint64_t value = 0;
    *begin = 0;
    for (; *line != ' '; line++) {
        char c = *line;
        if (c == '-') {
            *begin = value;
            value = 0;
        } else if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return 0;
        }
    }
    *end = value;
    return 1;
}

static void clear_line(const char *line)
{
    uint64_t begin, end;
    if (read_range(line, &begin, &end) && end <= USER_SPACE_END && !replay_in_runtime(begin, end) &&
        !elfie_any_captured(begin, end) && !in_moves(begin, end))
        elfie_syscall(__NR_munmap, begin, end - begin);
}

void replay_install_memory(void)
{
    program_break = elfie_layout.break_end;
}

/* vdso, vvar and the kernel's first stack lie anywhere at the top of the address space, where the
 * region may get memory; the arguments have been copied. */
void replay_clear_host(void)
{
    char buffer[4096], line[64];
    size_t length = 0;
    long got, fd = elfie_syscall(__NR_openat, -100, "/proc/self/maps", 0);
    if (fd < 0)
        return;
    while ((got = elfie_syscall(__NR_read, fd, buffer, sizeof buffer)) > 0)
        for (long i = 0; i < got; i++) {
            if (length < sizeof line - 1)
                line[length++] = buffer[i];
            if (buffer[i] != '\n')
                continue;
            line[length - 1] = line[length] = ' ';
            clear_line(line);
            length = 0;
        }
    elfie_syscall(__NR_close, fd);
}

/* --- what the region does ----------------------------------------------------------------------
 */

static int is_error(uint64_t result)
{
    return result > -(uint64_t)(MAX_ERROR + 1);
}

/* A log that would have the runtime overwritten, or the kernel's half, is wrong. */
static void check_range(uint64_t thread, const struct sigcontext *registers, uint64_t begin,
                        uint64_t end)
{
    if (begin % PAGE_SIZE || end < begin || end > USER_SPACE_END || replay_in_runtime(begin, end))
        replay_diverged(thread, registers, registers->rax,
                        "the recorded memory is not where memory can be");
}

static int resize_break(uint64_t result)
{
    uint64_t old = page_up(program_break), new = page_up(result);
    program_break = result;
    if (new > old)
        return !old || map_new(old, new);
    if (new < old)
        elfie_syscall(__NR_munmap, new, old - new);
    return 1;
}

/* Moves the pages that are there, and gives zero pages for the others. */
static int move(uint64_t from, uint64_t from_end, uint64_t to, uint64_t to_end)
{
    const unsigned long flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    uint64_t length = from_end - from < to_end - to ? from_end - from : to_end - to;
    if (!map_new(to, to_end))
        return 0;
    /* Pages of several mappings go one by one; what is not there does not go. */
    if (length && elfie_syscall(__NR_mremap, from, length, length, flags, to) != (long)to)
        for (uint64_t i = 0; i < length; i += PAGE_SIZE)
            elfie_syscall(__NR_mremap, from + i, PAGE_SIZE, PAGE_SIZE, flags, to + i);
    map_missing(to, to_end); /* a failed mremap has unmapped its target */
    elfie_syscall(__NR_munmap, from, from_end - from);
    return 1;
}

static int remap(uint64_t from, uint64_t from_end, uint64_t to, uint64_t to_end, uint64_t flags)
{
    enum { DONTUNMAP = 4 }; /* MREMAP_DONTUNMAP, Linux 5.7 */
    if (to != from)
        return move(from, from_end, to, to_end) &&
               (!(flags & DONTUNMAP) || map_new(from, from_end));
    if (to_end > from_end)
        return map_new(from_end, to_end);
    if (to_end < from_end)
        elfie_syscall(__NR_munmap, to_end, from_end - to_end);
    return 1;
}

static int discards(uint64_t advice)
{
    enum { DONTNEED_LOCKED = 24 }; /* Linux 5.18 */
    return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == DONTNEED_LOCKED;
}

void replay_memory(uint64_t thread, struct sigcontext *registers, enum replay_action action,
                   uint64_t result)
{
    uint64_t begin = registers->rdi, length = registers->rsi;
    int done = 1;
    if (action == BREAK) {
        check_range(thread, registers, page_up(result), page_up(result));
        if (result >= LOWEST_BREAK)
            done = resize_break(result);
    } else if (is_error(result)) {
        return;
    } else if (action == MAP) {
        check_range(thread, registers, result, result + page_up(length));
        done = map_new(result, result + page_up(length));
    } else if (action == UNMAP || action == DISCARD) {
        uint64_t end = begin + page_up(length);
        check_range(thread, registers, begin, end);
        if (action == UNMAP)
            elfie_syscall(__NR_munmap, begin, end - begin);
        else if (discards(registers->rdx))
            done = map(begin, end, MAP_FIXED) == (long)begin;
    } else if (action == REMAP) {
        uint64_t end = begin + page_up(length), to_end = result + page_up(registers->rdx);
        check_range(thread, registers, begin, end);
        check_range(thread, registers, result, to_end);
        done = remap(begin, end, result, to_end, registers->r10);
    }
    if (!done)
        replay_diverged(thread, registers, registers->rax,
                        "there is no memory, or a limit (ulimit -v, vm.max_map_count)");
}
