/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what the user asked for, gives pinballs: brings the program to each start, writes its
 * state, and runs the region. */
#include "record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "auxv.h"
#include "counter.h"
#include "launch.h"
#include "memory.h"
#include "message.h"
#include "pinball.h"
#include "region.h"
#include "region_files.h"
#include "regions_file.h"
#include "repeatable.h"
#include "snapshot.h"
#include "start_point.h"
#include "tracee.h"
#include "write.h"

/* Writes the pinball of the region that starts where TRACEE is stopped. Its logs are written if it
 * has an end; the region is then given back. */
static struct region *record(struct tracee *tracee, const struct thread *first,
                             const struct options *options, const struct region_options *how)
{
    struct snapshot snapshot = snapshot_take(tracee, options->command);
    struct region *region = NULL;
    uint64_t first_break = break_of(&snapshot);
    write_sysstate(&snapshot, true);
    write_text(&snapshot, options->format, options->compression);
    if (how->end.length)
        region = region_run(tracee, &snapshot, first, how);
    else
        write_reg(&snapshot, options->compression);
    write_breaks(first_break, region ? sysstate_last_break(first_break) : first_break);
    write_result(&snapshot, region);
    write_procinfo(&snapshot);
    write_global_log(&snapshot, options->format, region);
    if (!region)
        tracee_check_stopped(tracee);
    pinball_commit();
    note("%s: pinball of %zu thread(s) written", options->base,
         region ? region_num_threads(region) : snapshot.num_threads);
    return region;
}

static _Noreturn void fail_before(const char *file, const char *what, const struct region *region)
{
    fail("%s ended before the start was reached: %s: it ran %lu instructions", file, what,
         region_instructions(region));
}

/* Steps on to where END is. */
static const struct thread *step_to(struct tracee *tracee, const char *file, const char *what,
                                    struct region_end end, uint64_t quantum)
{
    struct region_options skip = {.end = end, .quantum = quantum};
    struct region *region = region_skip(tracee, &skip);
    if (region_ended(region))
        fail_before(file, what, region);
    const struct thread *first = region_last_thread(region);
    region_leave(region);
    if (tracee_stop_all(tracee) != EVENT_NONE)
        fail("%s ended when the start was reached: %s", file, what);
    return first;
}

/* Steps to the start, by way of the program's entry, where libraries are mapped. */
static const struct thread *step_to_start(struct tracee *tracee, const char *file,
                                          struct start_point *start, uint64_t quantum)
{
    struct region_end end = {.length = REGION_TO_END, .address_count = 1};
    end.address = auxv_hide_vdso(tracee);
    struct user_regs_struct registers;
    const struct thread *first = tracee->threads[0];
    tracee_get_registers(first, &registers);
    if (registers.rip != end.address) /* a static program is there already */
        first = step_to(tracee, file, start->text, end, quantum);
    start_point_find(tracee, start);
    if (start->address == end.address && start->count == 1)
        return first;
    end.address_count = start->count - (start->address == end.address);
    end.address = start->address;
    return step_to(tracee, file, start->text, end, quantum);
}

/* The addresses that are watched, and where the region ends, now that libraries are mapped. */
static struct region_options resolve(const struct tracee *tracee, const struct options *options)
{
    struct region_options how = options->region;
    struct start_point stop = options->stop;
    if (!stop.text)
        return how;
    if (stop.kind == START_ICOUNT) {
        if (stop.count <= options->start.count)
            fail("%s: not behind the start, %s", stop.text, options->start.text);
        how.end.length = stop.count - options->start.count;
        how.end.global = stop.global;
        return how;
    }
    start_point_find(tracee, &stop);
    how.end.address = stop.address;
    how.end.address_count = stop.count;
    if (how.end.length == 0)
        how.end.length = REGION_TO_END;
    return how;
}

