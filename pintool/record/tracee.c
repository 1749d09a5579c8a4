/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes wait statuses, gives the few events that matter, and does all the rest of ptrace. */
#include "tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "breakpoint.h"
#include "counter.h"
#include "launch.h"
#include "memory.h"
#include "message.h"
#include "repeatable.h"

#define OPTIONS                                                                                    \
    (PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |         \
     PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

/* For the exit function only. */
static struct tracee *running;

/* --- the list of threads ---------------------------------------------------------------------- */

static struct thread *find_thread(const struct tracee *tracee, pid_t tid)
{
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (tracee->threads[i]->tid == tid)
            return tracee->threads[i];
    return NULL;
}

struct thread *tracee_add_thread(struct tracee *tracee, pid_t tid)
{
    struct thread *thread = memory_new(sizeof *thread);
    thread->tid = tid;
    tracee->threads = memory_resize(tracee->threads, tracee->num_threads + 1, sizeof thread);
    tracee->threads[tracee->num_threads++] = thread;
    return thread;
}

void tracee_remove_thread(struct tracee *tracee, pid_t tid)
{
    for (size_t i = 0; i < tracee->num_threads; i++) {
        if (tracee->threads[i]->tid != tid)
            continue;
        free(tracee->threads[i]);
        tracee->num_threads--;
        memmove(&tracee->threads[i], &tracee->threads[i + 1],
                (tracee->num_threads - i) * sizeof *tracee->threads);
        return;
    }
}

bool tracee_is_own_thread(const struct tracee *tracee, pid_t tid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d", tracee->pid, tid);
    return access(path, F_OK) == 0;
}

/* --- resuming --------------------------------------------------------------------------------- */

/* ESRCH is no error: a thread can be killed while it is stopped. */
static void resume(struct thread *thread)
{
    int signal = thread->signal;
    thread->stopped = false;
    thread->signal = 0;
    if (thread->group_stopped)
        ptrace(PTRACE_LISTEN, thread->tid, 0, 0);
    else
        ptrace(PTRACE_CONT, thread->tid, 0, signal);
    thread->group_stopped = false;
}

void tracee_resume_all(struct tracee *tracee)
{
    tracee->stopping = false;
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (tracee->threads[i]->stopped)
            resume(tracee->threads[i]);
}

/* --- forked children -------------------------------------------------------------------------- */

static bool is_child(const struct tracee *tracee, pid_t pid)
{
    for (size_t i = 0; i < tracee->num_children; i++)
        if (tracee->children[i] == pid)
            return true;
    return false;
}

static void remove_child(struct tracee *tracee, pid_t pid)
{
    for (size_t i = 0; i < tracee->num_children; i++)
        if (tracee->children[i] == pid)
            tracee->children[i] = tracee->children[--tracee->num_children];
}

/* A new process at its first stop. One with a copy of the memory loses the breakpoint and is let
 * go. One that shares the memory (vfork, posix_spawn) would die of the breakpoint without us, so it
 * is kept until it executes something else. If the kernel does not tell (no CONFIG_KCMP), keeping
 * is safe for both. */
static void meet_child(struct tracee *tracee, pid_t pid)
{
    if (syscall(SYS_kcmp, tracee->pid, pid, KCMP_VM, 0, 0) > 0) {
        breakpoint_remove_from_child(tracee, pid);
        ptrace(PTRACE_DETACH, pid, 0, 0);
        return;
    }
    tracee->children =
        memory_resize(tracee->children, tracee->num_children + 1, sizeof *tracee->children);
    tracee->children[tracee->num_children++] = pid;
    ptrace(PTRACE_CONT, pid, 0, 0);
}

static void handle_child(struct tracee *tracee, pid_t pid, int status)
{
    if (!WIFSTOPPED(status)) {
        remove_child(tracee, pid);
        return;
    }
    int event = status >> 16;
    int signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_EXEC) {
        remove_child(tracee, pid);
        ptrace(PTRACE_DETACH, pid, 0, 0);
        return;
    }
    if (!event && signal == SIGTRAP && breakpoint_take_hit(tracee, pid)) {
        /* Not counted: it is not one of the program's threads. */
        breakpoint_step_child(tracee, pid);
        signal = 0;
    }
    bool group_stop = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
    ptrace(group_stop ? PTRACE_LISTEN : PTRACE_CONT, pid, 0, event ? 0 : signal);
}

