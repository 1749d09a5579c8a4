/* SPDX-License-Identifier: BSD-3-Clause */
/* Usage: fake-pmu [OPTION...] SKID ELFIE [ARGUMENT...]
 * Gives an ELFie a hardware counter of instructions that this machine does not have. Under ptrace,
 * perf_event_open for it gets an eventfd, whose ioctl and read are answered here; while it is
 * enabled, the thread is stepped and its instructions in user mode are counted, those of signal
 * handlers and of the runtime too, as the processor does. The overflow comes SKID instructions
 * late, as a SIGTRAP with the event's cookie, or as the signal of fcntl; behind a handler where it
 * comes in one. Ends as the ELFie ends. At the end it says how many overflows there were.
 *
 *   -c FILE -r BEGIN:END  writes how many instructions each thread has run at addresses that are
 *                         not in this range, the runtime's: all of them, whoever has stepped them;
 *                         and behind that, how many of them the ELFie has not stepped itself
 *   -f                    counts each page fault, too, as some processors do
 *   -a N                  behind N overflows, the counter does one of these:
 *   -l                    overflows no more
 *   -s SKID               comes that late
 *   -x EVERY:EXTRA        counts EXTRA too many each EVERY instructions
 *   -t                    is taken away: reads 0, and overflows no more
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
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
    EVENT_SIGNAL = 62, /* instrumentation/events.h */
    TRAP_FLAG = 0x100,
    TRAP_OF_PERF = 6,
    STRETCH = 17,
    COOKIE_OFFSET = 24,
    USER_DISPATCH = 2 /* si_code of SIGSYS */
};

/* A thread, with the one counter that it has. */
struct task {
    pid_t tid;
    int fd, enabled, in_call, in_handler, signal, pending;
    uint64_t call, rip, value, period, next, cookie;
    uint64_t counted; /* since it was opened; a lie is told each so many */
    uint64_t ran, ran_freely;
    uint64_t faults;
    uint64_t flags; /* when it went on */
} tasks[MAX_TASKS];
static uint64_t skid, overflows;
static uint64_t runtime_begin, runtime_end;
static pid_t process;

/* Behind so many overflows it lies. */
static uint64_t honest = UINT64_MAX, later_skid, every, extra;
static int never, taken, counting, counts_faults;

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

/* Whose counter this is: threads may read each other's. */
static struct task *owner_of(struct task *t, int fd)
{
    if (t->fd == fd)
        return t;
    for (t = tasks; t < tasks + MAX_TASKS && t->tid; t++)
        if (t->fd == fd)
            return t;
    return NULL;
}

static void enter_call(struct task *t, struct user_regs_struct *r)
{
    struct perf_event_attr attr;
    struct task *owner = owner_of(t, (int)r->rdi);
    int *kind = (int *)&kinds[t - tasks];
    t->call = r->orig_rax;
    *kind = NOT_OURS;
    if (r->orig_rax == __NR_perf_event_open) {
        copy_in(t->tid, r->rdi, &attr, sizeof attr);
        if (!is_instructions(&attr) || !attr.sample_period)
            return;
        *kind = OPEN;
        t->cookie = attr.sig_data;
        t->signal = attr.sigtrap ? SIGTRAP : EVENT_SIGNAL;
        t->period = attr.sample_period;
        r->rdi = r->rsi = 0;
        become(t, r, __NR_eventfd2);
    } else if (r->orig_rax == __NR_read && owner) {
        *kind = READ;
        become(t, r, __NR_getpid);
    } else if (t->fd >= 0 && owner == t) {
        if (r->orig_rax == __NR_fcntl && r->rsi == F_DUPFD_CLOEXEC)
            *kind = DUPLICATE;
        else if (r->orig_rax == __NR_ioctl)
            *kind = CONTROL;
        else if (r->orig_rax == __NR_close)
            t->fd = -1;
        if (*kind == CONTROL)
            become(t, r, __NR_getpid);
    }
}

/* Page faults of a thread: fields 10 and 12 of proc(5). */
static uint64_t faults_of(pid_t tid)
{
    char path[64];
    unsigned long minor = 0, major = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)process, (int)tid);
    FILE *from = fopen(path, "re");
    if (!from ||
        fscanf(from, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minor, &major) != 2)
        die(path);
    fclose(from);
    return minor + major;
}

