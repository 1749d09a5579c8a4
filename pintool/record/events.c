/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes instructions and events, gives BASE.event_icount.T.txt. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "output.h"
#include "pinball.h"

/* Counts at one instant: of instructions, then of each watched address, for each thread. */
struct mark {
    const char *name;
    size_t threads;
    uint64_t *counts; /* threads rows of 1 + num_addresses */
};

struct events {
    uint64_t *addresses;
    size_t num_addresses;
    uint64_t *hits; /* rows of num_addresses, for each thread so far */
    size_t threads;
    struct mark *marks;
    size_t num_marks;
};

struct events *events_new(const uint64_t *addresses, size_t count)
{
    struct events *events = memory_new(sizeof *events);
    events->addresses = memory_resize(NULL, count + 1, sizeof *addresses);
    if (count > 0)
        memcpy(events->addresses, addresses, count * sizeof *addresses);
    events->num_addresses = count;
    return events;
}

static void make_room(struct events *events, size_t threads)
{
    size_t width = events->num_addresses;
    if (threads <= events->threads || width == 0)
        return;
    events->hits = memory_resize(events->hits, threads * width, sizeof *events->hits);
    memset(events->hits + events->threads * width, 0,
           (threads - events->threads) * width * sizeof *events->hits);
    events->threads = threads;
}

void events_count(struct events *events, unsigned thread, uint64_t pc)
{
    for (size_t i = 0; i < events->num_addresses; i++) {
        if (events->addresses[i] != pc)
            continue;
        make_room(events, (size_t)thread + 1);
        events->hits[thread * events->num_addresses + i]++;
    }
}

uint64_t events_hits(const struct events *events, size_t index)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < events->threads; i++)
        sum += events->hits[i * events->num_addresses + index];
    return sum;
}

void events_mark(struct events *events, const char *name, const uint64_t *icounts, size_t threads)
{
    size_t width = events->num_addresses;
    make_room(events, threads);
    struct mark mark = {.name = name, .threads = threads};
    mark.counts = memory_resize(NULL, threads * (1 + width), sizeof *mark.counts);
    for (size_t i = 0; i < threads; i++) {
        uint64_t *row = mark.counts + i * (1 + width);
        row[0] = icounts[i];
        if (width > 0)
            memcpy(row + 1, events->hits + i * width, width * sizeof *row);
    }
    events->marks = memory_resize(events->marks, events->num_marks + 1, sizeof mark);
    events->marks[events->num_marks++] = mark;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Column 0 is instructions, then the addresses. A thread that did not exist yet has counted 0. */
static uint64_t own(const struct events *events, const struct mark *mark, size_t thread,
                    size_t column)
{
    return thread < mark->threads ? mark->counts[thread * (1 + events->num_addresses) + column] : 0;
}

static uint64_t of_all(const struct events *events, const struct mark *mark, size_t column)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < mark->threads; i++)
        sum += own(events, mark, i, column);
    return sum;
}

static void put_mark(const struct events *events, const struct mark *mark, size_t thread,
                     struct output *output)
{
    bool is_last = strcmp(mark->name, "Fini") == 0;
    const char *blank = is_last ? " " : "";
    output_printf(output, "%s%s global_icount: %lu\n", mark->name, blank, of_all(events, mark, 0));
    output_printf(output, "%s%s tid: %zu icount %lu\n", mark->name, blank, thread,
                  own(events, mark, thread, 0));
    for (size_t i = 0; i < events->num_addresses; i++) {
        const char *label = is_last ? "Addr" : "\tMarker";
        output_printf(output, "%s  %lx  global_addrcount: %lu\n", label, events->addresses[i],
                      of_all(events, mark, 1 + i));
        output_printf(output, "%s  %lx tid: %zu addrcount %lu\n", label, events->addresses[i],
                      thread, own(events, mark, thread, 1 + i));
    }
}

void events_write(const struct events *events)
{
    size_t threads = events->num_marks ? events->marks[events->num_marks - 1].threads : 0;
    for (size_t thread = 0; thread < threads; thread++) {
        char *suffix = memory_format("event_icount.%zu.txt", thread);
        struct output *output = pinball_create(suffix, COMPRESS_NONE);
        for (size_t i = 0; i < events->num_marks; i++)
            put_mark(events, &events->marks[i], thread, output);
        output_close(output);
        free(suffix);
    }
}

void events_free(struct events *events)
{
    for (size_t i = 0; i < events->num_marks; i++)
        free(events->marks[i].counts);
    free(events->marks);
    free(events->hits);
    free(events->addresses);
    free(events);
}
