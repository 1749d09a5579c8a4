/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of sysstate.S, which gen/emit_sysstate.c prints. */
#ifndef ELFIE_SYSSTATE_H
#define ELFIE_SYSSTATE_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

enum { ACTION_FILE, ACTION_PATH, ACTION_DUP, ACTION_NONE };

struct elfie_descriptor {
    uint64_t number;
    uint64_t action;
    uint64_t flags;   /* of open(2) */
    uint64_t offset;  /* bytes; ACTION_DUP: the other descriptor */
    uint64_t file;    /* ACTION_FILE: the lowest descriptor of the same file, often itself */
    uint64_t written; /* and this one or another may write it */
    const char *copy; /* relative to the sysstate; NULL: there is none */
    const char *path; /* as recorded, or NULL; ACTION_NONE: what it was */
};

struct elfie_sysstate {
    const char *directory; /* absolute; NULL: nothing is needed of it */
    const char *workdir;   /* relative to the sysstate; NULL: there is none */
    const struct elfie_descriptor *descriptors;
    uint64_t num_descriptors;
    const char *const *files; /* that the region opens by absolute path; ends with NULL */
    const uint64_t *mapped;   /* addresses that the region's mmap calls gave, in their order */
    uint64_t num_mapped;
    uint64_t pid; /* when recorded; 0: not known */
};
extern const struct elfie_sysstate elfie_sysstate;

#pragma GCC visibility pop

#endif