static int is_silent(void)
{
    return (never || taken) && overflows >= honest;
}

static void control(struct task *t, const struct user_regs_struct *r)
{
    switch (r->rsi) {
    case PERF_EVENT_IOC_ENABLE:
        t->enabled = 1;
        t->faults = counts_faults ? faults_of(t->tid) : 0;
        t->value += STRETCH;
        break;
    case PERF_EVENT_IOC_DISABLE:
        t->pending |= t->enabled && t->value >= t->next && !is_silent();
        t->enabled = 0;
        break;
    case PERF_EVENT_IOC_RESET:
        t->value = 0;
        break;
    case PERF_EVENT_IOC_PERIOD:
        copy_in(t->tid, r->rdx, &t->period, sizeof t->period);
        t->next = t->period + (overflows >= honest && later_skid ? later_skid : skid);
        break;
    default:
        break;
    }
}

static void leave_call(struct task *t, struct user_regs_struct *r)
{
    const uint64_t nothing = 0;
    const struct task *owner;
    if (t->call == __NR_rt_sigreturn && t->in_handler && !--t->in_handler && t->pending)
        syscall(SYS_tgkill, process, t->tid, t->signal);
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
        owner = owner_of(t, (int)r->rdi);
        copy_out(t->tid, r->rsi, taken && overflows >= honest ? &nothing : &owner->value,
                 sizeof nothing);
        answer(t, r, sizeof nothing);
        break;
    default:
        break;
    }
}

/* --- instructions ---------------------------------------------------------------------------- */

/* What stands at an address. Code does not change where it is stepped. */
struct code {
    uint64_t rip;
    uint8_t is_call;
    uint8_t is_repeated; /* stepped turn by turn, and a processor counts it once */
};

static const struct code *code_at(pid_t tid, uint64_t rip)
{
    enum { CACHE = 1 << 14 };
    static struct code cache[CACHE];
    struct code *c = &cache[rip % CACHE];
    uint8_t bytes[2];
    if (c->rip == rip)
        return c;
    copy_in(tid, rip, bytes, sizeof bytes);
    *c = (struct code){rip, bytes[0] == 0x0f && bytes[1] == 0x05,
                       bytes[0] == 0xf2 || bytes[0] == 0xf3};
    return c;
}

static int is_in_region(uint64_t rip)
{
    return rip < runtime_begin || rip >= runtime_end;
}

static int is_handled(int signal)
{
    return signal == SIGTRAP || signal == SIGSYS || signal == SIGSEGV || signal == SIGILL ||
           signal == EVENT_SIGNAL;
}

/* Lets the thread go on; while the counter is enabled, for one instruction. */
static void go_on(struct task *t, int signal)
{
    struct user_regs_struct r;
    int how = PTRACE_SYSCALL;
    ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
    if (is_handled(signal)) {
        t->in_handler++;
        t->value += t->enabled ? STRETCH : 0;
    }
    if (!t->in_call && !t->in_handler) {
        t->rip = r.rip;
        t->flags = r.eflags;
        int counts = t->enabled || (counting && is_in_region(r.rip) && !(r.eflags & TRAP_FLAG));
        if (counts && !code_at(t->tid, r.rip)->is_call)
            how = PTRACE_SINGLESTEP;
    }
    if (ptrace((enum __ptrace_request)how, t->tid, NULL, (void *)(intptr_t)signal) &&
        errno != ESRCH)
        die("resume");
}

/* The overflow: a signal of our own, which becomes the kernel's. */
static int overflow(struct task *t)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = t->signal;
    info.si_code = t->signal == SIGTRAP ? TRAP_OF_PERF : POLL_IN;
    if (t->signal == SIGTRAP)
        memcpy((char *)&info + COOKIE_OFFSET, &t->cookie, sizeof t->cookie);
    else
        info.si_fd = t->fd;
    if (ptrace(PTRACE_SETSIGINFO, t->tid, NULL, &info))
        die("siginfo");
    t->next = t->value + t->period;
    t->pending = 0;
    overflows++;
    return t->signal;
}

/* The instruction at t->rip has been executed. */
static void see_run(struct task *t, uint64_t rip)
{
    if (t->in_handler || !is_in_region(rip))
        return;
    t->ran++;
    t->ran_freely += !(t->flags & TRAP_FLAG);
}

