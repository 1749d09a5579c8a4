/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of a pinball, read line by line: plain, bzip2 or gzip, found by its ending.
 * One buffer of fixed size: a line is handed out where it lies and is valid until the next. */
#ifndef GEN_INPUT_H
#define GEN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct input;

/* From here on PATH, which must be there, is opened for SUFFIX instead. Its ending says whether it
 * is compressed. */
void input_name(const char *suffix, const char *path);

/* Opens BASE.SUFFIX, or BASE.SUFFIX.bz2, or BASE.SUFFIX.gz, the first that exists.
 * Returns NULL when there is none; any other trouble ends the program. */
struct input *input_open(const char *base, const char *suffix);

/* As input_open, but a missing file ends the program too. WHAT says what is in the file. */
struct input *input_require(const char *base, const char *suffix, const char *what);

/* The file's path as it was found, for messages. */
const char *input_path(const struct input *in);

/* Number of the line that input_line gave last, from 1. */
uint64_t input_line_number(const struct input *in);

/* Next line without its newline, NUL-terminated in place; NULL at the end of the file.
 * A line over 64 KiB, a NUL byte, and a file that is damaged or cut short end the program. */
char *input_line(struct input *in, size_t *length);

/* Closes the file and frees all that belongs to it. */
void input_close(struct input *in);

/* Ends the program with "PATH:LINE: message", for the line read last. */
_Noreturn void input_fail(const struct input *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens a file that is read otherwise than by lines. NULL when there is none; what is not a regular
 * file, or cannot be opened, ends the program. */
FILE *open_regular(const char *path);

#endif
