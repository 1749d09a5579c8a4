/* SPDX-License-Identifier: BSD-3-Clause */
/* The forms of B.sysstate/, shared by the recorder and the pintool: where a file goes, how a
 * descriptor is described, how contents are copied. Nothing here prints, ends the program or asks
 * who calls it. */
#ifndef COMMON_SYSSTATE_H
#define COMMON_SYSSTATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SYSSTATE_NAME_MAX = 4096 }; /* bytes of a name, with the closing NUL */

enum sysstate_place {
    SYSSTATE_PLACED,
    SYSSTATE_OF_KERNEL, /* in /proc, /dev or /sys: the machine that the ELFie runs on has its own */
    SYSSTATE_OUTSIDE,   /* a relative name that leaves the working directory */
    SYSSTATE_BAD_NAME,  /* empty, too long, or the name of a descriptor's copy (FD_N) */
};

/* The name under B.sysstate/ of a file that is opened as PATH (foreign): workdir/PATH for a
 * relative one, PATH without its leading '/' for an absolute one, without "." and ".." in it. */
enum sysstate_place sysstate_place(const char *path, char name[SYSSTATE_NAME_MAX]);

/* The kind of a descriptor in FD.log, from what fstat() says of it: "file", "dir", "pipe",
 * "socket", "tty", "char" or "other". */
const char *sysstate_kind(mode_t mode, dev_t device);

/* A line of FD.log, "FD KIND FLAGS OFFSET PATH\n", into LINE; gives its length, or 0 if PATH has a
 * newline in it or LINE (ROOM bytes) is too short. FLAGS are those of open(2), OFFSET is in bytes.
 */
size_t sysstate_line(char *line, size_t room, int descriptor, const char *kind, unsigned flags,
                     uint64_t offset, const char *path);

/* Copies what the open file FROM contains, holes as holes, to the new and empty file TO. Neither
 * position is used or kept of FROM; TO's is undefined. Gives 0, or an errno; *READING then says
 * whether it was reading that failed. */
int sysstate_copy(int from, int to, int *reading);

/* Makes the directories that NAME, a path, needs: all but its last component. Gives 0 or an errno.
 */
int sysstate_make_parents(const char *name);

#ifdef __cplusplus
}
#endif

#endif
