/* SPDX-License-Identifier: BSD-3-Clause */
/* Computes, as many rounds as the argument says, and makes no system call but the one that ends it:
 * what replay costs where there is nothing to replay. */
#include "region.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t table[1 << 15]; /* 256 KiB: beyond the first level of caches */

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    uint64_t state = 88172645463325252U;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        table[i] = i;
    region_start();
    for (unsigned long i = 0; i < rounds; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state += table[state >> 49]++;
    }
    syscall(SYS_exit_group, (int)(state & 63));
    return 1;
}
