/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack grows by 6 MiB behind the start of the region, far below its lowest recorded page
 * (and 2 MiB short of the usual limit). Exits with 5.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "region.h"

enum { FRAME = 1024, DEPTH = 6 * 1024 };

static __attribute__((noinline)) uint64_t descend(unsigned depth)
{
    volatile unsigned char frame[FRAME];
    for (unsigned i = 0; i < FRAME; i += 64)
        frame[i] = (unsigned char)(depth + i);
    uint64_t below = depth ? descend(depth - 1) : 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < FRAME; i += 64)
        sum += frame[i];
    return below * 31 + sum;
}

int main(void)
{
    printf("deeprec: %016llx\n", (unsigned long long)descend(10));
    region_start();
    printf("%d KiB deep: %016llx\n", FRAME * DEPTH / 1024, (unsigned long long)descend(DEPTH));
    printf("and again: %016llx\n", (unsigned long long)descend(DEPTH));
    return 5;
}
