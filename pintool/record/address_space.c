/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes calls that change the mappings, gives the memory whose contents they changed. Of pages that
 * went away, only a bit for each quadword that was not zero is kept. */
#include "address_space.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "memory.h"
#include "message.h"

enum { QUADWORDS = PAGE_BYTES / 8 };

/* A page that went away: which of its quadwords were not zero. */
struct ghost {
    uint64_t address;
    uint64_t bits[QUADWORDS / 64];
};

struct ghosts {
    struct ghost *list; /* in ascending order */
    size_t count, room;
};

struct address_space {
    const struct tracee *tracee;
    struct ghosts gone;
    struct ghosts going;    /* taken away by the call that is being made */
    uint64_t program_break; /* at first only the end of the heap's last page is known */
    bool called_brk;
    bool warned_of_sharing;
};

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static struct ghost *add_ghost(struct ghosts *ghosts)
{
    if (ghosts->count == ghosts->room) {
        ghosts->room = ghosts->room ? 2 * ghosts->room : 16;
        ghosts->list = memory_resize(ghosts->list, ghosts->room, sizeof *ghosts->list);
    }
    struct ghost *ghost = &ghosts->list[ghosts->count++];
    *ghost = (struct ghost){0};
    return ghost;
}

struct address_space *address_space_new(const struct tracee *tracee, const struct maps *maps)
{
    struct address_space *space = memory_new(sizeof *space);
    space->tracee = tracee;
    const struct mapping *heap = maps_find_name(maps, "[heap]");
    space->program_break = heap ? heap->hi : 0;
    return space;
}

/* --- before ----------------------------------------------------------------------------------- */

static void look_at_page(struct address_space *space, uint64_t address, const uint64_t *values)
{
    struct ghost *ghost = NULL;
    for (unsigned i = 0; i < QUADWORDS; i++) {
        if (values[i] == 0)
            continue;
        if (!ghost) {
            ghost = add_ghost(&space->going);
            ghost->address = address;
        }
        ghost->bits[i / 64] |= UINT64_C(1) << i % 64;
    }
}

/* Pages from ADDRESS on (foreign, as SIZE) are about to go. What is not mapped there is passed
 * over: one read tells where the next mapped page can be. */
static void take_away(struct address_space *space, uint64_t address, uint64_t size)
{
    static uint64_t values[64 * QUADWORDS];
    uint64_t end = address + page_up(size);
    if (address % PAGE_BYTES || end < address)
        return; /* the kernel refuses that */
    struct maps maps = maps_read(space->tracee->pid);
    for (size_t i = 0; i < maps.count; i++) {
        uint64_t at = maps.list[i].lo > address ? maps.list[i].lo : address;
        uint64_t hi = maps.list[i].hi < end ? maps.list[i].hi : end;
        while (at < hi) {
            uint64_t want = hi - at < sizeof values ? hi - at : sizeof values;
            uint64_t got = tracee_read(space->tracee, at, values, want) / PAGE_BYTES;
            for (uint64_t page = 0; page < got; page++)
                look_at_page(space, at + page * PAGE_BYTES, values + page * QUADWORDS);
            at += (got + (got * PAGE_BYTES < want)) * PAGE_BYTES;
        }
    }
    maps_free(&maps);
}

void address_space_before(struct address_space *space, const struct call *call)
{
    const uint64_t *arguments = call->arguments;
    space->going.count = 0;
    switch (call->number) {
    case SYS_mmap:
        if (arguments[3] & MAP_FIXED)
            take_away(space, arguments[0], arguments[1]);
        break;
    case SYS_munmap:
        take_away(space, arguments[0], arguments[1]);
        break;
    case SYS_mremap:
        take_away(space, arguments[0], arguments[1]);
        if (arguments[3] & MREMAP_FIXED)
            take_away(space, arguments[4], arguments[2]);
        break;
    case SYS_brk:
        if (arguments[0] && arguments[0] < space->program_break)
            take_away(space, page_up(arguments[0]),
                      page_up(space->program_break) - page_up(arguments[0]));
        break;
    case SYS_madvise:
        if (arguments[2] == MADV_DONTNEED || arguments[2] == MADV_REMOVE)
            take_away(space, arguments[0], arguments[1]);
        break;
    default:
        break;
    }
}

