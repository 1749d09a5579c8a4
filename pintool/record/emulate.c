/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a stopped thread and the code before it, gives the thread behind the instruction. Only
 * instructions that change no flags: endbr64, nop, push of a register, mov between registers. */
#include "emulate.h"

#include <string.h>
#include <sys/ptrace.h>

/* General register NUMBER, as instructions number them. */
static unsigned long long *register_of(struct user_regs_struct *registers, unsigned number)
{
    switch (number & 15) {
    case 0:
        return &registers->rax;
    case 1:
        return &registers->rcx;
    case 2:
        return &registers->rdx;
    case 3:
        return &registers->rbx;
    case 4:
        return &registers->rsp;
    case 5:
        return &registers->rbp;
    case 6:
        return &registers->rsi;
    case 7:
        return &registers->rdi;
    case 8:
        return &registers->r8;
    case 9:
        return &registers->r9;
    case 10:
        return &registers->r10;
    case 11:
        return &registers->r11;
    case 12:
        return &registers->r12;
    case 13:
        return &registers->r13;
    case 14:
        return &registers->r14;
    default:
        return &registers->r15;
    }
}

/* The stack may have to grow for it, which only the program itself can do: then false. */
static bool push(const struct thread *thread, struct user_regs_struct *registers, unsigned number)
{
    uint64_t value = *register_of(registers, number);
    if (ptrace(PTRACE_POKEDATA, thread->tid, registers->rsp - 8, value) != 0)
        return false;
    registers->rsp -= 8;
    return true;
}

bool emulate(const struct tracee *tracee, const struct thread *thread, uint64_t address,
             uint8_t original)
{
    static const uint8_t endbr64[4] = {0xf3, 0x0f, 0x1e, 0xfa};
    uint8_t code[4];
    struct user_regs_struct registers;
    if (tracee_read(tracee, address, code, sizeof code) != sizeof code ||
        ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0)
        return false;
    code[0] = original;
    if (memcmp(code, endbr64, sizeof code) == 0) {
        registers.rip += 4;
    } else if (code[0] == 0x90) { /* nop */
        registers.rip += 1;
    } else if ((code[0] & 0xf8) == 0x50) { /* push %rax ... %rdi */
        if (!push(thread, &registers, code[0] & 7))
            return false;
        registers.rip += 1;
    } else if (code[0] == 0x41 && (code[1] & 0xf8) == 0x50) { /* push %r8 ... %r15 */
        if (!push(thread, &registers, 8 + (code[1] & 7)))
            return false;
        registers.rip += 2;
    } else if ((code[0] & 0xfa) == 0x48 && code[1] == 0x89 && code[2] >= 0xc0) {
        /* REX.W, with R or B: mov %reg,%reg */
        unsigned from = (code[0] & 4 ? 8 : 0) + (code[2] >> 3 & 7);
        unsigned to = (code[0] & 1 ? 8 : 0) + (code[2] & 7);
        *register_of(&registers, to) = *register_of(&registers, from);
        registers.rip += 3;
    } else {
        return false;
    }
    return ptrace(PTRACE_SETREGS, thread->tid, 0, &registers) == 0;
}
