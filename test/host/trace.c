/* SPDX-License-Identifier: BSD-3-Clause */
/* Follows all threads of the program. Each is stepped through its startup, instruction after
 * instruction, which shows exactly what it executes; in the region it runs from system call to
 * system call. */
#include "host.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const uint64_t PAGE = 4096;
static const uint64_t TRAP_FLAG = 0x100;

static size_t number_of(const struct run *run, const struct thread *t)
{
    return (size_t)(t - run->threads);
}

/* "rt_sigreturn", or "1000" */
static const char *describe(uint64_t number, char buffer[24])
{
    const char *name = call_name(number);
    snprintf(buffer, 24, "%" PRIu64, number);
    return name ? name : buffer;
}

static const char *place(const struct thread *t)
{
    return t->startup ? "in the startup" : "in the region";
}

/* -------------------------------------------------------------------- going on, by step or call */

static void violate(struct run *run)
{
    run->violated = true;
    kill(run->pid, SIGKILL);
}

/* Is the instruction that the thread is about to execute one that the simulator has? */
static bool check_instruction(struct run *run, const struct thread *t, uint64_t rip)
{
    if (!run->policy->num_lacks)
        return true;
    const struct instruction *i = listing_find(run->listing, rip);
    if (i && i->lacked) {
        say("thread %zu: startup uses %s at 0x%" PRIx64 ": the host %s lacks it", number_of(run, t),
            i->lacked, rip, run->policy->name);
        violate(run);
        return false;
    }
    if (!i && !run->unlisted) {
        run->unlisted = true;
        say("thread %zu: the startup goes to 0x%" PRIx64
            ", outside of its own code: the instructions there are not checked",
            number_of(run, t), rip);
    }
    return true;
}

static bool is_jump(const struct symbols *s, uint64_t rip)
{
    for (size_t i = 0; i < s->num_jumps; i++)
        if (s->jumps[i] == rip)
            return true;
    return false;
}

/* A step, or up to the system call that comes next; the latter also when nothing is stepped. */
static enum __ptrace_request how_to_go_on(struct run *run, struct thread *t)
{
    struct user_regs_struct regs;
    t->stepping = false;
    if (!t->startup || t->inside)
        return PTRACE_SYSCALL;
    for (;;) {
        if (!tracee_regs(t->tid, &regs) || !check_instruction(run, t, regs.rip))
            return PTRACE_SYSCALL;
        t->steps++;
        uint64_t code = tracee_code(t->tid, regs.rip);
        if ((code & 0xffff) == 0x050f) /* syscall */
            return PTRACE_SYSCALL;
        /* rep movsq would be a step for each quadword: 2,000 and more for a region */
        if ((code & 0xffffff) != 0xa548f3 || !tracee_copy(t->tid, &regs))
            break;
    }
    t->leaving = is_jump(run->symbols, regs.rip);
    t->stepping = true;
    return PTRACE_SINGLESTEP;
}

/* A thread that has been killed meanwhile cannot be resumed; its end is reported anyway. */
static void go_on(struct run *run, struct thread *t, int with_signal)
{
    if (ptrace(how_to_go_on(run, t), t->tid, NULL, (void *)(intptr_t)with_signal) && errno != ESRCH)
        trouble("thread %zu cannot go on: %s", number_of(run, t), strerror(errno));
}

/* ----------------------------------------------------------------------------------- the calls */

static bool opens_proc(const struct thread *t, const struct user_regs_struct *regs)
{
    if (regs->orig_rax == SYS_open)
        return tracee_begins(t->tid, regs->rdi, "/proc/");
    return (regs->orig_rax == SYS_openat || regs->orig_rax == SYS_openat2) &&
           tracee_begins(t->tid, regs->rsi, "/proc/");
}

