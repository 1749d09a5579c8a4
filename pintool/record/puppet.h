/* SPDX-License-Identifier: BSD-3-Clause */
/* A process without a program of its own: empty but for one page, into which a pinball's memory and
 * registers are put, to be stepped. */
#ifndef PUPPET_H
#define PUPPET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct puppet {
    pid_t pid;
    int memory;    /* /proc/PID/mem */
    uint64_t stub; /* the page with a syscall instruction */
};

/* Makes one. STUB is the address of a page that the pinball does not have. */
struct puppet puppet_new(uint64_t stub);

/* Maps what is missing of the pages from ADDRESS on, zero; the others stay as they are. False if
 * the kernel refuses. */
bool puppet_map(struct puppet *puppet, uint64_t address, uint64_t size);

/* Writes, whatever the protection. False if it is not mapped. */
bool puppet_write(const struct puppet *puppet, uint64_t address, const void *bytes, size_t size);
size_t puppet_read(const struct puppet *puppet, uint64_t address, void *bytes, size_t size);

#endif
