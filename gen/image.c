/* SPDX-License-Identifier: BSD-3-Clause */
/* See image.h. */
#include "image.h"
#include "error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct run *run_at(const struct checkpoint *c, uint64_t address)
{
    size_t low = 0, high = c->num_runs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct run *r = &c->runs[middle];
        if (r->address + r->pages * PAGE_SIZE <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->num_runs && c->runs[low].address <= address ? &c->runs[low] : NULL;
}

size_t image_read(const struct checkpoint *c, int pages_fd, uint64_t address, void *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const struct run *r = run_at(c, address + done);
        if (!r)
            break;
        uint64_t in_run = address + done - r->address;
        uint64_t left = r->pages * PAGE_SIZE - in_run;
        size_t part = size - done < left ? size - done : (size_t)left;
        char *place = (char *)to + done;
        if (r->offset == ZERO_PAGES)
            memset(place, 0, part);
        else if (pread(pages_fd, place, part, (off_t)(r->offset + in_run)) != (ssize_t)part)
            fail("pages.bin cannot be read back: %s", strerror(errno));
        done += part;
    }
    return done;
}
