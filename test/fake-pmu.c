/* SPDX-License-Identifier: BSD-3-Clause */
/* Usage: fake-pmu SKID ELFIE [ARGUMENT...]
 * Gives an ELFie a hardware counter of instructions that this machine does not have. Under ptrace,
 * perf_event_open for it gets an eventfd, whose ioctl and read are answered here; while it is
 * enabled, the thread is stepped and its instructions in user mode are counted, those of signal
 * handlers and of the runtime too, as the processor does. The overflow comes SKID instructions
 * late, as a SIGTRAP with the event's cookie. Ends as the ELFie ends. At the end it says how many
 * overflows there were. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_TASKS = 64,
    TRAP_FLAG = 0x100,
    TRAP_OF_PERF = 6,
    STRETCH = 17,
    COOKIE_OFFSET = 24,
    SIGTRAP_BIT = 37
};

/* A thread, with the one counter that it has. */
struct task {
    pid_t tid;
    int fd, enabled, in_call, in_handler;
    uint64_t call, rip, value, period, next, cookie;
} tasks[MAX_TASKS];
static uint64_t skid, overflows;

static void die(const char *what)
{
    fprintf(stderr, "fake-pmu: %s: %s\n", what, strerror(errno));
    exit(125);
}

static struct task *task_of(pid_t tid)
{
    struct task *t = tasks;
    while (t < tasks + MAX_TASKS && t->tid && t->tid != tid)
        t++;
    if (t == tasks + MAX_TASKS)
        die("too many threads");
    if (!t->tid)
        *t = (struct task){.tid = tid, .fd = -1};
    return t;
}

static void copy_in(pid_t tid, uint64_t from, void *to, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)from, size};
    if (process_vm_readv(tid, &here, 1, &there, 1, 0) != (ssize_t)size)
        memset(to, 0, size);
}

static void copy_out(pid_t tid, uint64_t to, const void *from, size_t size)
{
    struct iovec here = {(void *)from, size}, there = {(void *)to, size};
    if (process_vm_writev(tid, &here, 1, &there, 1, 0) != (ssize_t)size)
        die("memory");
}

/* --- system calls ---------------------------------------------------------------------------- */

static void become(struct task *t, struct user_regs_struct *r, uint64_t number)
{
    r->orig_rax = number;
    if (ptrace(PTRACE_SETREGS, t->tid, NULL, r))
        die("registers");
}

static void answer(struct task *t, struct user_regs_struct *r, int64_t result)
{
    r->rax = (uint64_t)result;
    if (ptrace(PTRACE_SETREGS, t->tid, NULL, r))
        die("registers");
}

static int is_instructions(const struct perf_event_attr *a)
{
    return a->type == PERF_TYPE_HARDWARE && a->config == PERF_COUNT_HW_INSTRUCTIONS;
}

/* What is being asked for; what it was is still in the registers when the call returns. */
static enum { NOT_OURS, OPEN, DUPLICATE, CONTROL, READ } kinds[MAX_TASKS];

static void enter_call(struct task *t, struct user_regs_struct *r)
{
    struct perf_event_attr attr;
    int *kind = (int *)&kinds[t - tasks];
    t->call = r->orig_rax;
    *kind = NOT_OURS;
    if (r->orig_rax == __NR_perf_event_open) {
        copy_in(t->tid, r->rdi, &attr, sizeof attr);
        if (!is_instructions(&attr) || !attr.sample_period)
            return;
        *kind = OPEN;
        t->cookie = attr.sig_data;
        t->period = attr.sample_period;
        r->rdi = r->rsi = 0;
        become(t, r, __NR_eventfd2);
    } else if (t->fd >= 0 && (int)r->rdi == t->fd) {
        if (r->orig_rax == __NR_fcntl)
            *kind = DUPLICATE;
        else if (r->orig_rax == __NR_ioctl)
            *kind = CONTROL;
        else if (r->orig_rax == __NR_read)
            *kind = READ;
        if (*kind == CONTROL || *kind == READ)
            become(t, r, __NR_getpid);
    }
}

static void control(struct task *t, const struct user_regs_struct *r)
{
    switch (r->rsi) {
    case PERF_EVENT_IOC_ENABLE:
        t->enabled = 1;
        t->value += STRETCH;
        break;
    case PERF_EVENT_IOC_DISABLE:
        t->enabled = 0;
        break;
    case PERF_EVENT_IOC_RESET:
        t->value = 0;
        break;
    case PERF_EVENT_IOC_PERIOD:
        copy_in(t->tid, r->rdx, &t->period, sizeof t->period);
        t->next = t->period + skid;
        break;
    default:
        break;
    }
}