/* mmap that leaves the choice to the kernel: a hint makes it choose as the simulator would. */
static void place_mapping(const struct run *run, struct thread *t, struct user_regs_struct *regs)
{
    if (regs->rdi || regs->r10 & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        return;
    uint64_t length = (regs->rsi + PAGE - 1) & ~(PAGE - 1);
    regs->rdi = tracee_gap(t->tid, length, run->policy->mmap_top);
    t->hinted = tracee_set_regs(t->tid, regs);
}

static enum answer choose(const struct run *run, const struct thread *t,
                          const struct user_regs_struct *regs)
{
    if (run->policy->startup_only && !t->startup)
        return EXECUTED;
    enum answer answer = policy_answer(run->policy, regs->orig_rax);
    return answer == EXECUTED && run->policy->no_proc && opens_proc(t, regs) ? ENOENT_GIVEN
                                                                             : answer;
}

static void report(const struct run *run, const struct thread *t,
                   const struct user_regs_struct *regs, enum answer answer)
{
    char buffer[24];
    const char *what = answer == STOPPED        ? "stops here"
                       : answer == ENOSYS_GIVEN ? "does not have it: ENOSYS"
                                                : "has no /proc: ENOENT";
    if (answer == STOPPED || (run->verbose && (answer == ENOSYS_GIVEN || answer == ENOENT_GIVEN)))
        say("thread %zu: system call %s at 0x%llx: the host %s %s (%s)", number_of(run, t),
            describe(regs->orig_rax, buffer), regs->rip - 2, run->policy->name, what, place(t));
}

static void enter_call(struct run *run, struct thread *t)
{
    static const int results[NUM_ANSWERS] = {[ENOSYS_GIVEN] = -ENOSYS, [ENOENT_GIVEN] = -ENOENT};
    struct user_regs_struct regs;
    if (!tracee_regs(t->tid, &regs))
        return;
    enum answer answer = choose(run, t, &regs);
    uint64_t number = regs.orig_rax < NUM_CALLS ? regs.orig_rax : NUM_CALLS;
    run->counts[!t->startup][number][answer]++;
    report(run, t, &regs, answer);
    t->skipped = answer != EXECUTED;
    t->result = results[answer];
    if (answer == STOPPED)
        violate(run);
    else if (t->skipped) {
        regs.orig_rax = ~0ull;
        tracee_set_regs(t->tid, &regs);
    } else if (number == SYS_mmap && run->policy->mmap_top &&
               !(run->policy->startup_only && !t->startup))
        place_mapping(run, t, &regs);
}

static void leave_call(struct thread *t)
{
    struct user_regs_struct regs;
    if (!(t->skipped || t->hinted) || !tracee_regs(t->tid, &regs))
        return;
    if (t->skipped)
        regs.rax = (uint64_t)t->result;
    if (t->hinted)
        regs.rdi = 0;
    t->skipped = t->hinted = false;
    tracee_set_regs(t->tid, &regs);
}

/* ----------------------------------------------------------------------------------- the stops */

static struct thread *find(struct run *run, pid_t tid)
{
    for (size_t i = 0; i < run->num_threads; i++)
        if (run->threads[i].tid == tid && !run->threads[i].gone)
            return &run->threads[i];
    return NULL;
}

static struct thread *add(struct run *run, pid_t tid)
{
    run->threads = grow(run->threads, run->num_threads + 1, sizeof *run->threads);
    struct thread *t = &run->threads[run->num_threads++];
    *t = (struct thread){.tid = tid};
    return t;
}

/* A thread that a thread in the startup creates begins in the startup's code. */
static void begin_thread(struct run *run, struct thread *t)
{
    struct user_regs_struct regs;
    const struct symbols *s = run->symbols;
    t->startup = s->num_jumps && !run->replaced && tracee_regs(t->tid, &regs) &&
                 regs.rip >= s->text_begin && regs.rip < s->text_end;
}

/* Measured on Linux 6.18: stepping over the startup's popfq makes the kernel take the trap flag
 * for the program's own, so it is still there when the stepping ends. */
static void end_startup(struct thread *t)
{
    struct user_regs_struct regs;
    t->startup = false;
    if (!tracee_regs(t->tid, &regs) || !(regs.eflags & TRAP_FLAG))
        return;
    regs.eflags &= ~TRAP_FLAG;
    tracee_set_regs(t->tid, &regs);
}

static void replaced_by_exec(struct run *run)
{
    run->replaced = true;
    for (size_t i = 0; i < run->num_threads; i++)
        run->threads[i].startup = false;
}

static void remember_fault(struct run *run, const struct thread *t)
{
    struct user_regs_struct regs;
    if (tracee_regs(t->tid, &regs)) {
        run->fault_at = regs.rip;
        run->fault_thread = number_of(run, t);
    }
}

static void stopped(struct run *run, struct thread *t, int number, int event)
{
    int with_signal = 0;
    if (event) {
        if (event == PTRACE_EVENT_EXEC)
            replaced_by_exec(run);
    } else if (number == (SIGTRAP | 0x80)) {
        t->inside = !t->inside;
        if (t->inside)
            enter_call(run, t);
        else
            leave_call(t);
    } else if (number == SIGTRAP && t->stepping) {
        if (t->leaving) {
            end_startup(t);
            run->entered++;
        }
    } else {
        with_signal = number;
        remember_fault(run, t);
    }
    go_on(run, t, with_signal);
}

static int end_status(const struct run *run, int status)
{
    if (run->violated)
        return STATUS_VIOLATION;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    int number = WTERMSIG(status);
    if (run->fault_at)
        say("the program ended by signal %d (%s); last signal in thread %zu at 0x%" PRIx64, number,
            strsignal(number), run->fault_thread, run->fault_at);
    else
        say("the program ended by signal %d (%s)", number, strsignal(number));
    return 128 + number;
}

int trace(struct run *run, pid_t pid)
{
    run->pid = pid;
    struct thread *t = add(run, pid);
    t->startup = run->symbols->num_jumps > 0;
    go_on(run, t, 0);
    for (;;) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0)
            trouble("waitpid: %s", strerror(errno));
        t = find(run, tid);
        if (!WIFSTOPPED(status)) {
            if (t)
                t->gone = true;
            if (tid == pid)
                return end_status(run, status);
        } else if (!t) { /* with the SIGSTOP that ptrace gives it, or an early signal */
            t = add(run, tid);
            begin_thread(run, t);
            go_on(run, t, WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status));
        } else
            stopped(run, t, WSTOPSIG(status), status >> 16);
    }
}
