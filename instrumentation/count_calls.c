/* SPDX-License-Identifier: BSD-3-Clause */
/* ELFIE_COUNT_CALLS=1: counts the system calls of the threads that the ELFie starts, for the
 * report; and hands them to answers.c where that is to answer some of them.
 *
 * Syscall user dispatch (Linux 5.11) turns each into a SIGSYS. The handler counts, opens the way
 * for one call and goes back to the syscall instruction with the trap flag set; the SIGTRAP behind
 * it closes the way again. So each call is executed by the program itself, on its own stack, clone
 * and rt_sigreturn too. Two signals a call: this is for finding out, not for measuring. Not seen:
 * calls of a signal handler that starts right where a call returns, of threads that are cloned in
 * the region (unless calls are answered, which is for all of the program), and of a program that
 * handles SIGSYS or SIGTRAP itself. */
#include "elfie.h"
#include "signals.h"
#include "syscall.h"

#include <asm/errno.h>
#include <linux/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* headers before 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

enum { SELECTOR_ALLOW = 0, SELECTOR_BLOCK = 1 }; /* uapi/linux/prctl.h */
enum { SYSCALL_LENGTH = 2 };

/* Threads and processes that the region creates, where calls are answered: at a time. */
enum { MORE_THREADS = 512 };
static struct thread_record more[MORE_THREADS];

static struct thread_record *record_of_self(void)
{
    int64_t thread = elfie_signal_thread();
    if (thread >= 0)
        return &elfie_records[thread];
    if (!elfie_answers_calls())
        return NULL;
    uint64_t tid = (uint64_t)elfie_syscall(__NR_gettid);
    for (int i = 0; i < MORE_THREADS; i++)
        if (__atomic_load_n(&more[i].tid, __ATOMIC_RELAXED) == tid)
            return &more[i];
    return NULL;
}

static long dispatch(struct thread_record *c)
{
    uint64_t length = (uint64_t)elfie_stacks - (uint64_t)_start; /* all of the runtime's code */
    return elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, _start,
                         length, &c->selector);
}

/* A record for a thread or process that the region has created. It is free again when that is gone,
 * which nobody says. */
static struct thread_record *free_record(uint64_t tid)
{
    for (int i = 0; i < MORE_THREADS; i++) {
        uint64_t old = __atomic_load_n(&more[i].tid, __ATOMIC_RELAXED);
        if ((!old || elfie_syscall(__NR_tkill, old, 0) == -ESRCH) &&
            __atomic_compare_exchange_n(&more[i].tid, &old, tid, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return &more[i];
    }
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "more than ");
    elfie_put_decimal(&line, MORE_THREADS);
    elfie_put(&line, " threads at a time: the calls of this one are not answered\n");
    elfie_write(&line);
    return NULL;
}

/* Dispatch is not inherited. It is turned on again and again: a record that is found may be that of
 * an earlier thread with the same id. */
static struct thread_record *adopt_self(void)
{
    struct thread_record *c = record_of_self();
    if (!c && (c = free_record((uint64_t)elfie_syscall(__NR_gettid))))
        c->has_rsi = 0;
    if (c)
        dispatch(c);
    return c;
}

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
    struct thread_record *c = record_of_self();
    if (!c)
        return; /* dispatch is not inherited: this is somebody's own SIGSYS */
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
    int is_new = elfie_signal_thread() < 0;
    struct thread_record *c = is_new && elfie_answers_calls() ? adopt_self() : record_of_self();
    if (c) { /* a thread that was cloned has inherited the flag, and nothing else */
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
    elfie_begin_answers();
    struct thread_record *c = &elfie_records[thread];
    c->calls = 0;
    c->selector = SELECTOR_ALLOW; /* until the context is entered */
    long result = dispatch(c);
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
