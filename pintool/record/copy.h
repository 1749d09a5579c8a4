/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of files into the pinball. */
#ifndef COPY_H
#define COPY_H

#include <stdbool.h>
#include <sys/types.h>

/* Copies what is behind descriptor NUMBER of process or thread PID, which messages call NAME, to
 * BASE.SUFFIX. The process's position is not changed. Warns and gives false if the file cannot be
 * read; fails if the copy cannot be written. */
bool copy_descriptor(pid_t pid, int number, const char *name, const char *suffix);

#endif