void tracee_handle_child(struct tracee *tracee, pid_t pid, int status)
{
    if (is_child(tracee, pid))
        handle_child(tracee, pid, status);
    else if (WIFSTOPPED(status))
        meet_child(tracee, pid);
}

/* --- events ----------------------------------------------------------------------------------- */

void tracee_open_memory(struct tracee *tracee)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", tracee->pid);
    if (tracee->memory >= 0)
        close(tracee->memory);
    tracee->memory = open(path, O_RDONLY | O_CLOEXEC);
    if (tracee->memory < 0)
        fail("%s: the program's memory cannot be read: %s", path, strerror(errno));
}

/* After exec there is one thread, with the id of the initial one, and none of the old memory. */
static enum event handle_exec(struct tracee *tracee)
{
    while (tracee->num_threads > 0)
        free(tracee->threads[--tracee->num_threads]);
    tracee_add_thread(tracee, tracee->pid)->stopped = true;
    tracee->breakpoint = (struct breakpoint){0};
    tracee->stopping = false;
    tracee_open_memory(tracee);
    return EVENT_EXEC;
}

static void handle_clone(struct tracee *tracee, struct thread *thread)
{
    unsigned long tid = 0;
    if (ptrace(PTRACE_GETEVENTMSG, thread->tid, 0, &tid) == 0 &&
        tracee_is_own_thread(tracee, (pid_t)tid) && !find_thread(tracee, (pid_t)tid))
        tracee_add_thread(tracee, (pid_t)tid); /* its first stop is still to come */
    /* Even when stopping: the thread is inside the call, whose result is not there yet. The
     * interrupt stays pending and stops it behind the call. */
    resume(thread);
}

/* Wait statuses of processes that are not known: the first stop of a thread or child can come
 * before the clone event of its parent. */
static struct thread *meet(struct tracee *tracee, pid_t tid, int status)
{
    if (!WIFSTOPPED(status))
        return NULL;
    if (tracee_is_own_thread(tracee, tid))
        return tracee_add_thread(tracee, tid);
    meet_child(tracee, tid);
    return NULL;
}

static enum event handle_stop(struct tracee *tracee, struct thread *thread, int status)
{
    int signal = WSTOPSIG(status);
    thread->stopped = true;
    thread->signal = 0;
    thread->group_stopped = false;
    switch (status >> 16) {
    case PTRACE_EVENT_EXEC:
        return handle_exec(tracee);
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
        handle_clone(tracee, thread);
        return EVENT_NONE;
    case PTRACE_EVENT_EXIT:
        thread->exiting = true;
        resume(thread);
        return EVENT_NONE;
    case PTRACE_EVENT_STOP:
        thread->group_stopped = signal != SIGTRAP;
        break;
    default:
        if (signal == (SIGTRAP | 0x80))
            break;
        if (signal == SIGTRAP && breakpoint_take_hit(tracee, thread->tid))
            return EVENT_BREAKPOINT;
        if (signal == SIGTRAP && counter_take_overflow(thread->tid))
            return EVENT_COUNTER;
        if (signal == SIGSEGV && repeatable_take_rdtsc(tracee, thread->tid))
            break;
        thread->signal = signal;
    }
    if (!tracee->stopping)
        resume(thread);
    return EVENT_NONE;
}

static enum event handle(struct tracee *tracee, pid_t tid, int status, struct thread **thread)
{
    if (is_child(tracee, tid)) {
        handle_child(tracee, tid, status);
        return EVENT_NONE;
    }
    *thread = find_thread(tracee, tid);
    if (!*thread)
        *thread = meet(tracee, tid, status);
    if (!*thread)
        return EVENT_NONE;
    if (WIFSTOPPED(status))
        return handle_stop(tracee, *thread, status);
    tracee_remove_thread(tracee, tid);
    if (tid != tracee->pid)
        return EVENT_NONE;
    /* The initial thread is reported last of all. */
    tracee->status = status;
    message_kill_on_signal(0);
    running = NULL;
    return EVENT_ENDED;
}

