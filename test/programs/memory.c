/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory WHAT: how the heap and the stack go on behind the start of the region. No address is
 * printed, only how they relate, so that the output is the same in each run. Exits with 6.
 *
 * grow:   malloc extends the heap, by small blocks and by large ones
 * shrink: what was there at the start is given back to the kernel, and taken again
 * unused: nothing has asked for memory before the start
 * odd:    the break is in the middle of a page; sbrk without malloc
 * plain:  malloc, realloc and free, wherever the memory comes from
 * deep:   a recursion through 7.9 MiB of stack
 * alloca: 4 MiB at once, from the lower end
 * floor:  a recursion to 7.9 MiB below what was there at the start, and the page 8 MiB below it;
 * the limit of the stack has to be higher than 8 MiB
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "region.h"

enum { PAGE = 4096, MIB = 1 << 20, BLOCKS = 2000, LARGE = 48 };

static uintptr_t heap_begin, old_break, stack_low;

static uintptr_t kernel_break(void)
{
    return (uintptr_t)syscall(SYS_brk, 0);
}

static uintptr_t library_break(void)
{
    return (uintptr_t)sbrk(0);
}

/* Without stdio, which takes a buffer from malloc. */
static void say(const char *what, int yes)
{
    char line[128];
    int length = snprintf(line, sizeof line, "%s: %s\n", what, yes ? "yes" : "no");
    if (write(1, line, (size_t)length) != length)
        _exit(99);
}

/* --- /proc/self/maps, without malloc ---------------------------------------------------------- */

struct found {
    uintptr_t heap, stack; /* lowest addresses of the mappings with these names; 0: none */
    uintptr_t covered;     /* up to here all is mapped, from FROM on */
};

static void take_line(const char *line, uintptr_t from, struct found *found)
{
    unsigned long low, high;
    char access[5];
    if (sscanf(line, "%lx-%lx %4s", &low, &high, access) != 3)
        return;
    if (strstr(line, "[heap]") && !found->heap)
        found->heap = low;
    if (strstr(line, "[stack]"))
        found->stack = low;
    if (!found->covered)
        found->covered = from;
    if (low <= found->covered && found->covered < high && strncmp(access, "rw", 2) == 0)
        found->covered = high;
}

static struct found read_maps(uintptr_t from)
{
    static char text[1 << 18];
    struct found found = {0};
    size_t size = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY);
    while (fd >= 0 && (got = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    close(fd);
    text[size] = '\0';
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        take_line(line, from, &found);
    }
    return found;
}

static uintptr_t page_up(uintptr_t address)
{
    return (address + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
}

/* The heap from where it began, up to the break, is one range without holes. */
static void say_range(void)
{
    struct found found = read_maps(heap_begin);
    uintptr_t end = page_up(kernel_break());
    say("library and kernel have the same break", library_break() == kernel_break());
    say("the heap is mapped from its begin to the break", found.covered >= end);
}

/* What has been added at least: pages of an ELFie itself are called after its file. */
static void say_name(void)
{
    struct found found = read_maps(heap_begin);
    say("a mapping is called [heap]", found.heap >= heap_begin);
}

static void note_start(void)
{
    struct found found = read_maps(0);
    old_break = kernel_break();
    heap_begin = found.heap ? found.heap : old_break;
    stack_low = found.stack;
}

static void say_start(void)
{
    say("the kernel's break is the recorded one", kernel_break() == old_break);
    say("sbrk(0) is the recorded break", library_break() == old_break);
}

/* --- heap ------------------------------------------------------------------------------------- */

static unsigned char *blocks[BLOCKS], *more[BLOCKS], *large[LARGE];

static size_t size_of(int i)
{
    return 16 + (size_t)i * 7919 % 3000;
}

static void fill(unsigned char **list, int salt)
{
    for (int i = 0; i < BLOCKS; i++) {
        list[i] = malloc(size_of(i));
        if (!list[i])
            _exit(98);
        memset(list[i], i + salt, size_of(i));
    }
}

static int is_filled(unsigned char *const *list, int salt)
{
    for (int i = 0; i < BLOCKS; i++)
        for (size_t k = 0; k < size_of(i); k++)
            if (list[i][k] != (unsigned char)(i + salt))
                return 0;
    return 1;
}

static int is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return 0;
    return 1;
}

