/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a region on the files of B.sysstate/ in place of those of the machine. */
#ifndef COMMON_SYSSTATE_USE_H
#define COMMON_SYSSTATE_USE_H

#include "sysstate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The path of the file in DIRECTORY (B.sysstate) that stands for PATH (foreign), into REDIRECTED.
 * False if there is none. */
int sysstate_redirect(const char *directory, const char *path,
                      char redirected[2 * SYSSTATE_NAME_MAX]);

/* Opens the files FD_N in DIRECTORY as descriptors N of this process, with flags and positions of
 * FD.log where there is one. Gives how many, or minus an errno. */
int sysstate_open_descriptors(const char *directory);

#ifdef __cplusplus
}
#endif

#endif
