/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a stopped thread and a system call, gives its result: the thread is sent over a syscall
 * instruction that is somewhere in its memory, and put back. */
#include "remote_call.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "maps.h"
#include "memory.h"

#define PIECE 65536

/* The address of the bytes 0f 05 in executable memory, or 0. They need not be an instruction of the
 * program. The vdso, when it is there, is not hidden from this. */
static uint64_t search_mapping(const struct tracee *tracee, const struct mapping *mapping)
{
    static uint8_t piece[PIECE];
    for (uint64_t address = mapping->lo; address < mapping->hi; address += PIECE - 1) {
        uint64_t rest = mapping->hi - address;
        size_t size = tracee_read(tracee, address, piece, rest < PIECE ? rest : PIECE);
        const uint8_t *found = size > 0 ? memmem(piece, size, "\x0f\x05", 2) : NULL;
        if (found)
            return address + (uint64_t)(found - piece);
        if (size < PIECE)
            break;
    }
    return 0;
}

static uint64_t find_instruction(const struct tracee *tracee)
{
    struct maps maps = maps_read(tracee->pid);
    uint64_t address = 0;
    for (size_t i = 0; i < maps.count && !address; i++)
        if (maps.list[i].executable && maps.list[i].lo < INT64_MAX)
            address = search_mapping(tracee, &maps.list[i]);
    maps_free(&maps);
    return address;
}

/* A stop that was pending comes first: the thread is then still in front of the instruction. */
static bool step(pid_t tid, uint64_t behind, uint64_t *result)
{
    for (int stops = 0; stops < 100; stops++) {
        int status;
        struct user_regs_struct now;
        if (ptrace(PTRACE_SINGLESTEP, tid, 0, 0) != 0 || tracee_wait_status(tid, &status) != tid ||
            !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, tid, 0, &now) != 0)
            return false;
        *result = now.rax;
        if (now.rip == behind)
            return true;
    }
    return false;
}

/* Signals stay pending meanwhile: suppressing one at a stop would lose it. */
static bool block_signals(pid_t tid, uint64_t *mask)
{
    uint64_t blocked = ~(UINT64_C(1) << (SIGTRAP - 1));
    return ptrace(PTRACE_GETSIGMASK, tid, sizeof *mask, mask) == 0 &&
           ptrace(PTRACE_SETSIGMASK, tid, sizeof blocked, &blocked) == 0;
}

bool remote_leave(const struct thread *thread, uint64_t lo, uint64_t hi)
{
    struct user_regs_struct registers;
    uint64_t mask;
    bool inside = ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) == 0 && registers.rip >= lo &&
                  registers.rip < hi;
    if (!inside)
        return true;
    if (!block_signals(thread->tid, &mask))
        return false;
    for (unsigned steps = 0; inside && steps < 1000000; steps++) {
        int status;
        if (ptrace(PTRACE_SINGLESTEP, thread->tid, 0, 0) != 0 ||
            tracee_wait_status(thread->tid, &status) != thread->tid || !WIFSTOPPED(status) ||
            ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0)
            return false;
        inside = registers.rip >= lo && registers.rip < hi;
    }
    return ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof mask, &mask) == 0 && !inside;
}

bool remote_call(const struct tracee *tracee, const struct thread *thread, uint64_t number,
                 uint64_t argument, uint64_t *result)
{
    struct user_regs_struct saved, registers;
    uint64_t mask;
    uint64_t instruction = find_instruction(tracee);
    if (!instruction || ptrace(PTRACE_GETREGS, thread->tid, 0, &saved) != 0 ||
        !block_signals(thread->tid, &mask))
        return false;
    registers = saved;
    registers.rip = instruction;
    registers.rax = number;
    registers.rdi = argument;
    registers.orig_rax = UINT64_MAX; /* no call that the kernel would restart */
    bool done = ptrace(PTRACE_SETREGS, thread->tid, 0, &registers) == 0 &&
                step(thread->tid, instruction + 2, result);
    bool restored = ptrace(PTRACE_SETREGS, thread->tid, 0, &saved) == 0 &&
                    ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof mask, &mask) == 0;
    return done && restored;
}