static void leave_call(struct task *t, struct user_regs_struct *r)
{
    if (t->call == __NR_rt_sigreturn)
        t->in_handler = 0;
    switch (kinds[t - tasks]) {
    case OPEN:
    case DUPLICATE:
        t->fd = (int)r->rax;
        break;
    case CONTROL:
        control(t, r);
        answer(t, r, 0);
        break;
    case READ:
        copy_out(t->tid, r->rsi, &t->value, sizeof t->value);
        answer(t, r, sizeof t->value);
        break;
    default:
        break;
    }
}

/* --- instructions ---------------------------------------------------------------------------- */

static int is_call(pid_t tid, uint64_t rip)
{
    uint8_t code[2];
    copy_in(tid, rip, code, sizeof code);
    return code[0] == 0x0f && code[1] == 0x05;
}

/* A string instruction is stepped turn by turn, and a processor counts it once. */
static int is_repeated(pid_t tid, uint64_t rip)
{
    uint8_t code;
    copy_in(tid, rip, &code, sizeof code);
    return code == 0xf2 || code == 0xf3;
}

/* Lets the thread go on; while the counter is enabled, for one instruction. */
static void go_on(struct task *t, int signal)
{
    struct user_regs_struct r;
    int how = PTRACE_SYSCALL;
    ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
    if (signal == SIGTRAP) {
        t->in_handler = 1;
        t->value += t->enabled ? STRETCH : 0;
    }
    if (t->enabled && !t->in_call && !t->in_handler && !is_call(t->tid, r.rip))
        how = PTRACE_SINGLESTEP;
    if (ptrace((enum __ptrace_request)how, t->tid, NULL, (void *)(intptr_t)signal) &&
        errno != ESRCH)
        die("resume");
}

/* The overflow: a signal of our own, which becomes the kernel's. */
static int overflow(struct task *t)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGTRAP;
    info.si_code = TRAP_OF_PERF;
    memcpy((char *)&info + COOKIE_OFFSET, &t->cookie, sizeof t->cookie);
    if (ptrace(PTRACE_SETSIGINFO, t->tid, NULL, &info))
        die("siginfo");
    t->next += t->period;
    overflows++;
    return SIGTRAP;
}

/* A SIGTRAP: our step, or the program's own trap flag, or an event's. Returns what goes on to it.
 */
static int on_trap(struct task *t)
{
    siginfo_t info;
    struct user_regs_struct r;
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
    if (info.si_code == TRAP_OF_PERF || info.si_code == SI_USER)
        return SIGTRAP;
    if (info.si_code > TRAP_OF_PERF - 1)
        return 0;
    int own = !!(r.eflags & TRAP_FLAG);
    int again = r.rip == t->rip && is_repeated(t->tid, r.rip);
    t->rip = r.rip;
    if (t->enabled && !t->in_call && !again) {
        t->value++;
        if (t->value == t->next)
            return overflow(t);
    }
    return own ? SIGTRAP : 0;
}

/* Returns the signal to go on with. */
static int on_stop(struct task *t, int status)
{
    struct user_regs_struct r;
    int signal = WSTOPSIG(status);
    if (status >> 16)
        return 0; /* clone and the like; a new thread's first stop is a SIGSTOP */
    if (signal == (SIGTRAP | 0x80)) {
        ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
        t->in_call = !t->in_call;
        if (t->in_call) {
            t->value += (uint64_t)t->enabled; /* the instruction itself */
            enter_call(t, &r);
        } else {
            leave_call(t, &r);
        }
        return 0;
    }
    if (signal == SIGTRAP)
        return on_trap(t);
    return signal == SIGSTOP ? 0 : signal;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    skid = strtoull(argv[1], NULL, 10);
    pid_t first = fork();
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[2], argv + 2);
        _exit(125);
    }
    int status;
    if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status))
        die(argv[2]);
    ptrace(PTRACE_SETOPTIONS, first, NULL,
           (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK));
    go_on(task_of(first), 0);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFSTOPPED(status)) {
            struct task *t = task_of(tid);
            go_on(t, on_stop(t, status));
        } else if (tid == first) {
            break;
        }
    }
    fprintf(stderr, "fake-pmu: %llu overflows\n", (unsigned long long)overflows);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
