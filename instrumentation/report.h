/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of a fault that ends the region; see report.c. */
#ifndef ELFIE_REPORT_H
#define ELFIE_REPORT_H

#include "elfie.h"
#include "signals.h"

#include <stdint.h>

#pragma GCC visibility push(hidden)

struct elfie_fault {
    int signal, code;
    uint64_t address, rip;
    uint64_t error; /* of the page fault */
    int64_t thread; /* number, or -1 for one started in the region */
    long tid;
    int64_t calls; /* system calls of this thread, or -1 when they are not counted */
};

/* The handler of faults. */
void elfie_report_fault(int number, siginfo_t *info, struct ucontext *context);

/* "0x4003d0, main+0x10 in hello"; a string of JSON. */
void elfie_put_place(struct elfie_line *line, uint64_t rip);
void elfie_put_quoted(struct elfie_line *line, const char *value);

#pragma GCC visibility pop

#endif
