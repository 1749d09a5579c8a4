/* SPDX-License-Identifier: BSD-3-Clause */
/* A point in the program's execution, at which a region starts or ends: the N-th execution of an
 * address, or an instruction's number. */
#ifndef START_POINT_H
#define START_POINT_H

#include "tracee.h"

enum start_kind { START_ADDRESS, START_SYMBOL, START_SSC, START_ICOUNT };

struct start_point {
    const char *text; /* as the user wrote it */
    enum start_kind kind;
    char *symbol;        /* START_SYMBOL */
    uint32_t tag;        /* START_SSC */
    uint64_t address;    /* once known; not for START_ICOUNT */
    unsigned long count; /* from 1; START_ICOUNT: instructions before the point */
    bool global;         /* START_ICOUNT: of all threads, not only of thread 0 */
};

/* Parses symbol:NAME[:countN], address:0xPC[:countN], ssc:TAG[:countN] or icount:N, each with
 * :global behind it or not. False if TEXT is something else. */
bool start_point_parse(const char *text, struct start_point *start);

/* Finds the address of a point in a program whose libraries are mapped. Fails if it is not there.
 */
void start_point_find(const struct tracee *tracee, struct start_point *start);

/* Runs the program, which tracee_start() started from FILE as ARGUMENT0, to the start point and
 * stops all its threads there; gives the one that reached it, which is the next to execute the
 * start's instruction. The breakpoint is gone from memory. Fails if the program ends before.
 * Not for START_ICOUNT. */
struct thread *start_point_reach(struct tracee *tracee, const char *file,
                                 struct start_point *start);

#endif
