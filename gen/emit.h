/* SPDX-License-Identifier: BSD-3-Clause */
/* The emitters: one function, and one module, per file that is written. Each takes the checkpoint
 * and the layout and prints; the same input gives the same bytes. */
#ifndef GEN_EMIT_H
#define GEN_EMIT_H

#include "checkpoint.h"
#include "layout.h"
#include <stdio.h>

/* pages.S: a section for each piece with content, by .incbin out of pages.bin. */
void emit_pages(FILE *to, const struct checkpoint *c, const struct layout *l);

/* start.S: an entry stub and a context for each thread. */
void emit_start(FILE *to, const struct checkpoint *c);

/* symbols.S: names of the recorded program's functions and variables. */
void emit_symbols(FILE *to, const struct checkpoint *c, const struct layout *l);

/* replay.S: the packed logs, and where each thread's are. */
void emit_replay(FILE *to, const struct checkpoint *c);

/* config.S: what the runtime has to know. */
void emit_config(FILE *to, const struct checkpoint *c);

/* The linker script, from the template in file TEMPLATE. Returns it as a string with the digest
 * filled in. Trouble with the template ends the program. */
char *emit_ld(const struct checkpoint *c, const struct layout *l, const char *template_path);

#endif
