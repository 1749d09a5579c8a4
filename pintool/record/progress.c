/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes counts, gives a line on stderr if that is a terminal. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) * 1e-9;
}

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){0};
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
    progress->last = progress->start;
}

void progress_show(struct progress *progress, uint64_t done, uint64_t total)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (seconds_between(&progress->last, &now) < 0.5 || !isatty(STDERR_FILENO))
        return;
    progress->last = now;
    progress->shown = true;
    double rate = (double)done / seconds_between(&progress->start, &now);
    if (total == UINT64_MAX || total < done || rate <= 0)
        fprintf(stderr, "\relfie-record: %lu instructions, %.0f a second \033[K", done, rate);
    else
        fprintf(stderr, "\relfie-record: %lu of %lu instructions, %.0f more seconds \033[K", done,
                total, (double)(total - done) / rate);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
}
