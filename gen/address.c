/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.address: "0xLO 0xHI text|data 0" lines. The label says whether the range was
 * executed in the region. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <string.h>

static void read_range(struct checkpoint *c, struct input *in, const char *line)
{
    struct range r;
    const char *at = line;
    if (!scan_hex(&at, &r.begin) || !scan_blanks(&at) || !scan_hex(&at, &r.end) ||
        !scan_blanks(&at))
        input_fail(in, "not a range '0xLO 0xHI text|data 0': '%.80s'", line);
    if (r.begin >= r.end)
        input_fail(in, "the range is empty: '%.80s'", line);
    if (strncmp(at, "text", 4) != 0 && strncmp(at, "data", 4) != 0)
        input_fail(in, "the label is neither text nor data: '%.80s'", line);
    r.executed = at[0] == 't';
    if ((c->num_ranges & (c->num_ranges - 1)) == 0)
        c->ranges = xreallocarray(c->ranges, c->num_ranges ? 2 * c->num_ranges : 1, sizeof r);
    c->ranges[c->num_ranges++] = r;
}

void address_read(struct checkpoint *c)
{
    struct input *in = input_require(c->base, "address", "address ranges");
    size_t length;
    for (const char *line; (line = input_line(in, &length));)
        if (!scan_end(line))
            read_range(c, in, line);
    if (!c->num_ranges)
        fail_at(input_path(in), 0, "the file is empty");
    input_close(in);
}
