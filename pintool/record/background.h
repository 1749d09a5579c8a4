/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing a plain file while the next part of it is being made: the kernel takes as long to copy
 * text into its page cache as the recorder takes to make it. */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include <stddef.h>

#define BACKGROUND_SIZE (1 << 20) /* bytes of a buffer */

struct background;

/* Starts a thread that writes to FILE. If there can be none, writing is done in place. */
struct background *background_start(int file);

/* A buffer to be filled. The caller has one at a time. */
char *background_buffer(struct background *background);

/* Writes the first USED bytes of the buffer, which is no longer the caller's. Gives 0, or the errno
 * of what went wrong by now: the file is then useless. */
int background_write(struct background *background, size_t used);

/* Waits until all is written, and ends. Gives 0 or an errno likewise. */
int background_end(struct background *background);

#endif
