/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages on stderr, and the end of the program after an error.
 * Every file that is being written is registered here, so that an error or a
 * signal leaves nothing half-written behind. */
#ifndef GEN_ERROR_H
#define GEN_ERROR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Ends with status 1: "FILE:LINE: message". LINE 0 leaves the line number out. */
_Noreturn void fail_at(const char *file, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends with status 1: "pinball2elf: message". */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends with status 2 and a pointer to --help. */
_Noreturn void fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says "pinball2elf: warning: message" and goes on. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As warn, with the place: "FILE:LINE: warning: message". */
void warn_at(const char *file, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Remembers that PATH has to go if the program does not come to its end; forget_unfinished()
 * takes it back. At most UNFINISHED_MAX paths at a time; PATH is copied. */
enum { UNFINISHED_MAX = 256 };
void remember_unfinished(const char *path);
void forget_unfinished(const char *path);

/* Removes what is unfinished when a signal ends the program. */
void clean_up_on_signals(void);

/* PID is a child that goes with the program when a signal ends it; 0: there is none any more. */
void remember_child(pid_t pid);

/* malloc, realloc, strdup and asprintf that end the program when there is no memory. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
