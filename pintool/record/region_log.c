/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the instructions of a region one by one, gives their counts, their order in the logs of the
 * threads, and the memory that calls have written, for the next instruction that runs. */
#include "region_parts.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "message.h"

enum { PIECE = 1 << 16 };

static void log_range(struct region *region, struct actor *actor, struct written range)
{
    static uint8_t bytes[PIECE];
    while (range.size > 0) {
        size_t size = range.size < PIECE ? range.size : PIECE;
        size_t got = tracee_read(region->tracee, range.address, bytes, size);
        thread_log_memory(actor->log, actor->icount + 1, range.address, bytes, got);
        if (got < size)
            return; /* the kernel would not have written there either */
        range.address += size;
        range.size -= size;
    }
}

void region_log_pending(struct region *region, struct actor *actor)
{
    for (size_t i = 0; i < region->pending.count && actor->log; i++)
        log_range(region, actor, region->pending.list[i]);
    region->pending.count = 0;
}

/* Before ACTOR runs an instruction: its place among those of the others, and what the calls before
 * have written. */
void region_log_turn(struct region *region, struct actor *actor)
{
    if (actor->log && region->last && region->last != actor)
        thread_log_order(actor->log, actor->icount + 1, region->last->number, region->last->icount);
    region->last = actor;
    region_log_pending(region, actor);
}

void region_note_call(struct region *region, uint64_t address)
{
    size_t i = region->call_addresses.count;
    while (i > 0 && region->call_addresses.list[i - 1] > address)
        i--;
    if (i > 0 && region->call_addresses.list[i - 1] == address)
        return;
    size_t count = ++region->call_addresses.count;
    region->call_addresses.list =
        memory_resize(region->call_addresses.list, count, sizeof(uint64_t));
    memmove(region->call_addresses.list + i + 1, region->call_addresses.list + i,
            (count - 1 - i) * sizeof(uint64_t));
    region->call_addresses.list[i] = address;
}

void region_mark(struct region *region, const char *name)
{
    uint64_t *icounts = memory_resize(NULL, region->num_actors, sizeof *icounts);
    for (size_t i = 0; i < region->num_actors; i++)
        icounts[i] = region->actors[i]->icount;
    events_mark(region->events, name, icounts, region->num_actors);
    free(icounts);
}

/* Instructions of those that the length counts. */
uint64_t region_instructions(const struct region *region)
{
    return region->options->end.global ? region->icount : region->counted->icount;
}

/* ACTOR has completed the instruction at PC. */
void region_count(struct region *region, struct actor *actor, uint64_t pc)
{
    const struct region_end *end = &region->options->end;
    actor->icount++;
    region->icount++;
    actor->last_pc = pc;
    if (region->options->num_watched > 0)
        events_count(region->events, actor->number, pc);
    uint64_t done = region_instructions(region);
    if (!region->simulating && done >= region->options->warmup) {
        region->simulating = true;
        region_mark(region, "Sim-Start");
    }
    if (done >= end->length)
        region->over = true;
    if ((region->icount & 0xfff) == 0) {
        message_check_signal();
        progress_show(&region->progress, done, end->length);
    }
}

/* ... and stands in front of the next one. */
void region_arrive(struct region *region, const struct actor *actor)
{
    const struct region_end *end = &region->options->end;
    if (end->address && actor->registers.rip == end->address &&
        ++region->arrivals >= end->address_count)
        region->over = true;
}
