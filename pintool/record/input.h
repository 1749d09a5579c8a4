/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of a pinball being read, line by line, plain or compressed. All of it is foreign. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stdint.h>

struct input;

/* Opens BASE.SUFFIX, or what has .bz2 or .gz behind it. NULL if there is none. */
struct input *input_open(const char *base, const char *suffix);

/* The next line without its end; NULL at the end of the file. */
char *input_line(struct input *input);

/* "file:line: what: the line" ends the recorder. */
_Noreturn void input_fail(const struct input *input, const char *what);

void input_close(struct input *input);

#endif
