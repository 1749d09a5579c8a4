/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of elfie-record. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "encode.h"
#include "output.h"
#include "region.h"
#include "regions_file.h"
#include "start_point.h"

struct options {
    const char *base;                   /* of the pinball */
    struct start_point start, stop;     /* stop.text NULL: there is none */
    const struct regions_file *regions; /* several regions, or NULL */
    enum log_format format;
    enum compression compression;
    struct region_options region; /* end.length 0: only the state at the start is recorded */
    bool stepped;                 /* the start is reached by stepping */
    bool aslr;                    /* leave it on */
    bool baseline;                /* for processors of level x86-64-v1 */
    const char *replay_base;      /* pinball to be checked; nothing is recorded then */
    char **command;               /* PROGRAM and its arguments, closed by NULL */
    pid_t pid;                    /* process to attach to, or 0 */
    const char *core;             /* core dump to take, or NULL */
    const char *sysroot;          /* where to look for the files that it names */
};

/* Parses the command line. Prints help or version and exits with 0 if asked to; wrong usage: says
 * what is wrong and exits with 2. Sets message_verbose. */
void options_parse(int argc, char **argv, struct options *options);

#endif
