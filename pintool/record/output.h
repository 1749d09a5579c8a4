/* SPDX-License-Identifier: BSD-3-Clause */
/* A file being written, plain or compressed. Every error ends the recorder through fail(), with the
 * name of the file; the pinball is then removed (see pinball.h). */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stddef.h>

#include "background.h"

enum compression { COMPRESS_NONE, COMPRESS_BZIP2, COMPRESS_GZIP };

struct output;

/* What a name ends with when written so: "", ".bz2" or ".gz". */
const char *output_extension(enum compression compression);

/* Creates the file PATH, which must not exist. NAME is what messages call it. */
struct output *output_open(const char *path, const char *name, enum compression compression);

/* For the inner loop: a buffer of OUTPUT_BUFFER bytes, and appending its first USED bytes. A plain
 * file is then written by a thread of its own. Not to be mixed with the functions below. */
#define OUTPUT_BUFFER BACKGROUND_SIZE
char *output_buffer(struct output *output);
void output_flush(struct output *output, size_t used);

/* Appends SIZE bytes. */
void output_write(struct output *output, const void *data, size_t size);

/* Appends text, as printf() makes it. */
void output_printf(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Finishes and closes the file, and checks that all of it was written. */
void output_close(struct output *output);

#endif
