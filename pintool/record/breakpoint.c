/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes an address, gives stops of the threads that reach it. */
#include "breakpoint.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "message.h"

#define INT3 0xcc

/* Replaces one byte. PTRACE_POKEDATA and not /proc/PID/mem: kernels can be built to refuse writes
 * to read-only memory through the latter (CONFIG_PROC_MEM_NO_FORCE). */
static bool poke_byte(pid_t tid, uint64_t address, uint8_t byte, uint8_t *old)
{
    uint64_t aligned = address & ~UINT64_C(7);
    unsigned shift = (unsigned)(address & 7) * 8;
    errno = 0;
    long word = ptrace(PTRACE_PEEKDATA, tid, aligned, 0);
    if (errno)
        return false;
    if (old)
        *old = (uint8_t)((uint64_t)word >> shift);
    uint64_t changed = ((uint64_t)word & ~(UINT64_C(0xff) << shift)) | ((uint64_t)byte << shift);
    return ptrace(PTRACE_POKEDATA, tid, aligned, changed) == 0;
}

/* A thread through which memory can be changed, or 0. */
static pid_t any_stopped(const struct tracee *tracee)
{
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (tracee->threads[i]->stopped)
            return tracee->threads[i]->tid;
    return 0;
}

bool breakpoint_insert(struct tracee *tracee, uint64_t address)
{
    struct breakpoint *breakpoint = &tracee->breakpoint;
    if (!poke_byte(any_stopped(tracee), address, INT3, &breakpoint->original))
        return false;
    breakpoint->address = address;
    breakpoint->inserted = true;
    return true;
}

void breakpoint_remove(struct tracee *tracee)
{
    struct breakpoint *breakpoint = &tracee->breakpoint;
    if (!breakpoint->inserted)
        return;
    breakpoint->inserted = false;
    if (!poke_byte(any_stopped(tracee), breakpoint->address, breakpoint->original, NULL) &&
        errno != ESRCH)
        fail("the breakpoint at 0x%lx cannot be removed: %s", breakpoint->address, strerror(errno));
}

/* After breakpoint_remove(), with whatever thread is left. */
static void put_back(struct tracee *tracee)
{
    if (!breakpoint_insert(tracee, tracee->breakpoint.address) && errno != ESRCH)
        warn("the breakpoint at 0x%lx is gone: %s", tracee->breakpoint.address, strerror(errno));
}

void breakpoint_remove_from_child(const struct tracee *tracee, pid_t child)
{
    const struct breakpoint *breakpoint = &tracee->breakpoint;
    uint8_t current;
    /* Looked at first: it may have been forked while the original byte was in place. */
    if (!breakpoint->address ||
        !poke_byte(child, breakpoint->address, breakpoint->original, &current))
        return;
    if (current != INT3)
        poke_byte(child, breakpoint->address, current, NULL);
}

bool breakpoint_take_hit(const struct tracee *tracee, pid_t tid)
{
    siginfo_t info;
    const struct breakpoint *breakpoint = &tracee->breakpoint;
    /* int3 is the one SIGTRAP with SI_KERNEL (arch/x86/kernel/traps.c, do_int3_user). The address
     * is compared even when the int3 has been taken out since: the hit is then still ours. */
    if (!breakpoint->address || ptrace(PTRACE_GETSIGINFO, tid, 0, &info) != 0 ||
        info.si_code != SI_KERNEL)
        return false;
    errno = 0;
    long rip = ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user_regs_struct, rip), 0);
    if (errno || (uint64_t)rip != breakpoint->address + 1)
        return false;
    return ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rip),
                  breakpoint->address) == 0;
}

/* Where TID is; 0 if it is gone. */
static uint64_t position(pid_t tid)
{
    return (uint64_t)ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user_regs_struct, rip), 0);
}

/* What the instruction under the breakpoint needs to be stepped. */
struct instruction {
    bool is_call;   /* a system call, which may block or not return */
    bool is_repeat; /* a string instruction, which takes a step for each element */
};

static struct instruction look_at(const struct tracee *tracee)
{
    uint8_t code[2] = {0};
    tracee_read(tracee, tracee->breakpoint.address, code, sizeof code);
    return (struct instruction){
        .is_call = (code[0] == 0x0f && (code[1] == 0x05 || code[1] == 0x34)) ||
                   (code[0] == 0xcd && code[1] == 0x80),
        .is_repeat = code[0] == 0xf2 || code[0] == 0xf3,
    };
}

/* Runs THREAD up to the entry of the system call or behind the instruction. A call is only begun
 * (PTRACE_SYSCALL), because the threads that it waits for may be the stopped ones. */
static bool step(struct thread *thread, uint64_t address, struct instruction instruction)
{
    for (;;) {
        int status;
        if (ptrace(instruction.is_call ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, thread->tid, 0, 0))
            return false;
        /* A thread that dies of SIGKILL is left to tracee_wait(), which knows what it means. */
        siginfo_t info = {0};
        while (waitid(P_PID, (id_t)thread->tid, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL) != 0)
            if (errno != EINTR)
                return false;
        if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
            info.si_code == CLD_DUMPED) {
            thread->stopped = false;
            return false;
        }
        if (tracee_wait_status(thread->tid, &status) != thread->tid || !WIFSTOPPED(status))
            return false;
        int event = status >> 16;
        int signal = WSTOPSIG(status);
        if (event == PTRACE_EVENT_STOP)
            continue; /* left over from stopping all */
        if (event == PTRACE_EVENT_EXIT) {
            thread->exiting = true;
            return false;
        }
        if (signal == (SIGTRAP | 0x80))
            return true; /* entered the system call */
        bool moved = position(thread->tid) != address;
        if (signal != SIGTRAP) {
            /* Came before the instruction, or is the instruction's own fault: it will be reached
             * again behind the signal's handler. */
            thread->signal = signal;
            return moved;
        }
        if (moved || !instruction.is_repeat)
            return true;
    }
}

bool breakpoint_step_over(struct tracee *tracee, struct thread *thread)
{
    breakpoint_remove(tracee);
    bool done = step(thread, tracee->breakpoint.address, look_at(tracee));
    put_back(tracee);
    return done;
}

void breakpoint_step_child(struct tracee *tracee, pid_t child)
{
    struct breakpoint *breakpoint = &tracee->breakpoint;
    struct thread thread = {.tid = child, .stopped = true};
    poke_byte(child, breakpoint->address, breakpoint->original, NULL);
    step(&thread, breakpoint->address, look_at(tracee));
    poke_byte(child, breakpoint->address, INT3, NULL);
}
