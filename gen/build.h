/* SPDX-License-Identifier: BSD-3-Clause */
/* Drives as and ld over what the emitters wrote. Nothing else touches the bytes from there on. */
#ifndef GEN_BUILD_H
#define GEN_BUILD_H

#include <stdbool.h>
#include <stddef.h>

struct build {
    const char *datadir;   /* libelfie.a, basic.o and so on */
    const char *directory; /* of pages.S, start.S, config.S */
    const char *script;    /* linker script */
    const char *kind;      /* basic, sim, perf */
    const char *elfie;     /* the result, or NULL */
    const char *object;    /* all parts in one relocatable object, or NULL */
    const char **link;     /* the user's objects, libraries and options for ld */
    size_t num_link;
    bool startup; /* with the runtime */
    bool verbose; /* show the commands */
};

/* Makes the ELFie, the object, or both; ends the program when as or ld is missing or fails. */
void build_elfie(const struct build *b);

/* Prints the options for ld that every ELFie needs, for elfie.mk, on one line. */
void build_print_ldflags(void);

#endif
