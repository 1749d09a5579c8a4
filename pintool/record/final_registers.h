/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers at the end of a region, by which a replay is checked. */
#ifndef FINAL_REGISTERS_H
#define FINAL_REGISTERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct final_register {
    const char *name; /* as in the register table; NULL ends the list */
    size_t offset;    /* in struct user_regs_struct */
};

extern const struct final_register final_registers[];

/* The flags are without those that only a tracer sets. */
uint64_t final_register_value(const struct user_regs_struct *registers,
                              const struct final_register *which);

#endif
