/* SPDX-License-Identifier: BSD-3-Clause */
/* A list of regions: SimPoint's .simpoints and .weights, or a PinPoints CSV. */
#ifndef REGIONS_FILE_H
#define REGIONS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listed_region {
    unsigned number;  /* from 1 */
    unsigned thread;  /* whose instructions count, if not global */
    bool global;      /* all threads count */
    uint64_t start;   /* instructions before it, warm-up included in the region; if address is 0 */
    uint64_t address; /* ... or where it starts, the COUNT-th time */
    uint64_t count;
    size_t watched; /* index of address in the file's addresses */
    uint64_t warmup, length;
    double weight;
};

struct regions_file {
    const char *path;
    struct listed_region *list; /* in order of their start */
    size_t count;
    uint64_t *addresses; /* where regions start */
    size_t num_addresses;
};

/* Reads PATH: a CSV if its name ends so, else SimPoint's list of slices, of SLICE instructions
 * each, whose weights are in the file of the same name that ends in .weights. WARMUP instructions
 * go before each region, as far as there are as many. Fails with file and line. */
struct regions_file *regions_file_read(const char *path, uint64_t slice, uint64_t warmup);

/* The name of a region's pinball, as PinPoints makes it; BASE is that of the whole program. */
char *regions_file_name(const struct listed_region *region, const char *base);

#endif
