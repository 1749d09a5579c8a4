/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program's memory before and after, gives where it differs. */
#include "memory_copy.h"

#include <stdlib.h>
#include <string.h>

#include "maps.h"
#include "memory.h"

struct piece {
    uint64_t address;
    size_t size;
    uint8_t *bytes;
};

struct memory_copy {
    struct piece *list;
    size_t count;
};

struct memory_copy *memory_copy_take(const struct tracee *tracee)
{
    struct memory_copy *copy = memory_new(sizeof *copy);
    struct maps maps = maps_read(tracee->pid);
    copy->list = memory_resize(NULL, maps.count, sizeof *copy->list);
    for (size_t i = 0; i < maps.count; i++) {
        const struct mapping *mapping = &maps.list[i];
        if (!mapping->writable || !maps_is_image(mapping))
            continue;
        struct piece piece = {.address = mapping->lo};
        piece.bytes = memory_resize(NULL, mapping->hi - mapping->lo, 1);
        piece.size = tracee_read(tracee, mapping->lo, piece.bytes, mapping->hi - mapping->lo);
        copy->list[copy->count++] = piece;
    }
    maps_free(&maps);
    return copy;
}

static void compare_page(uint64_t address, const uint8_t *old, const uint8_t *new, size_t size,
                         struct written_list *list)
{
    if (memcmp(old, new, size) == 0)
        return;
    for (size_t at = 0; at + 8 <= size;) {
        size_t begin = at;
        while (at + 8 <= size && memcmp(old + at, new + at, 8) != 0)
            at += 8;
        written_add(list, address + begin, at - begin);
        at += at == begin ? 8 : 0;
    }
}

void memory_copy_compare(const struct memory_copy *copy, const struct tracee *tracee,
                         struct written_list *list)
{
    uint8_t page[PAGE_BYTES];
    for (size_t i = 0; i < copy->count; i++) {
        const struct piece *piece = &copy->list[i];
        for (size_t at = 0; at < piece->size; at += PAGE_BYTES) {
            size_t got = tracee_read(tracee, piece->address + at, page, PAGE_BYTES);
            compare_page(piece->address + at, piece->bytes + at, page,
                         got < piece->size - at ? got : piece->size - at, list);
        }
    }
}

void memory_copy_free(struct memory_copy *copy)
{
    if (!copy)
        return;
    for (size_t i = 0; i < copy->count; i++)
        free(copy->list[i].bytes);
    free(copy->list);
    free(copy);
}
