/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the logs of all static threads, gives replay.bin and where each stream is in it. */
#include "replay.h"
#include "error.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

long replay_gap(const struct layout *l, uint64_t address)
{
    size_t low = 0, high = l->num_regions;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->regions[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->num_regions && l->regions[low].begin <= address ? -1 : (long)low;
}

bool replay_end_marker(struct input *in, const char *line, uint64_t last, uint64_t *icount)
{
    static const char word[] = "end_marker";
    const char *at = line + sizeof word - 1;
    uint64_t ignored;
    size_t length;
    if (strncmp(line, word, sizeof word - 1) != 0)
        return false;
    if (!scan_blanks(&at) || !scan_decimal(&at, icount) ||
        (!scan_end(at) && (!scan_blanks(&at) || !scan_decimal(&at, &ignored) || !scan_end(at))))
        input_fail(in, "not an end_marker INSTRUCTIONS: '%.80s'", line);
    if (*icount < last)
        input_fail(in, "the region ends at instruction %llu, before the last record, at %llu",
                   (unsigned long long)*icount, (unsigned long long)last);
    for (const char *next; (next = input_line(in, &length));)
        if (!scan_end(next))
            input_fail(in, "a line behind the end_marker: '%.80s'", next);
    return true;
}

static uint64_t position(FILE *to)
{
    return (uint64_t)ftello(to);
}

void replay_read(struct checkpoint *c, const struct layout *l, int pages_fd, FILE *to)
{
    struct replay *replay = c->replay;
    struct replay_reader r = {
        .c = c,
        .l = l,
        .pages_fd = pages_fd,
        .to = to,
        .ends = xcalloc(c->num_static_threads, sizeof *r.ends),
        .given = xcalloc(l->num_regions + 1, sizeof *r.given),
    };
    replay->threads = xcalloc(c->num_static_threads, sizeof *replay->threads);
    for (uint32_t t = 0; t < c->num_static_threads; t++) {
        struct replay_thread *p = &replay->threads[t];
        replay_read_reg(&r, t);
        p->values_size = position(to) - p->values;
        p->icount = r.ends[t];
    }
    for (uint32_t t = 0; t < c->num_static_threads; t++) {
        struct replay_thread *p = &replay->threads[t];
        p->writes = position(to);
        replay_read_sel(&r, t);
        p->writes_size = position(to) - p->writes;
        p->orders = position(to);
        replay_read_race(&r, t);
        p->orders_size = position(to) - p->orders;
    }
    replay_add_stops(&r);
    replay->size = position(to);
    if (replay->size > REPLAY_MAX)
        fail("%s: the logs are %llu bytes when packed, more than %llu", c->base,
             (unsigned long long)replay->size, (unsigned long long)REPLAY_MAX);
    replay_check_sites(c, pages_fd);
    free(r.ends);
    free(r.given);
}
