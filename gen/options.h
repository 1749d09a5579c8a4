/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#ifndef GEN_OPTIONS_H
#define GEN_OPTIONS_H

#include "emit.h"
#include "layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *pinball; /* as it is named, or from the name of its global.log */
    const char *outdir;
    const char *kind;
    const char *datadir;
    const char *script;     /* -T: the linker script, or NULL: beside the rest */
    const char *executable; /* -x, or NULL: PINBALL.KIND.elfie */
    const char *object;     /* -o: all parts in one relocatable file, or NULL */
    const char *assembler;  /* -S: where start.S goes as well, or NULL */
    const char **link;      /* objects, libraries and options for ld, in order */
    size_t num_link;
    struct layout_options layout;
    struct config_options config;
    struct start_options start;
    uint64_t user_space_top; /* pages from here on are left out */
    uint64_t thread_min_icount;
    bool emit_only, regenerate, scan, replay, verbose, print_datadir, no_monitor;
};

/* Reads the command line. Wrong usage ends the program, and so do --help and its like. */
struct options options_read(int argc, char **argv);

/* -o and -S alone ask for their files only. */
bool options_want_executable(const struct options *o);

#endif
