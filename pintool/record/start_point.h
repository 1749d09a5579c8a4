/* SPDX-License-Identifier: BSD-3-Clause */
/* The instant at which the region starts: the N-th execution of an address. */
#ifndef START_POINT_H
#define START_POINT_H

#include "tracee.h"

struct start_point {
    const char *text;    /* as the user wrote it */
    char *symbol;        /* NULL for an address */
    uint64_t address;    /* once known */
    unsigned long count; /* from 1 */
};

/* Parses symbol:NAME[:countN] or address:0xPC[:countN]. False if TEXT is something else. */
bool start_point_parse(const char *text, struct start_point *start);

/* Runs the program, which tracee_start() started from FILE as ARGUMENT0, to the start point and
 * stops all its threads there; gives the one that reached it, which is the next to execute the
 * start's instruction. The breakpoint is gone from memory. Fails if the program ends before. */
struct thread *start_point_reach(struct tracee *tracee, const char *file,
                                 struct start_point *start);

#endif