static int in_heap(const void *block, size_t size)
{
    return (uintptr_t)block >= heap_begin && (uintptr_t)block + size <= kernel_break();
}

static void take_large(size_t size)
{
    for (int i = 0; i < LARGE; i++) {
        large[i] = malloc(size);
        if (!large[i])
            _exit(98);
        memset(large[i], i, size);
    }
}

static void free_large(void)
{
    for (int i = 0; i < LARGE; i++)
        free(large[i]);
}

static void by_break_only(void)
{
    if (!mallopt(M_MMAP_THRESHOLD, 32 * MIB) || !mallopt(M_TRIM_THRESHOLD, 1 << 30))
        _exit(97);
}

static void grow(void)
{
    fill(blocks, 1);
    note_start();
    region_start();
    say_start();
    fill(more, 2);
    int all = 1;
    for (int i = 0; i < BLOCKS; i++)
        all &= in_heap(more[i], size_of(i));
    say("small blocks are in the heap", all);
    say("it has grown", kernel_break() > old_break);
    say_range();
    say_name();
    uintptr_t small_break = kernel_break();
    by_break_only();
    take_large(MIB);
    all = 1;
    for (int i = 0; i < LARGE; i++)
        all &= in_heap(large[i], MIB) && (i == 0 || large[i] > large[i - 1]);
    say("large blocks are in the heap, in order", all);
    say("it has grown by as much",
        kernel_break() - small_break >= (uintptr_t)(LARGE - 1) * MIB &&
            kernel_break() - small_break <= (uintptr_t)(LARGE + 2) * MIB);
    say_range();
    free_large();
    say("malloc_trim", malloc_trim(0));
    say("it has shrunk again", kernel_break() < small_break + MIB);
    say_range();
    say("old blocks are as they were", is_filled(blocks, 1));
    say("new blocks are as they were", is_filled(more, 2));
}

static void shrink(void)
{
    by_break_only();
    fill(blocks, 1);
    take_large(MIB);
    note_start();
    region_start();
    say_start();
    free_large();
    say("malloc_trim", malloc_trim(0));
    uintptr_t low = kernel_break();
    say("the break has sunk", old_break - low >= (uintptr_t)(LARGE - 1) * MIB);
    unsigned char resident;
    say("the pages are gone",
        mincore((void *)page_up(low), PAGE, &resident) != 0 && errno == ENOMEM);
    say_range();
    unsigned char *zeros = calloc(LARGE / 2, MIB);
    say("they come back", zeros && in_heap(zeros, (size_t)LARGE / 2 * MIB));
    say("with zeros", zeros && is_zero(zeros, (size_t)LARGE / 2 * MIB));
    say_range();
    say_name();
    say("old blocks are as they were", is_filled(blocks, 1));
}

static void unused(void)
{
    note_start();
    region_start();
    say_start();
    fill(blocks, 3);
    say("the first block is in the heap", in_heap(blocks[0], size_of(0)));
    say_range();
    say_name();
    say("blocks are as they were", is_filled(blocks, 3));
}

