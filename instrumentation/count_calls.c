/* SPDX-License-Identifier: BSD-3-Clause */
/* ELFIE_COUNT_CALLS=1: counts the system calls of the threads that the ELFie starts, for the
 * report; and hands them to answers.c where that is to answer some of them.
 *
 * Syscall user dispatch (Linux 5.11) turns each into a SIGSYS. The handler counts, opens the way
 * for one call and goes back to the syscall instruction with the trap flag set; the SIGTRAP behind
 * it closes the way again. So each call is executed by the program itself, on its own stack, clone
 * and rt_sigreturn too. Two signals a call: this is for finding out, not for measuring. Not seen:
 * calls of a signal handler that starts right where a call returns, of threads that are cloned in
 * the region, and of a program that handles SIGSYS or SIGTRAP itself. */
#include "elfie.h"
#include "signals.h"
#include "syscall.h"

#include <linux/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* headers before 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

enum { SELECTOR_ALLOW = 0, SELECTOR_BLOCK = 1 }; /* uapi/linux/prctl.h */
enum { TRAP_FLAG = 0x100, SYSCALL_LENGTH = 2 };

/* A program that blocks all signals, as glibc does around the end of a thread, must not block our
 * two: the kernel ends a process by one that it cannot deliver. The call gets a copy without them.
 */
static void keep_our_signals(struct thread_record *c, struct sigcontext *registers)
{
    const uint64_t ours = 1ul << (SIGSYS - 1) | 1ul << (SIGTRAP - 1);
    int words = registers->rax == __NR_rt_sigprocmask ? 1
                : registers->rax == __NR_rt_sigaction ? 4
                                                      : 0;
    const uint64_t *from = (const uint64_t *)registers->rsi;
    c->has_rsi = words && from;
    if (!c->has_rsi)
        return;
    for (int i = 0; i < words; i++)
        c->copy[i] = from[i];
    c->copy[words - 1] &= ~ours; /* the mask is the last word of a struct sigaction */
    c->rsi = registers->rsi;
    registers->rsi = (uint64_t)c->copy;
}

static void on_call(int number, siginfo_t *info, struct ucontext *context)
{
    (void)number;
    (void)info;
    int64_t thread = elfie_signal_thread();
    if (thread < 0)
        return; /* dispatch is not inherited: this is somebody's own SIGSYS */
    struct thread_record *c = &elfie_records[thread];
    c->calls++;
    if (elfie_answers_calls() && elfie_answer(&context->uc_mcontext))
        return;
    c->selector = SELECTOR_ALLOW;
    context->uc_mcontext.rip -= SYSCALL_LENGTH;
    keep_our_signals(c, &context->uc_mcontext);
    if (context->uc_mcontext.rax == __NR_rt_sigreturn) {
        /* It brings flags of its own: the frame stands where the program's stack pointer is. */
        struct ucontext *frame = (struct ucontext *)context->uc_mcontext.rsp;
        frame->uc_mcontext.eflags |= TRAP_FLAG;
    } else {
        context->uc_mcontext.eflags |= TRAP_FLAG;
    }
}

static void on_trap(int number, siginfo_t *info, struct ucontext *context)
{
    (void)number;
    (void)info;
    int64_t thread = elfie_signal_thread();
    if (thread >= 0) { /* a thread that was cloned has inherited the flag, and nothing else */
        struct thread_record *c = &elfie_records[thread];
        c->selector = SELECTOR_BLOCK;
        if (c->has_rsi)
            context->uc_mcontext.rsi = c->rsi;
        c->has_rsi = 0;
    }
    context->uc_mcontext.eflags &= ~(uint64_t)TRAP_FLAG;
}

static int is_wanted(void)
{
    return elfie_process.count_calls || elfie_answers_calls();
}

void elfie_install_call_counting(void)
{
    if (!is_wanted())
        return;
    elfie_set_action(SIGSYS, on_call, ~0ul);
    elfie_set_action(SIGTRAP, on_trap, ~0ul);
}

void elfie_count_calls_of(uint64_t thread)
{
    if (!is_wanted())
        return;
    struct thread_record *c = &elfie_records[thread];
    c->calls = 0;
    c->selector = SELECTOR_ALLOW;                                /* until the context is entered */
    uint64_t length = (uint64_t)elfie_stacks - (uint64_t)_start; /* all of the runtime's code */
    long result = elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
                                _start, length, &c->selector);
    if (result)
        elfie_fail("ELFIE_COUNT_CALLS, ELFIE_ROOT, ELFIE_PID and ELFIE_MMAP need Linux 5.11 or "
                   "later; the region was not run",
                   result);
    c->selector = SELECTOR_BLOCK;
}

int64_t elfie_calls_of(int64_t thread)
{
    return thread >= 0 && elfie_process.count_calls ? (int64_t)elfie_records[thread].calls : -1;
}
