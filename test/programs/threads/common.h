/* SPDX-License-Identifier: BSD-3-Clause */
/* What the programs with threads share. */
#ifndef THREADS_COMMON_H
#define THREADS_COMMON_H

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../region.h"

/* An error number where there must be none ends the program with 99. */
static inline void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "%s: %s\n", what, strerror(error));
        fflush(stdout);
        _exit(99);
    }
}

/* Waits until COUNT threads have said that they are ready, and then until they have got from there
 * to where they block in the kernel. */
static inline void settle(atomic_int *ready, int count)
{
    while (atomic_load(ready) < count)
        usleep(1000);
    usleep((unsigned)(20000 + 100 * count));
}

/* Result and name of an error, for output that has to be equal in both runs. */
static inline void say(const char *what, int error)
{
    printf("%s: %d (%s)\n", what, error, error ? strerror(error) : "done");
    fflush(stdout);
}

#endif
