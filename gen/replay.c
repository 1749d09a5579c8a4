/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the logs of all static threads, gives replay.bin and where each stream is in it. */
#include "replay.h"
#include "error.h"
#include "image.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

/* Code refers to the runtime's data relative to itself, over the log: 2 GiB at most. */
#define REPLAY_MAX (UINT64_C(1) << 30)

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

void replay_add_site(struct replay *replay, uint64_t address)
{
    size_t low = 0, high = replay->num_sites;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replay->sites[middle] < address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < replay->num_sites && replay->sites[low] == address)
        return;
    if ((replay->num_sites & (replay->num_sites - 1)) == 0)
        replay->sites = xreallocarray(replay->sites, replay->num_sites ? 2 * replay->num_sites : 1,
                                      sizeof *replay->sites);
    memmove(replay->sites + low + 1, replay->sites + low,
            (replay->num_sites - low) * sizeof *replay->sites);
    replay->sites[low] = address;
    replay->num_sites++;
}

static bool is_call(const struct checkpoint *c, int pages_fd, uint64_t address)
{
    uint8_t code[2];
    return image_read(c, pages_fd, address, code, sizeof code) == sizeof code && code[0] == 0x0f &&
           code[1] == 0x05;
}

/* Recorders disagree whether ip_entry:syscall is the instruction or what is behind it: the image
 * decides. What is no system call there, code that the region writes first, goes. */
static void check_sites(struct checkpoint *c, int pages_fd)
{
    for (size_t i = 0; i < c->num_call_sites; i++)
        if (is_call(c, pages_fd, c->call_sites[i]))
            replay_add_site(c->replay, c->call_sites[i]);
        else if (c->call_sites[i] >= 2)
            replay_add_site(c->replay, c->call_sites[i] - 2);
    size_t kept = 0;
    for (size_t i = 0; i < c->replay->num_sites; i++)
        if (is_call(c, pages_fd, c->replay->sites[i]))
            c->replay->sites[kept++] = c->replay->sites[i];
    c->replay->num_sites = kept;
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
    replay->size = position(to);
    if (replay->size > REPLAY_MAX)
        fail("%s: the logs are %llu bytes when packed, more than %llu", c->base,
             (unsigned long long)replay->size, (unsigned long long)REPLAY_MAX);
    check_sites(c, pages_fd);
    free(r.ends);
    free(r.given);
}
