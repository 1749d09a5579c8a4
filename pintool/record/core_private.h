/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the reader of core dumps (core_*.c) share. */
#ifndef CORE_PRIVATE_H
#define CORE_PRIVATE_H

#include <gelf.h>

#include "core_file.h"

/* The end of user space: TASK_SIZE_MAX of arch/x86/include/asm/page_64.h. */
#define CORE_USER_END UINT64_C(0x7ffffffff000)

struct core_segment {
    uint64_t lo, hi; /* whole pages in user space, in ascending order */
    uint64_t offset; /* in the core */
    uint64_t held;   /* bytes that are there; the rest is in a file, or nowhere */
    uint32_t flags;  /* PF_R ... */
    bool unlisted;   /* known from the note on mapped files only */
};

struct core_mapped {
    uint64_t lo, hi;
    uint64_t offset; /* in the file */
    char *path;      /* as recorded */
    int file;        /* -1 if it cannot be read */
};

struct core {
    char *name;
    int file;
    uint64_t size; /* bytes of the file */
    struct core_segment *segments;
    size_t num_segments;
    struct core_mapped *mapped;
    size_t num_mapped;
    struct core_thread *threads;
    size_t num_threads;
    pid_t pid;
    char *arguments[2];
    uint64_t vdso;  /* address, or 0 */
    uint64_t entry; /* of the main executable, or 0 */
};

/* Takes what the notes of segment HEADER tell into CORE. */
void core_read_notes(struct core *core, Elf *elf, const GElf_Phdr *header);

/* The file that was mapped at ADDRESS, or NULL. */
const struct core_mapped *core_find_mapped(const struct core *core, uint64_t address);

#endif
