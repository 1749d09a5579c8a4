/* SPDX-License-Identifier: BSD-3-Clause */
/* All that is known of the program at the start point, for the writers (write_*.c). */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "maps.h"
#include "regs.h"
#include "symbols.h"
#include "tracee.h"

/* Bytes that the pinball has in place of those in memory. */
struct patch {
    uint64_t address;
    uint64_t size;
    const uint8_t *bytes;
};

struct snapshot {
    const struct tracee *tracee; /* its memory is read while it is written */
    const struct core *core;     /* in place of the tracee's memory, or NULL */
    struct patch *patches;       /* of the memory, in the order in which they were made */
    size_t num_patches;
    char *const *arguments;      /* the command line, closed by NULL */
    struct thread_regs *threads; /* [0] is the initial thread, the others in order of creation */
    size_t num_threads;
    struct reg_table table;
    struct maps maps;
    struct modules modules;
};

/* Takes the snapshot of TRACEE, all of whose threads are stopped. */
struct snapshot snapshot_take(const struct tracee *tracee, char *const arguments[]);

/* Reads up to SIZE bytes of the program's memory at ADDRESS (foreign), patches applied; gives how
 * many. */
size_t snapshot_read(const struct snapshot *snapshot, uint64_t address, void *buffer, size_t size);

/* Has the pinball hold the SIZE bytes at BYTES, which are kept, at ADDRESS. Memory is not changed.
 */
void snapshot_patch(struct snapshot *snapshot, uint64_t address, const uint8_t *bytes,
                    uint64_t size);

#endif
