/* SPDX-License-Identifier: BSD-3-Clause */
/* A line on the terminal for what takes long: how far it has come, and how long it will take. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct progress {
    struct timespec start, last;
    bool shown;
};

void progress_begin(struct progress *progress);

/* DONE of TOTAL (UINT64_MAX: not known) instructions; writes twice a second at most. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total);

/* Wipes the line out. */
void progress_end(struct progress *progress);

#endif