static void count(struct task *t)
{
    if (!t->enabled)
        return;
    t->value++;
    if (counts_faults) {
        uint64_t faults = faults_of(t->tid);
        t->value += faults - t->faults;
        t->faults = faults;
    }
    if (++t->counted && every && overflows >= honest && t->counted % every == 0)
        t->value += extra;
}

/* A SIGTRAP: our step, or the program's own trap flag, or an event's. Returns what goes on to it.
 */
static int on_trap(struct task *t)
{
    siginfo_t info;
    struct user_regs_struct r;
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
    if (t->pending && info.si_code == SI_TKILL)
        return overflow(t);
    if (info.si_code == TRAP_OF_PERF || info.si_code == SI_USER)
        return SIGTRAP;
    if (info.si_code > TRAP_OF_PERF - 1)
        return 0;
    int own = !!(r.eflags & TRAP_FLAG);
    if (!t->in_call && (r.rip != t->rip || !code_at(t->tid, r.rip)->is_repeated)) {
        see_run(t, t->rip);
        count(t);
        if (t->enabled && t->value >= t->next && !is_silent())
            return overflow(t);
    }
    return own ? SIGTRAP : 0;
}

/* A signal instead of the instruction: a system call has run, an RDTSC and a ud2 have not. */
static void on_answered(struct task *t, int signal)
{
    siginfo_t info;
    struct user_regs_struct r;
    ptrace(PTRACE_GETSIGINFO, t->tid, NULL, &info);
    ptrace(PTRACE_GETREGS, t->tid, NULL, &r);
    if (t->in_handler || info.si_code <= 0)
        return;
    see_run(t, r.rip); /* t->rip may be older where the region has just begun */
    if (signal == SIGSYS && info.si_code == USER_DISPATCH)
        count(t);
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
    if (signal == EVENT_SIGNAL && t->pending)
        return overflow(t);
    if (signal == SIGSYS || signal == SIGSEGV || signal == SIGILL)
        on_answered(t, signal);
    return signal == SIGSTOP ? 0 : signal;
}

static int by_id(const void *a, const void *b)
{
    const struct task *x = a, *y = b;
    return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Kernel's ids are given out in the order of the starts. */
static void write_counts(FILE *to)
{
    size_t n = 0;
    while (n < MAX_TASKS && tasks[n].tid)
        n++;
    qsort(tasks, n, sizeof *tasks, by_id);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%llu %llu\n", (unsigned long long)tasks[i].ran,
                (unsigned long long)tasks[i].ran_freely);
    if (fclose(to))
        die("output");
}

/* Gives where the counts go, or NULL. */
static FILE *read_options(int argc, char **argv)
{
    FILE *to = NULL;
    for (int c; (c = getopt(argc, argv, "+c:r:a:fls:x:t")) != -1;) {
        char *end = optarg;
        if (c == 'c' && !(to = fopen(optarg, "we")))
            die(optarg);
        if (c == 'r') {
            runtime_begin = strtoull(optarg, &end, 16);
            runtime_end = strtoull(end + 1, NULL, 16);
        } else if (c == 'x') {
            every = strtoull(optarg, &end, 10);
            extra = strtoull(end + 1, NULL, 10);
        } else if (c == 'a') {
            honest = strtoull(optarg, NULL, 10);
        } else if (c == 's') {
            later_skid = strtoull(optarg, NULL, 10);
        }
        counting |= c == 'c';
        counts_faults |= c == 'f';
        never |= c == 'l';
        taken |= c == 't';
    }
    return to;
}

int main(int argc, char **argv)
{
    FILE *to = read_options(argc, argv);
    if (argc - optind < 2)
        return 2;
    skid = strtoull(argv[optind], NULL, 10);
    argv += optind + 1;
    process = fork();
    if (process == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[0], argv);
        _exit(125);
    }
    int status;
    if (waitpid(process, &status, 0) != process || !WIFSTOPPED(status))
        die(argv[0]);
    ptrace(PTRACE_SETOPTIONS, process, NULL,
           (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK));
    go_on(task_of(process), 0);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFSTOPPED(status)) {
            struct task *t = task_of(tid);
            go_on(t, on_stop(t, status));
        } else if (tid == process) {
            break;
        }
    }
    fprintf(stderr, "fake-pmu: %llu overflows\n", (unsigned long long)overflows);
    if (to)
        write_counts(to);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
