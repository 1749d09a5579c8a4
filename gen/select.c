/* SPDX-License-Identifier: BSD-3-Clause */
/* See select.h. */
#include "select.h"
#include "error.h"

void select_threads(struct checkpoint *c, uint64_t min_icount)
{
    uint32_t count = 0;
    if (!min_icount) /* a replay has threads of the region besides */
        return;
    for (uint32_t t = 0; t < c->num_threads; t++)
        if (!c->threads[t].has_icount || c->threads[t].icount >= min_icount)
            c->threads[count++] = c->threads[t];
    if (!count)
        fail("%s: no thread runs %llu instructions in the region", c->base,
             (unsigned long long)min_icount);
    c->num_threads = c->num_contexts = count;
}

void select_pages(struct checkpoint *c, uint64_t top)
{
    size_t count = 0;
    c->pages = c->zero_pages = 0;
    for (; count < c->num_runs && c->runs[count].address < top; count++) {
        struct run *run = &c->runs[count];
        uint64_t room = (top - run->address) / PAGE_SIZE;
        if (run->pages > room)
            run->pages = room;
        c->pages += run->pages;
        if (run->offset == ZERO_PAGES)
            c->zero_pages += run->pages;
    }
    if (!count)
        fail("%s: no page lies below 0x%llx", c->base, (unsigned long long)top);
    c->num_runs = count;
}
