/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of modules and symbols, which come from a stranger's file, made fit for assembler text. */
#ifndef GEN_NAMES_H
#define GEN_NAMES_H

/* NAME with everything but plain characters replaced by '_'; quotes and backslashes are not plain.
 * To be freed. */
char *names_plain(const char *name);

struct names;
struct names *names_new(void);
void names_free(struct names *seen);

/* A plain name that was not given before: NAME, or MODULE:NAME when NAME was. NULL when both were,
 * or when NAME is empty or begins with a dot, as sections and the assembler's own labels do.
 * Belongs to SEEN. */
char *names_unique(struct names *seen, const char *name, const char *module);

#endif
