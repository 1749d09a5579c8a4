/* SPDX-License-Identifier: BSD-3-Clause */
/* What a system call writes into the program's memory, by the kernel's interface: which argument
 * points to how many bytes. Calls that change the mappings are address_space.h's. */
#ifndef CALL_MEMORY_H
#define CALL_MEMORY_H

#include <stdbool.h>

#include "tracee.h"

/* A call that is about to be made. */
struct call {
    uint64_t number;
    uint64_t arguments[6];
    uint64_t rip;  /* of the instruction */
    uint32_t room; /* of a socket address or option: what the caller offers (foreign) */
    bool known;    /* false: nothing is known of what it writes */
};

/* A range of bytes that was written. */
struct written {
    uint64_t address, size;
};

struct written_list {
    struct written *list;
    size_t count;
};

/* The call that a thread with REGISTERS makes with its next instruction, with what has to be known
 * of the memory before. */
struct call call_enter(const struct tracee *tracee, const struct user_regs_struct *registers);

/* Adds to LIST what CALL, which has returned RESULT, has written. All pointers, counts and lengths
 * are foreign: a range may be unmapped. */
void call_written(const struct call *call, const struct tracee *tracee, int64_t result,
                  struct written_list *list);

void written_add(struct written_list *list, uint64_t address, uint64_t size);

#endif
