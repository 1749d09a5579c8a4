/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the runs of pages and gives regions, cut into pieces: each piece is some non-zero pages
 * and the zero pages behind them, because zero pages at the end of a segment cost no byte of the
 * file. A label says what a person would call the region. */
#include "error.h"
#include "layout.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *append(void *array, size_t *count, const void *element, size_t size)
{
    if ((*count & (*count - 1)) == 0) /* full at each power of two */
        array = xreallocarray(array, *count ? 2 * *count : 1, size);
    memcpy((char *)array + *count * size, element, size);
    ++*count;
    return array;
}

static void add_run(struct layout *l, const struct checkpoint *c, size_t index)
{
    const struct run *run = &c->runs[index];
    bool zero = run->offset == ZERO_PAGES;
    struct region *region = l->num_regions ? &l->regions[l->num_regions - 1] : NULL;
    bool new_region = !region || region->end != run->address;
    if (new_region) {
        struct region r = {.begin = run->address, .first_piece = l->num_pieces};
        l->regions = append(l->regions, &l->num_regions, &r, sizeof r);
        region = &l->regions[l->num_regions - 1];
    }
    region->end = run->address + run->pages * PAGE_SIZE;
    struct piece *piece = l->num_pieces ? &l->pieces[l->num_pieces - 1] : NULL;
    if (new_region || (!zero && piece->zero_pages)) {
        struct piece p = {.address = run->address, .first_run = index};
        l->pieces = append(l->pieces, &l->num_pieces, &p, sizeof p);
        piece = &l->pieces[l->num_pieces - 1];
        region->num_pieces++;
    }
    if (zero) {
        piece->zero_pages += run->pages;
    } else {
        piece->file_pages += run->pages;
        piece->num_runs++;
    }
}

static bool overlap(uint64_t a_begin, uint64_t a_end, uint64_t b_begin, uint64_t b_end)
{
    return a_begin < b_end && b_begin < a_end;
}

/* "stack of thread 3", "TLS of threads 1-8"; true when there was something to say. */
static bool print_threads(FILE *to, const struct checkpoint *c, const struct region *r,
                          enum gpr pointer, const char *what, const char *separator)
{
    uint32_t first = 0, last = 0, count = 0;
    for (uint32_t t = 0; t < c->num_threads; t++) {
        uint64_t address = c->threads[t].gpr[pointer];
        if (address < r->begin || address >= r->end)
            continue;
        if (!count++)
            first = c->threads[t].number;
        last = c->threads[t].number;
    }
    if (count == 1)
        fprintf(to, "%s%s of thread %u", separator, what, first);
    else if (count)
        fprintf(to, "%s%s of %u threads, %u to %u", separator, what, count, first, last);
    return count != 0;
}

/* The first few modules in the region, with names of a length that a comment can bear. */
static bool print_modules(FILE *to, const struct checkpoint *c, const struct region *r)
{
    enum { NAMES = 3, NAME_LENGTH = 60 };
    unsigned count = 0;
    for (size_t i = 0; i < c->num_modules; i++) {
        if (!overlap(r->begin, r->end, c->modules[i].base, c->modules[i].end))
            continue;
        if (++count > NAMES)
            break;
        char *name = xasprintf("%s%.*s", count > 1 ? ", " : "", NAME_LENGTH, c->modules[i].name);
        put_comment(to, name);
        free(name);
    }
    if (count > NAMES)
        fputs(" and more", to);
    return count != 0;
}

static char *make_label(const struct checkpoint *c, const struct region *r)
{
    char *label;
    size_t size;
    FILE *to = open_memstream(&label, &size);
    if (!to)
        fail("out of memory");
    const char *separator = "";
    if (print_modules(to, c, r))
        separator = ", ";
    bool in_module = *separator;
    if (print_threads(to, c, r, RSP, "stack", separator))
        separator = ", ";
    if (print_threads(to, c, r, FS_BASE, "TLS", separator))
        separator = ", ";
    if (c->has_break && c->program_break > r->begin && c->program_break <= r->end) {
        fprintf(to, "%sheap", separator);
        separator = ", ";
    }
    if (in_module || !*separator)
        fprintf(to, "%s%s", separator, r->executed ? "text" : "data");
    fclose(to);
    return label;
}

void regions_find(struct layout *l, const struct checkpoint *c)
{
    for (size_t i = 0; i < c->num_runs; i++)
        add_run(l, c, i);
    for (size_t i = 0; i < l->num_regions; i++) {
        struct region *r = &l->regions[i];
        r->executed = is_executed(c, r->begin, r->end);
        r->label = make_label(c, r);
    }
}

const struct region *region_at(const struct layout *l, uint64_t address)
{
    size_t low = 0, high = l->num_regions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->regions[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->num_regions && l->regions[low].begin <= address ? &l->regions[low] : NULL;
}

uint64_t staged_address(const struct layout *l, const struct staged_section *s)
{
    const struct piece *p = &l->pieces[s->first_piece];
    while (!p->file_pages)
        p++;
    return p->address;
}

void section_name(const struct layout *l, uint64_t address, char name[SECTION_NAME])
{
    const struct region *r = region_at(l, address);
    snprintf(name, SECTION_NAME, "%s.%llx",
             r && r->executed ? l->options.text_section : l->options.data_section,
             (unsigned long long)address);
}

uint64_t protection_end(const struct layout *l, const struct checkpoint *c,
                        const struct region *region, uint64_t begin, unsigned *flags)
{
    const unsigned text = l->options.text_flags, data = l->options.data_flags;
    bool executed = is_executed(c, begin, begin + PAGE_SIZE);
    *flags = executed ? text : data;
    uint64_t end = text == data ? region->end : begin + PAGE_SIZE;
    while (end < region->end && is_executed(c, end, end + PAGE_SIZE) == executed)
        end += PAGE_SIZE;
    return end;
}
