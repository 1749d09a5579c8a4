/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a thread's registers, gives those that its program computes with, by name. */
#include "final_registers.h"

#include <string.h>

#define REGISTER(text, member)                                                                     \
    {                                                                                              \
        text, offsetof(struct user_regs_struct, member)                                            \
    }

const struct final_register final_registers[] = {
    REGISTER("rax", rax),
    REGISTER("rcx", rcx),
    REGISTER("rdx", rdx),
    REGISTER("rbx", rbx),
    REGISTER("rsp", rsp),
    REGISTER("rbp", rbp),
    REGISTER("rsi", rsi),
    REGISTER("rdi", rdi),
    REGISTER("r8", r8),
    REGISTER("r9", r9),
    REGISTER("r10", r10),
    REGISTER("r11", r11),
    REGISTER("r12", r12),
    REGISTER("r13", r13),
    REGISTER("r14", r14),
    REGISTER("r15", r15),
    REGISTER("rip", rip),
    {"rflags", offsetof(struct user_regs_struct, eflags)},
    {NULL, 0},
};

uint64_t final_register_value(const struct user_regs_struct *registers,
                              const struct final_register *which)
{
    const uint64_t tracers = 0x10100; /* RF, TF */
    uint64_t value;
    memcpy(&value, (const char *)registers + which->offset, sizeof value);
    return which->offset == offsetof(struct user_regs_struct, eflags) ? value & ~tracers : value;
}