static void odd(void)
{
    unsigned char *first = sbrk(3 * PAGE + 123);
    if (first == (void *)-1)
        _exit(98);
    memset(first, 0x5a, 3 * PAGE + 123);
    note_start();
    region_start();
    say_start();
    say("the last byte is as it was", first[3 * PAGE + 122] == 0x5a);
    unsigned char *next = sbrk(16 * PAGE + 7);
    say("the next block comes right behind", (uintptr_t)next == old_break);
    say("with zeros", is_zero(next, 16 * PAGE + 7));
    memset(next, 0xa5, 16 * PAGE + 7);
    say_range();
    say("all is given back", sbrk(-(19 * PAGE + 130)) != (void *)-1);
    say("to where it began", library_break() == (uintptr_t)first);
    say_range();
    unsigned char *again = sbrk(64 * PAGE);
    say("it begins there again", again == first);
    /* The rest of the page in which it begins was never given back. */
    uintptr_t whole = page_up((uintptr_t)again);
    say("with zeros", is_zero((void *)whole, (uintptr_t)again + 64 * PAGE - whole));
    say_range();
}

static void plain(void)
{
    fill(blocks, 1);
    region_start();
    fill(more, 2);
    take_large(MIB);
    for (int i = 0; i < BLOCKS; i += 2) {
        unsigned char *block = realloc(blocks[i], 3 * size_of(i));
        if (!block)
            _exit(98);
        blocks[i] = block;
    }
    say("old blocks are as they were", is_filled(blocks, 1));
    say("new blocks are as they were", is_filled(more, 2));
    free_large();
    for (int i = 0; i < BLOCKS; i++) {
        free(blocks[i]);
        free(more[i]);
    }
    malloc_trim(0);
    unsigned char *zeros = calloc(20, MIB);
    say("calloc gives zeros", zeros && is_zero(zeros, (size_t)20 * MIB));
    fill(blocks, 4);
    say("blocks are as they were", is_filled(blocks, 4));
}

/* --- stack ------------------------------------------------------------------------------------ */

enum { FRAME = 1024 };

static uintptr_t here(void)
{
    return (uintptr_t)__builtin_frame_address(0);
}

/* Down to LIMIT, each page written on the way down and read on the way up. */
static __attribute__((noinline)) uint64_t descend(uintptr_t limit, unsigned depth)
{
    volatile unsigned char frame[FRAME];
    for (unsigned i = 0; i < FRAME; i += 64)
        frame[i] = (unsigned char)(depth + i);
    uint64_t below = (uintptr_t)frame > limit ? descend(limit, depth + 1) : depth;
    for (unsigned i = 0; i < FRAME; i += 64)
        if (frame[i] != (unsigned char)(depth + i))
            _exit(96);
    return below;
}

static __attribute__((noinline)) void at_once(size_t size)
{
    volatile unsigned char *block = alloca(size);
    for (size_t i = 0; i < size; i += PAGE)
        block[i] = (unsigned char)(i / PAGE);
    int same = 1;
    for (size_t i = 0; i < size; i += PAGE)
        same &= block[i] == (unsigned char)(i / PAGE);
    say("a block on the stack", same);
}

static void deep(void)
{
    uintptr_t limit = here() - 79 * (uintptr_t)MIB / 10;
    region_start();
    say("7.9 MiB deep", descend(limit, 0) > 7000);
    say("and again", descend(limit, 0) > 7000);
    say("the pages stay", descend(limit, 0) > 7000);
}

static void stack_block(void)
{
    region_start();
    at_once(4 * MIB);
    at_once(6 * MIB);
}

static void to_floor(void)
{
    note_start();
    region_start();
    volatile unsigned char *low = (volatile unsigned char *)stack_low - 8 * (uintptr_t)MIB;
    say("7.9 MiB below", descend(stack_low - 79 * (uintptr_t)MIB / 10, 0) > 7000);
    at_once(here() - (uintptr_t)low - PAGE);
    low[0] = 1;
    say("the page 8 MiB below", low[0] == 1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*use)(void);
    } all[] = {
        {"grow", grow}, {"shrink", shrink}, {"unused", unused},      {"odd", odd},
        {"deep", deep}, {"plain", plain},   {"alloca", stack_block}, {"floor", to_floor},
    };
    const char *what = argc > 1 ? argv[1] : "grow";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, what) == 0) {
            say(what, 1);
            all[i].use();
        }
    return 6;
}
