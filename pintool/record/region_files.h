/* SPDX-License-Identifier: BSD-3-Clause */
/* What a region gets of files and of the kernel's state: what the runner of a region calls. See
 * ../common/sysstate.h and write_sysstate.c for the forms. */
#ifndef REGION_FILES_H
#define REGION_FILES_H

#include <stdint.h>
#include <sys/types.h>

#include "tracee.h"

/* To be called when a region starts, before the others. PID is the program. */
void sysstate_begin(pid_t pid);

/* Thread TID has opened PATH (foreign, as the program named it), relative to DIRECTORY (AT_FDCWD or
 * a descriptor), with FLAGS of open(2), and got DESCRIPTOR. To be called behind the call, before
 * the program goes on. The file's contents as they are now go into the pinball, at the first time
 * for each name. Not copied: what the region itself has created (O_CREAT | O_EXCL), files of /proc,
 * /dev and /sys, and what is no regular file. Fails if the pinball cannot be written; warns if the
 * file cannot be read. */
void sysstate_opened(pid_t tid, int directory, const char *path, int flags, int descriptor);

/* The same, PATH being an address of TRACEE's memory. Nothing is done if no string is there. */
void sysstate_opened_at(const struct tracee *tracee, pid_t tid, int directory, uint64_t path,
                        int flags, int descriptor);

/* An mmap of the region has given ADDRESS. */
void sysstate_mapped(uint64_t address);

/* A brk of the region has given ADDRESS. */
void sysstate_break(uint64_t address);

/* The break after the last such call; FIRST, that of the start, if there was none. */
uint64_t sysstate_last_break(uint64_t first);

/* Writes MMAP.log. To be called before pinball_commit(). */
void sysstate_end(void);

#endif
