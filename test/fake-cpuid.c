/* SPDX-License-Identifier: BSD-3-Clause */
/* Usage: fake-cpuid ELFIE [ARGUMENT...]
 * Plays CPUID faulting, which this machine may not have: arch_prctl(ARCH_SET_CPUID, 0) succeeds,
 * and from there on the thread is stepped and gets a SIGSEGV with SI_KERNEL in front of each CPUID,
 * until it is turned on again. Threads inherit it. Ends as the ELFie ends, and says how many there
 * were. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_TASKS = 64, TRAP_FLAG = 0x100, TRAP_OF_PERF = 6, SET_CPUID = 0x1012 };

struct task {
    pid_t tid;
    int off;             /* CPUID faults */
    int in_call, is_set; /* ... which is the one that sets it */
    int in_trap;  /* in a handler of SIGTRAP, which must not be stepped: it is blocked there */
    int faulting; /* a SIGSEGV is on its way */
    uint64_t call;
} tasks[MAX_TASKS];
static uint64_t faults;

static void die(const char *what)
{
    fprintf(stderr, "fake-cpuid: %s: %s\n", what, strerror(errno));
    exit(125);
}

static struct task *task_of(pid_t tid)
{
    struct task *t = tasks;
    while (t < tasks + MAX_TASKS && t->tid && t->tid != tid)
        t++;
    if (t == tasks + MAX_TASKS)
        die("too many threads");
    t->tid = tid;
    return t;
}

static struct user_regs_struct registers_of(const struct task *t)
{
    struct user_regs_struct r = {0};
    if (ptrace(PTRACE_GETREGS, t->tid, NULL, &r) && errno != ESRCH)
        die("registers");
    return r;
}

/* The two bytes at RIP. */
static unsigned code_at(const struct task *t, uint64_t rip)
{
    uint8_t code[2] = {0, 0};
    struct iovec here = {code, sizeof code}, there = {(void *)rip, sizeof code};
    process_vm_readv(t->tid, &here, 1, &there, 1, 0);
    return (unsigned)code[0] << 8 | code[1];
}

/* --- system calls ----------------------------------------------------------------------------- */

static void enter_call(struct task *t, struct user_regs_struct *r)
{
    t->call = r->orig_rax;
    t->is_set = r->orig_rax == __NR_arch_prctl && r->rdi == SET_CPUID;
    if (!t->is_set)
        return;
    t->off = r->rsi == 0;
    r->orig_rax = __NR_getpid;
    ptrace(PTRACE_SETREGS, t->tid, NULL, r);
}

static void leave_call(struct task *t, struct user_regs_struct *r)
{
    if (t->call == __NR_rt_sigreturn)
        t->in_trap = 0;
    if (!t->is_set)
        return;
    r->rax = 0;
    ptrace(PTRACE_SETREGS, t->tid, NULL, r);
}

/* --- instructions ----------------------------------------------------------------------------- */

/* Lets the thread go on: where CPUID faults, for one instruction, or to the signal. */
static void go_on(struct task *t, int signal)
{
    enum { CPUID = 0x0fa2, CALL = 0x0f05 };
    struct user_regs_struct r = registers_of(t);
    unsigned code = code_at(t, r.rip);
    int how = PTRACE_SYSCALL;
    t->in_trap |= signal == SIGTRAP;
    if (t->off && !t->in_call && !signal && code == CPUID) {
        t->faulting = 1;
        faults++;
        syscall(SYS_tgkill, tasks[0].tid, t->tid, SIGSEGV);
    } else if (t->off && !t->in_call && !t->in_trap && code != CALL) {
        how = PTRACE_SINGLESTEP;
    }
    if (ptrace((enum __ptrace_request)how, t->tid, NULL, (void *)(intptr_t)signal) &&
        errno != ESRCH)
        die("resume");
}

static int on_segv(struct task *t)
{
    siginfo_t info;
    if (!t->faulting)
        return SIGSEGV;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGSEGV;
    info.si_code = SI_KERNEL;
    if (ptrace(PTRACE_SETSIGINFO, t->tid, NULL, &info))
        die("siginfo");
    t->faulting = 0;
    return SIGSEGV;
}

/* Our step, or the program's own trap flag, or a breakpoint of perf's. */
static int on_trap(const struct task *t)
{
    siginfo_t info;
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    if (info.si_code == TRAP_OF_PERF || info.si_code == SI_USER)
        return SIGTRAP;
    return registers_of(t).eflags & TRAP_FLAG ? SIGTRAP : 0;
}

/* Returns the signal to go on with. */
static int on_stop(struct task *t, int status)
{
    int signal = WSTOPSIG(status);
    unsigned long child;
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8) &&
        !ptrace(PTRACE_GETEVENTMSG, t->tid, NULL, &child))
        task_of((pid_t)child)->off = t->off;
    if (status >> 16)
        return 0;
    if (signal == (SIGTRAP | 0x80)) {
        struct user_regs_struct r = registers_of(t);
        t->in_call = !t->in_call;
        if (t->in_call)
            enter_call(t, &r);
        else
            leave_call(t, &r);
        return 0;
    }
    if (t->faulting && signal != SIGSEGV)
        die("another signal came first");
    if (signal == SIGTRAP)
        return on_trap(t);
    return signal == SIGSEGV ? on_segv(t) : signal == SIGSTOP ? 0 : signal;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    pid_t first = fork();
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[1], argv + 1);
        _exit(125);
    }
    int status;
    if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status))
        die(argv[1]);
    ptrace(PTRACE_SETOPTIONS, first, NULL,
           (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE));
    go_on(task_of(first), 0);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFSTOPPED(status)) {
            struct task *t = task_of(tid);
            go_on(t, on_stop(t, status));
        } else if (tid == first) {
            break;
        }
    }
    fprintf(stderr, "fake-cpuid: %llu faults\n", (unsigned long long)faults);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
