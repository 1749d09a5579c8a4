/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of a fault that ends the region; see report.c. */
#ifndef ELFIE_REPORT_H
#define ELFIE_REPORT_H

#include <stdint.h>

struct elfie_fault {
    int signal, code;
    uint64_t address, rip;
    uint64_t error; /* of the page fault */
    int64_t thread; /* number, or -1 for one started in the region */
    long tid;
    int64_t calls; /* system calls of this thread, or -1 when they are not counted */
};

#endif
