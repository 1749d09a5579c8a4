/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are written: under a name of their own until they are complete and on the disk, so
 * that nobody, make above all, ever sees half a file under the real name. */
#ifndef GEN_OUTPUT_H
#define GEN_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct output {
    char *path;      /* as it will be */
    char *temporary; /* as it is now: PATH.PID.tmp */
    FILE *file;      /* for reading and writing */
};

/* PATH.PID.tmp, to be freed; a file of that name is removed. */
char *temporary_name(const char *path);

/* Opens PATH.PID.tmp. Trouble ends the program, as with all functions here. */
struct output output_open(const char *path);

/* Checks that all is written and closes; the file keeps its temporary name. */
void output_finish(struct output *o);

/* Gives a finished file its real name. */
void output_commit(struct output *o);

/* Makes the directory PATH and those above it. One that was made goes again if the program ends
 * with an error and it is empty. */
void make_directory(const char *path);

/* Puts TEXT into a comment of an assembler file or linker script: no character that could end
 * the comment or the line. */
void put_comment(FILE *to, const char *text);

/* Puts a string for .asciz: everything but plain characters as an octal escape. */
void put_quoted(FILE *to, const char *s);

#endif
