/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of files of one pinball: all of them appear, or none. They are written in a hidden
 * directory beside the pinball and moved to their names when the last one is complete. */
#ifndef PINBALL_H
#define PINBALL_H

#include <stdbool.h>

#include "output.h"

/* Prepares writing of BASE.*: creates the directories and checks that files can be made there.
 * From now on fail() and exit() remove all of it, up to pinball_commit(). */
void pinball_open(const char *base);

/* Opens BASE.SUFFIX plus the extension of COMPRESSION, e.g. "0.reg" or "sysstate/BRK.log". */
struct output *pinball_create(const char *suffix, enum compression compression);

/* For files that are not written by output.h. Gives the path at which the caller creates what
 * becomes BASE.SUFFIX, and frees it. SUFFIX may name directories that do not exist. */
char *pinball_reserve(const char *suffix);

/* Makes BASE.SUFFIX another name of the file EXISTING, a suffix, too. False if that is none of the
 * pinball's. */
bool pinball_link(const char *existing, const char *suffix);

/* Takes a file out of the pinball again. */
void pinball_drop(const char *suffix);

/* Moves all files to their names, in place of an older pinball of the same name, whose other files
 * (more threads, other compression, logs of a region) are removed. */
void pinball_commit(void);

#endif