static void record_one(struct tracee *tracee, const char *file, const struct options *options)
{
    struct start_point start = options->start;
    const struct thread *first;
    if (start.kind == START_ICOUNT) {
        auxv_hide_vdso(tracee);
        uint64_t done =
            options->stepped || start.global ? 0 : counter_advance(tracee, start.count, start.text);
        first = step_to(tracee, file, start.text,
                        (struct region_end){.length = start.count - done, .global = start.global},
                        options->region.quantum);
    } else if (options->stepped) {
        first = step_to_start(tracee, file, &start, options->region.quantum);
    } else {
        first = start_point_reach(tracee, file, &start);
    }
    note("%s: reached by thread %d of process %d", start.text, first->tid, tracee->pid);
    struct region_options how = resolve(tracee, options);
    record(tracee, first, options, &how);
}

/* --- several regions -------------------------------------------------------------------------- */

/* Runs up to where REGION starts. DONE: instructions so far, HITS: of each start address. */
static const struct thread *reach_next(struct tracee *tracee, const struct listed_region *next,
                                       const struct regions_file *regions, uint64_t *done,
                                       uint64_t *hits, const struct options *options)
{
    struct region_options skip = {
        .end = {.length = REGION_TO_END, .global = next->global},
        .quantum = options->region.quantum,
        .watched = regions->addresses,
        .num_watched = regions->num_addresses,
    };
    if (next->address) {
        if (next->count <= hits[next->watched])
            fail("%s: region %u starts before the one before it ends", regions->path, next->number);
        skip.end.address = next->address;
        skip.end.address_count = next->count - hits[next->watched];
    } else {
        if (next->start < *done)
            fail("%s: region %u starts at instruction %lu, before the one before it ends (%lu): "
                 "record them in two runs",
                 regions->path, next->number, next->start, *done);
        if (!options->stepped && !next->global && !regions->num_addresses)
            *done += counter_advance(tracee, next->start - *done, regions->path);
        skip.end.length = next->start - *done;
    }
    struct region *region = region_skip(tracee, &skip);
    if (region_ended(region))
        fail("the program ended after %lu instructions, before region %u of %s started",
             *done + region_instructions(region), next->number, regions->path);
    *done += region_instructions(region);
    for (size_t i = 0; i < regions->num_addresses; i++)
        hits[i] += region_hits(region, i);
    const struct thread *first = region_last_thread(region);
    region_leave(region);
    if (tracee_stop_all(tracee) != EVENT_NONE)
        fail("the program ended where region %u of %s starts", next->number, regions->path);
    return first;
}

static void record_listed(struct tracee *tracee, const struct options *options)
{
    const struct regions_file *regions = options->regions;
    uint64_t done = 0;
    uint64_t *hits = memory_new((regions->num_addresses + 1) * sizeof *hits);
    auxv_hide_vdso(tracee);
    for (size_t i = 0; i < regions->count; i++) {
        const struct listed_region *next = &regions->list[i];
        struct options own = *options;
        own.base = regions_file_name(next, options->base);
        pinball_open(own.base);
        const struct thread *first = reach_next(tracee, next, regions, &done, hits, options);
        struct region_options how = options->region;
        how.end =
            (struct region_end){.length = next->warmup + next->length, .global = next->global};
        how.warmup = next->warmup;
        how.watched = regions->addresses;
        how.num_watched = regions->num_addresses;
        how.with_events = true;
        struct region *region = record(tracee, first, &own, &how);
        done += region_instructions(region);
        for (size_t k = 0; k < regions->num_addresses; k++)
            hits[k] += region_hits(region, k);
        bool ended = region_ended(region);
        region_leave(region);
        if (i + 1 < regions->count && (ended || tracee_stop_all(tracee) != EVENT_NONE))
            fail("the program ended with region %u of %s, before the next one", next->number,
                 regions->path);
    }
    free(hits);
}

void record_program(const struct options *options)
{
    static struct tracee tracee; /* used by the exit function */
    const char *file = launch_find(options->command[0]);
    if (!options->regions)
        pinball_open(options->base);
    repeatable = !options->aslr;
    if (!options->aslr)
        launch_without_aslr();
    if (options->baseline)
        launch_use_baseline();
    tracee_start(&tracee, file, options->command);
    if (options->regions)
        record_listed(&tracee, options);
    else
        record_one(&tracee, file, options);
    tracee_kill(&tracee);
}
