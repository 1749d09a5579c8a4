/* SPDX-License-Identifier: BSD-3-Clause */
/* Instructions by which simulators know where the region of interest starts, and a second place,
 * the end of the warm-up as a rule. They do nothing on hardware but change eax, ebx, ecx and edx;
 * those of gem5 are illegal there. */
#ifndef GEN_MARKERS_H
#define GEN_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum marker_type { SNIPER, SSC, SIMICS, GEM5, NUM_MARKER_TYPES };

struct marker {
    enum marker_type type;
    uint32_t tag;
};

struct markers {
    struct marker *list; /* in the order in which they are executed */
    size_t count;
};

/* Adds what TEXT says, "TYPE:TAG" or "TAG"; without a type, these are the ones with a bit in
 * OTHERWISE (1 << SSC). False when it says nothing that makes sense. */
bool markers_add(struct markers *m, const char *text, unsigned otherwise);

/* Prints the instructions. SECOND: the ones that end what the first ones began. */
void markers_emit(FILE *to, const struct markers *m, bool second);

#endif
