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

/* Where the region ends. */
struct region_end {
    uint64_t length; /* instructions, or REGION_TO_END: where the program ends */
    bool global;     /* length counts all threads, not only the one that reached the start */
};

#define REGION_TO_END UINT64_MAX

struct region_options {
    struct region_end end;
    uint64_t quantum; /* instructions that a thread runs before the next one has its turn */
    enum log_format format;
    enum compression compression;
};

struct region;

/* Runs the region of TRACEE, which is stopped as SNAPSHOT says, FIRST being the thread that reached
 * the start, and writes the logs .reg, .sel and .race of its threads. Fails if the program does
 * what cannot be recorded, or ends before the region does. */
struct region *region_run(struct tracee *tracee, const struct snapshot *snapshot,
                          const struct thread *first, const struct region_options *options);

/* Threads of the region, those created in it included. */
size_t region_num_threads(const struct region *region);

/* What BASE.T.result says of thread T. */
struct region_counts {
    pid_t tid;
    uint64_t instructions, calls, log_entries;
    uint64_t first_pc, last_pc;
};
struct region_counts region_counts(const struct region *region, size_t thread);

/* The addresses behind the system calls that were made, in ascending order. */
const uint64_t *region_call_addresses(const struct region *region, size_t *count);

#endif
