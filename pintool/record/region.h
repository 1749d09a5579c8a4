/* SPDX-License-Identifier: BSD-3-Clause */
/* The region: the program is run on from the start point, instruction by instruction, with one
 * thread at a time, and what it gets from outside is logged. */
#ifndef REGION_H
#define REGION_H

#include <stdbool.h>

#include "encode.h"
#include "output.h"
#include "snapshot.h"
#include "tracee.h"

/* Where the region ends: at what comes first. */
struct region_end {
    uint64_t length;        /* instructions, or REGION_TO_END: where the program ends */
    bool global;            /* length counts all threads, not only the one that reached the start */
    uint64_t address;       /* ... in front of this instruction, 0: none */
    uint64_t address_count; /* ... the N-th time that a thread comes there behind the start */
};

#define REGION_TO_END UINT64_MAX

struct region_options {
    struct region_end end;
    uint64_t
        warmup; /* instructions at the beginning that are not simulated; end counts them, too */
    uint64_t quantum; /* instructions that a thread runs before the next one has its turn */
    enum log_format format;
    enum compression compression;
    uint64_t *watched; /* addresses whose executions are counted */
    size_t num_watched;
    bool with_events; /* write BASE.event_icount.T.txt */
    bool verify;      /* compare all memory around each call with what is known of the call */
};

struct region;

/* Runs the region of TRACEE, which is stopped as SNAPSHOT says, FIRST being the thread that reached
 * the start, and writes the logs .reg, .sel and .race of its threads. Fails if the program does
 * what cannot be recorded, or ends before the region does. */
struct region *region_run(struct tracee *tracee, const struct snapshot *snapshot,
                          const struct thread *first, const struct region_options *options);

/* Runs on in the same way, without logs, from where TRACEE is stopped: instructions are those of
 * the initial thread. The program may end before; see region_ended(). */
struct region *region_skip(struct tracee *tracee, const struct region_options *options);

/* The program ended in the region. */
bool region_ended(const struct region *region);

/* Instructions of all threads together. */
uint64_t region_instructions(const struct region *region);

/* How often the watched address of this index was run. */
uint64_t region_hits(const struct region *region, size_t index);

/* The thread that ran last: the one that has come to the region's end. */
const struct thread *region_last_thread(const struct region *region);

/* Gives the program back to tracee_*(): its threads are stopped, or in a system call. */
void region_leave(struct region *region);

/* Threads of the region, those created in it included. */
size_t region_num_threads(const struct region *region);

/* What BASE.T.result says of thread T. */
struct region_counts {
    pid_t tid;
    uint64_t instructions, calls, log_entries;
    uint64_t first_pc, last_pc;
    struct user_regs_struct last; /* registers behind the last instruction; before an exit */
};
struct region_counts region_counts(const struct region *region, size_t thread);

/* The program break behind the region, or FIRST, the one at its start, if no call has changed it.
 */
uint64_t region_break(const struct region *region, uint64_t first);

/* The addresses behind the system calls that were made, in ascending order. */
const uint64_t *region_call_addresses(const struct region *region, size_t *count);

#endif