pid_t tracee_wait_status(pid_t tid, int *status)
{
    for (;;) {
        message_check_signal();
        pid_t result = waitpid(tid, status, __WALL);
        if (result >= 0)
            return result;
        if (errno != EINTR)
            return 0;
    }
}

enum event tracee_wait(struct tracee *tracee, struct thread **thread)
{
    for (;;) {
        int status;
        pid_t tid = tracee_wait_status(-1, &status);
        if (tid == 0)
            fail("the program is gone: %s", strerror(errno));
        enum event event = handle(tracee, tid, status, thread);
        if (event == EVENT_ENDED)
            message_check_signal(); /* it was killed because of the signal */
        if (event != EVENT_NONE)
            return event;
    }
}

/* --- stopping --------------------------------------------------------------------------------- */

/* A few system calls return EINTR to the program when they are stopped, though no signal came
 * (signal(7), "Interruption of system calls ... by stop signals"). Such a call has done nothing and
 * can be executed anew. */
static bool is_cut_short_by_stops(uint64_t number)
{
    static const int numbers[] = {
        SYS_epoll_wait,    SYS_epoll_pwait,  SYS_semop,
        SYS_semtimedop,    SYS_io_getevents, SYS_rt_sigtimedwait,
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
#ifdef SYS_io_pgetevents
        SYS_io_pgetevents,
#endif
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (number == (uint64_t)numbers[i])
            return true;
    return false;
}

/* Results inside the kernel that programs never see, only tracers (include/linux/errno.h). */
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_BLOCK = 516 };

bool tracee_restart_call(const struct thread *thread, struct user_regs_struct *registers)
{
    if ((int64_t)registers->orig_rax < 0)
        return false; /* not inside a system call */
    switch (-(int64_t)registers->rax) {
    case ERESTARTSYS:
    case ERESTARTNOINTR:
    case ERESTARTNOHAND:
    case ERESTART_BLOCK:
        break;
    case EINTR:
        if (!thread->signal && is_cut_short_by_stops(registers->orig_rax))
            break;
        return false;
    default:
        return false;
    }
    registers->rip -= 2; /* syscall, sysenter and int $0x80 are all two bytes */
    registers->rax = registers->orig_rax;
    if (registers->rax == SYS_restart_syscall && thread->call)
        registers->rax = thread->call;
    registers->orig_rax = UINT64_MAX; /* else the kernel would restart it once more */
    return true;
}

uint64_t tracee_guess_call(const uint8_t code[TRACEE_CALL_CODE])
{
    /* The calls that return -ERESTART_BLOCK and so go on as restart_syscall. */
    static const uint32_t numbers[] = {SYS_poll, SYS_nanosleep, SYS_futex, SYS_clock_nanosleep};
    if (code[TRACEE_CALL_CODE - 2] != 0x0f || code[TRACEE_CALL_CODE - 1] != 0x05)
        return 0;
    for (size_t at = TRACEE_CALL_CODE - 2 - 5 + 1; at-- > 0;) {
        uint32_t number;
        memcpy(&number, code + at + 1, sizeof number);
        for (size_t i = 0; code[at] == 0xb8 && i < sizeof numbers / sizeof *numbers; i++)
            if (number == numbers[i]) /* mov $number,%eax */
                return number;
    }
    return 0;
}

/* A thread that was stopped for a moment goes on as if it had not been: EINTR that only the stop
 * caused is taken back; other results are restarted by the kernel itself. A sleep it restarts as
 * restart_syscall, which means nothing in another process: the real number is kept. */
static void hide_stop(struct thread *thread)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0)
        return;
    if ((int64_t)registers.rax == -ERESTART_BLOCK && registers.orig_rax != SYS_restart_syscall)
        thread->call = registers.orig_rax;
    if ((int64_t)registers.rax == -EINTR && tracee_restart_call(thread, &registers))
        ptrace(PTRACE_SETREGS, thread->tid, 0, &registers);
}

/* The initial thread that has exited stays in the list, without stops, until the program ends. */
static bool all_stopped(const struct tracee *tracee)
{
    for (size_t i = 0; i < tracee->num_threads; i++) {
        const struct thread *thread = tracee->threads[i];
        if (!thread->stopped && !(thread->exiting && thread->tid == tracee->pid))
            return false;
    }
    return true;
}

