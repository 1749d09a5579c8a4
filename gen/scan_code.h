/* SPDX-License-Identifier: BSD-3-Clause */
/* What the code of a region needs of the processor, as far as it can be seen without running it. */
#ifndef GEN_SCAN_CODE_H
#define GEN_SCAN_CODE_H

#include "checkpoint.h"

struct code_scan {
    uint64_t instructions; /* looked at */
    uint64_t needs;        /* bits of startup/needs.h */
    uint64_t address[64];  /* by bit of needs: the first instruction of that kind */
};

/* Follows the code from where each thread starts, and from the return addresses on its stack:
 * branches and calls, and those through pointers at fixed addresses (GOT). Computed jumps and
 * calls are not followed. PAGES_FD is pages.bin. */
void code_scan(struct code_scan *scan, const struct checkpoint *c, int pages_fd);

#endif
