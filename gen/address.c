/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.address: "0xLO 0xHI text|data 0" lines. The label says whether the range was
 * executed in the region. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

static bool read_range(struct input *in, const char *line, struct range *r)
{
    const char *at = line;
    if (!scan_hex(&at, &r->begin) || !scan_blanks(&at) || !scan_hex(&at, &r->end) ||
        !scan_blanks(&at))
        input_fail(in, "not a range '0xLO 0xHI text|data 0': '%.80s'", line);
    if (r->begin >= r->end)
        input_fail(in, "the range is empty: '%.80s'", line);
    bool text = !strncmp(at, "text", 4);
    if ((!text && strncmp(at, "data", 4) != 0) || !strchr(" \t\r", at[4]))
        input_fail(in, "the label is neither text nor data: '%.80s'", line);
    return text;
}

static int by_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void merge_ranges(struct checkpoint *c)
{
    size_t count = 0;
    if (c->num_ranges)
        qsort(c->ranges, c->num_ranges, sizeof *c->ranges, by_begin);
    for (size_t i = 0; i < c->num_ranges; i++)
        if (count && c->ranges[i].begin <= c->ranges[count - 1].end) {
            if (c->ranges[i].end > c->ranges[count - 1].end)
                c->ranges[count - 1].end = c->ranges[i].end;
        } else {
            c->ranges[count++] = c->ranges[i];
        }
    c->num_ranges = count;
}

void address_read(struct checkpoint *c)
{
    struct input *in = input_require(c->base, "address", "address ranges");
    size_t length;
    bool any = false;
    for (const char *line; (line = input_line(in, &length));) {
        struct range r;
        if (scan_end(line))
            continue;
        any = true;
        if (!read_range(in, line, &r))
            continue;
        if ((c->num_ranges & (c->num_ranges - 1)) == 0)
            c->ranges = xreallocarray(c->ranges, c->num_ranges ? 2 * c->num_ranges : 1, sizeof r);
        c->ranges[c->num_ranges++] = r;
    }
    if (!any)
        fail_at(input_path(in), 0, "the file is empty");
    merge_ranges(c);
    input_close(in);
}
