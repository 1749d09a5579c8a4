/* SPDX-License-Identifier: BSD-3-Clause */
/* What B.sysstate/ of a pinball says of files and of the kernel's state, apart from the break.
 * Paths in it come from a stranger; those marked "under the sysstate" have no ".." in them. */
#ifndef GEN_SYSSTATE_H
#define GEN_SYSSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SYSSTATE_PATH_MAX = 4096 }; /* with its NUL; the kernel's PATH_MAX */

enum descriptor_action {
    REOPEN_FILE, /* a regular file: its copy under the sysstate, or what is at its path */
    REOPEN_PATH, /* a directory or a device, at its path */
    DUPLICATE,   /* the same open file as another descriptor */
    UNAVAILABLE, /* a pipe, a socket, a terminal */
};

/* A descriptor that was open before the region. */
struct descriptor {
    uint32_t number;
    enum descriptor_action action;
    uint32_t flags;    /* of open(2): those of them that are restored */
    uint32_t original; /* DUPLICATE: the other descriptor */
    uint64_t offset;   /* bytes; below 2^63 */
    char *copy;        /* under the sysstate, relative to it; NULL: there is none */
    char *path;        /* as recorded; NULL: not known. UNAVAILABLE: what it was */
    uint32_t file;     /* REOPEN_FILE: the lowest descriptor of this file, often itself */
    bool written;      /* and this one or another may write it */
    uint64_t line;     /* of FD.log */
};

struct sysstate {
    char *path;        /* of B.sysstate, which need not exist */
    char *directory;   /* its absolute path; NULL: there is none */
    char *cwd;         /* the recorded working directory; NULL: not known */
    char *workdir;     /* under the sysstate, relative to it; NULL: there is none */
    bool has_files;    /* workdir holds more than FD_N: it is the working directory of the region */
    char *workdir_log; /* path of CWD.log under the sysstate, relative to it; NULL: none */
    struct descriptor *descriptors; /* in order of number */
    size_t num_descriptors;
    char **absolute; /* files that the region opens by absolute path, sorted */
    size_t num_absolute;
    uint64_t *mapped; /* addresses that the region's mmap calls gave, in their order */
    size_t num_mapped;
    uint64_t pid; /* 0: not known */
};

struct checkpoint;

/* Finds the copy of PATH or, with a NUMBER that is not negative, of FD_NUMBER under the sysstate.
 * Relative to it, to be freed; NULL when there is none. Anything but a regular file in the place of
 * a copy ends the program. */
char *sysstate_find_copy(const struct sysstate *s, int64_t number, const char *path);

/* N of a name FD_N, or -1. */
int64_t sysstate_fd_number(const char *name);

/* As sysstate_find_copy, for a directory; the recorded working directory is the sysstate's. */
char *sysstate_find_directory(const struct sysstate *s, const char *path);

/* FD.log, or without it the files FD_N: fills the descriptors. Needs the directories. */
void fd_log_read(struct sysstate *s, const char *base);

/* Sets file and written of all descriptors. */
void same_files_find(struct sysstate *s);

/* Bytes of the tables that emit_sysstate prints, at most. */
uint64_t sysstate_size(const struct checkpoint *c);

#endif