enum event tracee_stop_all(struct tracee *tracee)
{
    tracee->stopping = true;
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (!tracee->threads[i]->stopped)
            ptrace(PTRACE_INTERRUPT, tracee->threads[i]->tid, 0, 0);
    while (!all_stopped(tracee)) {
        struct thread *thread;
        int status;
        pid_t tid = tracee_wait_status(-1, &status);
        if (tid == 0)
            fail("the program is gone: %s", strerror(errno));
        enum event event = handle(tracee, tid, status, &thread);
        if (event == EVENT_EXEC || event == EVENT_ENDED)
            return event;
        if (event == EVENT_NONE && (thread = find_thread(tracee, tid)) && thread->stopped)
            hide_stop(thread);
    }
    return EVENT_NONE;
}

void tracee_check_stopped(const struct tracee *tracee)
{
    for (size_t i = 0; i < tracee->num_threads; i++) {
        siginfo_t info = {0};
        int result = waitid(P_PID, (id_t)tracee->threads[i]->tid, &info,
                            WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL);
        if (result != 0 || info.si_pid != 0)
            fail("the program was killed while it was recorded");
    }
}

/* --- start, registers, memory, end ------------------------------------------------------------ */

static void kill_running(void)
{
    if (running)
        tracee_kill(running);
}

void tracee_start(struct tracee *tracee, const char *file, char *const arguments[])
{
    *tracee = (struct tracee){.memory = -1};
    tracee->pid = launch(file, arguments, OPTIONS);
    tracee_add_thread(tracee, tracee->pid);
    running = tracee;
    atexit(kill_running);
    struct thread *thread;
    if (tracee_wait(tracee, &thread) != EVENT_EXEC)
        launch_failed(file);
}

void tracee_get_registers(const struct thread *thread, struct user_regs_struct *registers)
{
    if (ptrace(PTRACE_GETREGS, thread->tid, 0, registers) != 0)
        fail("the registers of thread %d cannot be read: %s", thread->tid, strerror(errno));
}

/* process_vm_readv copies once, /proc/PID/mem twice (1 GiB: 0.3 s less). It does not read what the
 * program itself may not. */
static size_t read_plain(const struct tracee *tracee, uint64_t address, void *buffer, size_t size)
{
    struct iovec here = {.iov_base = buffer, .iov_len = size};
    struct iovec there = {.iov_base = (void *)address, .iov_len = size};
    ssize_t done = process_vm_readv(tracee->pid, &here, 1, &there, 1, 0);
    return done > 0 ? (size_t)done : 0;
}

size_t tracee_read(const struct tracee *tracee, uint64_t address, void *buffer, size_t size)
{
    if (address > INT64_MAX || size > INT64_MAX - address)
        return 0; /* no user address, and no file offset */
    size_t done = size >= 1 << 16 ? read_plain(tracee, address, buffer, size) : 0;
    while (done < size) {
        ssize_t piece =
            pread(tracee->memory, (char *)buffer + done, size - done, (off_t)(address + done));
        if (piece < 0 && errno == EINTR)
            continue;
        if (piece <= 0)
            break;
        done += (size_t)piece;
    }
    return done;
}

void tracee_kill(struct tracee *tracee)
{
    running = NULL;
    kill(tracee->pid, SIGKILL);
    /* A signal does not get a thread out of its last stop (PTRACE_EVENT_EXIT). */
    for (size_t i = 0; i < tracee->num_threads; i++)
        ptrace(PTRACE_DETACH, tracee->threads[i]->tid, 0, 0);
    for (;;) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0 && errno == EINTR)
            continue;
        if (tid < 0 || (tid == tracee->pid && !WIFSTOPPED(status)))
            break;
        if (!WIFSTOPPED(status))
            continue;
        /* A dying thread can stop once more, for PTRACE_EVENT_EXIT; a child that was forked just
         * now shall live on. */
        if (!find_thread(tracee, tid))
            breakpoint_remove_from_child(tracee, tid);
        ptrace(PTRACE_DETACH, tid, 0, 0);
    }
    message_kill_on_signal(0);
}
