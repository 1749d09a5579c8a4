/* SPDX-License-Identifier: BSD-3-Clause */
/* The emitters: one function, and one module, per file that is written. Each takes the checkpoint
 * and the layout and prints; the same input gives the same bytes. */
#ifndef GEN_EMIT_H
#define GEN_EMIT_H

#include "checkpoint.h"
#include "layout.h"
#include "markers.h"
#include <stdio.h>

/* pages.S: a section for each piece with content, by .incbin out of pages.bin. */
void emit_pages(FILE *to, const struct checkpoint *c, const struct layout *l);

struct start_options {
    struct markers roi_start; /* in front of the region */
    struct markers magic2;    /* in the function elfie_magic2 */
};

/* start.S: an entry stub and a context for each thread, and the markers. */
void emit_start(FILE *to, const struct checkpoint *c, const struct start_options *o);

/* symbols.S: names of the recorded program's functions and variables. */
void emit_symbols(FILE *to, const struct checkpoint *c, const struct layout *l);

/* What the user has said of the runtime; names of functions are symbols. */
struct config_options {
    const char *on_start, *on_thread_start;
    const char *on_exit;     /* or NULL */
    bool may_lack_exit;      /* no error where there is no such function */
    const char *perf_prefix; /* or NULL */
    const char *message;     /* or NULL */
    uint64_t flags;          /* enum elfie_flags of startup/elfie.h */
};

/* config.S: what the runtime has to know. Returns it as a string with the digest filled in. */
char *emit_config(const struct checkpoint *c, const struct config_options *o);

/* sysstate.S: what the startup restores of files and of the kernel's state. */
void emit_sysstate(FILE *to, const struct checkpoint *c, const struct layout *l);

/* replay.S: the packed logs, and where each thread's are. */
void emit_replay(FILE *to, const struct checkpoint *c);

/* The linker script, from the template in file TEMPLATE. Returns it as a string with the digest
 * filled in. Trouble with the template ends the program. */
char *emit_ld(const struct checkpoint *c, const struct layout *l, const char *template_path);

#endif