/* --- after ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const struct ghost *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

/* The pages of the call have gone. Where one had gone before, both count. */
static void keep_ghosts(struct address_space *space)
{
    struct ghosts *gone = &space->gone;
    if (space->going.count == 0)
        return;
    for (size_t i = 0; i < space->going.count; i++)
        *add_ghost(gone) = space->going.list[i];
    space->going.count = 0;
    qsort(gone->list, gone->count, sizeof *gone->list, compare);
    size_t kept = 0;
    for (size_t i = 0; i < gone->count; i++) {
        struct ghost *last = kept ? &gone->list[kept - 1] : NULL;
        if (!last || last->address != gone->list[i].address) {
            gone->list[kept++] = gone->list[i];
            continue;
        }
        for (unsigned word = 0; word < QUADWORDS / 64; word++)
            last->bits[word] |= gone->list[i].bits[word];
    }
    gone->count = kept;
}

static void add_words(const struct ghost *ghost, struct written_list *list)
{
    for (unsigned i = 0; i < QUADWORDS;) {
        unsigned begin = i;
        while (i < QUADWORDS && ghost->bits[i / 64] >> i % 64 & 1)
            i++;
        written_add(list, ghost->address + 8 * begin, 8 * (i - begin));
        i += i == begin;
    }
}

/* There is memory again from LO to HI. LIST is what to add the quadwords to that were not zero;
 * NULL if the whole range is logged anyhow. */
static void bring_back(struct address_space *space, uint64_t lo, uint64_t hi,
                       struct written_list *list)
{
    struct ghosts *gone = &space->gone;
    size_t kept = 0;
    for (size_t i = 0; i < gone->count; i++) {
        struct ghost *ghost = &gone->list[i];
        if (ghost->address < lo || ghost->address >= hi)
            gone->list[kept++] = *ghost;
        else if (list)
            add_words(ghost, list);
    }
    gone->count = kept;
}

static void after_mmap(struct address_space *space, const struct call *call, uint64_t address,
                       struct written_list *list)
{
    const uint64_t *arguments = call->arguments;
    uint64_t size = page_up(arguments[1]);
    bool is_file = !(arguments[3] & MAP_ANONYMOUS);
    bring_back(space, address, address + size, is_file ? NULL : list);
    if (is_file)
        written_add(list, address, size);
    if (is_file && (arguments[3] & MAP_TYPE) != MAP_PRIVATE && !space->warned_of_sharing) {
        warn("a file is mapped shared at 0x%lx: what other processes write there is not logged",
             address);
        space->warned_of_sharing = true;
    }
}

static void after_mremap(struct address_space *space, const struct call *call, uint64_t address,
                         struct written_list *list)
{
    uint64_t old_size = page_up(call->arguments[1]), new_size = page_up(call->arguments[2]);
    if (address != call->arguments[0]) {
        bring_back(space, address, address + new_size, NULL);
        written_add(list, address, new_size);
    } else if (new_size > old_size) {
        bring_back(space, address + old_size, address + new_size, list);
    }
}

void address_space_after(struct address_space *space, const struct call *call, int64_t result,
                         struct written_list *list)
{
    uint64_t address = (uint64_t)result;
    bool failed = result < 0 && result >= -4095;
    if (failed) {
        space->going.count = 0;
        return;
    }
    /* In place, mremap takes away only what is behind the new end. */
    if (call->number == SYS_mremap && address == call->arguments[0])
        while (space->going.count > 0 &&
               space->going.list[0].address < address + page_up(call->arguments[2]))
            memmove(space->going.list, space->going.list + 1,
                    --space->going.count * sizeof *space->going.list);
    keep_ghosts(space);
    switch (call->number) {
    case SYS_mmap:
        after_mmap(space, call, address, list);
        break;
    case SYS_mremap:
        after_mremap(space, call, address, list);
        break;
    case SYS_brk:
        if (address > space->program_break)
            bring_back(space, space->program_break, address, list);
        space->program_break = address;
        space->called_brk = true;
        break;
    case SYS_madvise:
        if (call->arguments[2] == MADV_DONTNEED || call->arguments[2] == MADV_REMOVE)
            bring_back(space, call->arguments[0], call->arguments[0] + page_up(call->arguments[1]),
                       list);
        break;
    default:
        break;
    }
}

uint64_t address_space_break(const struct address_space *space)
{
    return space->called_brk ? space->program_break : 0;
}
