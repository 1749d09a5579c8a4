/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptors that a stopped process has open. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct descriptor {
    int number;
    const char *kind;  /* as in FD.log */
    unsigned flags;    /* of open(2), with O_CLOEXEC */
    uint64_t offset;   /* bytes */
    char *path;        /* as /proc has it, with "self" for PID: foreign, any byte but NUL */
    char *explanation; /* for a person: what it is and what becomes of it; NULL: nothing to say */
    int original;      /* the lowest descriptor with the same open file, or -1 */
    struct stat status;
};

struct descriptors {
    struct descriptor *list; /* by number */
    size_t count;
};

/* Fails if they cannot be listed. */
struct descriptors descriptors_read(pid_t pid);

void descriptors_free(struct descriptors *descriptors);

#endif
