/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the id of a running process, gives its threads stopped in one instant. */
#include "attach.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "message.h"
#include "permission.h"
#include "process.h"

/* As for a program that is started here, but for PTRACE_O_EXITKILL. */
#define OPTIONS                                                                                    \
    (PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |         \
     PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD)

#define PATIENCE 10 /* seconds until all threads have to be stopped */

/* For the exit function only. */
static struct tracee *attached;

static void detach_at_exit(void)
{
    if (attached)
        attach_end(attached);
}

/* --- seizing ---------------------------------------------------------------------------------- */

static bool is_known(const struct tracee *tracee, pid_t tid)
{
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (tracee->threads[i]->tid == tid)
            return true;
    return false;
}

/* Gives how many threads were new. One that a seized thread creates meanwhile is seized by the
 * kernel, and ptrace refuses it then. */
static size_t seize_new_threads(struct tracee *tracee)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", tracee->pid);
    DIR *directory = opendir(path);
    if (!directory)
        fail("%s: cannot be read: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid <= 0 || is_known(tracee, tid))
            continue;
        if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) == 0) {
            tracee_add_thread(tracee, tid);
            count++;
        } else if (tracee->num_threads == 0) {
            permission_refused(tracee->pid, errno);
        } else if (errno != ESRCH && errno != EPERM) {
            fail("thread %d of process %d cannot be traced: %s", tid, tracee->pid, strerror(errno));
        }
    }
    closedir(directory);
    return count;
}

/* --- stopping --------------------------------------------------------------------------------- */

/* A thread in an uninterruptible wait (a dead network file system, a child of vfork() that has not
 * executed anything yet) would have us wait as long. */
static void wait_for_stop(const struct tracee *tracee, pid_t tid, time_t deadline)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (;;) {
        siginfo_t info = {0};
        struct timespec now;
        message_check_signal();
        if (waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != 0 ||
            info.si_pid != 0)
            return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > deadline)
            fail("thread %d of process %d does not stop: it waits in the kernel (state %c: for a "
                 "disk or a network file system, or for a child that vfork() made)",
                 tid, tracee->pid, process_state(tid));
        nanosleep(&pause, NULL);
    }
}

static void interrupt_all(const struct tracee *tracee)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (size_t i = 0; i < tracee->num_threads; i++)
        ptrace(PTRACE_INTERRUPT, tracee->threads[i]->tid, 0, 0);
    for (size_t i = 0; i < tracee->num_threads; i++)
        wait_for_stop(tracee, tracee->threads[i]->tid, now.tv_sec + PATIENCE);
}

/* A sleep that was interrupted before (by a debugger, by job control) waits as restart_syscall.
 * What it was is in the code before it. */
static void find_restarted_call(const struct tracee *tracee, struct thread *thread)
{
    uint8_t code[TRACEE_CALL_CODE];
    struct user_regs_struct registers;
    if (thread->call || ptrace(PTRACE_GETREGS, thread->tid, 0, &registers) != 0 ||
        registers.orig_rax != SYS_restart_syscall)
        return;
    size_t size = tracee_read(tracee, registers.rip - sizeof code, code, sizeof code);
    thread->call = size == sizeof code ? tracee_guess_call(code) : 0;
    if (!thread->call)
        warn("thread %d sleeps in a system call that is not known any more: in the region it "
             "returns EINTR",
             thread->tid);
}

void attach(struct tracee *tracee, pid_t pid)
{
    *tracee = (struct tracee){.pid = pid, .memory = -1};
    while (seize_new_threads(tracee) > 0)
        ;
    attached = tracee;
    atexit(detach_at_exit);
    tracee_open_memory(tracee);
    interrupt_all(tracee);
    switch (tracee_stop_all(tracee)) {
    case EVENT_NONE:
        break;
    case EVENT_EXEC:
        fail("process %d has just now executed another program; try again", pid);
    default:
        attached = NULL;
        fail("process %d has ended", pid);
    }
    for (size_t i = 0; i < tracee->num_threads; i++)
        find_restarted_call(tracee, tracee->threads[i]);
}

void attach_end(struct tracee *tracee)
{
    attached = NULL;
    /* Those that are not stopped are let go by the kernel when the recorder ends. */
    for (size_t i = 0; i < tracee->num_threads; i++)
        if (tracee->threads[i]->stopped)
            ptrace(PTRACE_DETACH, tracee->threads[i]->tid, 0, tracee->threads[i]->signal);
}
