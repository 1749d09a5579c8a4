/* SPDX-License-Identifier: BSD-3-Clause */
/* All that is known of the program at the start point, for the writers (write_*.c). */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "maps.h"
#include "regs.h"
#include "symbols.h"
#include "tracee.h"

struct snapshot {
    const struct tracee *tracee; /* its memory is read while it is written */
    char *const *arguments;      /* the command line, closed by NULL */
    struct thread_regs *threads; /* [0] is the initial thread, the others in order of creation */
    size_t num_threads;
    struct reg_table table;
    struct maps maps;
    struct modules modules;
};

/* Takes the snapshot of TRACEE, all of whose threads are stopped. */
struct snapshot snapshot_take(const struct tracee *tracee, char *const arguments[]);

#endif
