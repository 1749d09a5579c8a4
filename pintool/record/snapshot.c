/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a program stopped at its start point, gives threads, mappings and modules. */
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"

/* A thread that was created with CLONE_UNTRACED is not stopped, and cannot be. */
static void check_all_traced(const struct tracee *tracee)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", tracee->pid);
    DIR *directory = opendir(path);
    if (!directory)
        fail("%s: cannot be read: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        bool known = entry->d_name[0] == '.';
        for (size_t i = 0; i < tracee->num_threads && !known; i++)
            known = tracee->threads[i]->tid == atoi(entry->d_name);
        if (!known)
            fail("thread %s of the program cannot be traced (created with CLONE_UNTRACED?): a "
                 "pinball without it would be wrong",
                 entry->d_name);
    }
    closedir(directory);
}

/* What a thread has in the kernel and a pinball cannot hold. */
static void report_losses(const struct thread *thread, size_t number)
{
    if (thread->signal)
        warn("thread %zu was about to get signal %d (%s), which is not part of the pinball", number,
             thread->signal, strsignal(thread->signal));
#ifdef PTRACE_GET_RSEQ_CONFIGURATION
    struct __ptrace_rseq_configuration rseq = {0};
    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, thread->tid, sizeof rseq, &rseq) ==
            (long)sizeof rseq &&
        rseq.rseq_abi_pointer)
        warn("thread %zu uses restartable sequences (rseq), which an ELFie cannot register again",
             number);
#endif
}

/* What the recorder has under the same number came from whoever called it. */
static bool is_inherited(const char *number, const char *target)
{
    char path[288], own[512];
    snprintf(path, sizeof path, "/proc/self/fd/%s", number);
    ssize_t length = readlink(path, own, sizeof own - 1);
    if (length < 0)
        return false;
    own[length] = '\0';
    return strcmp(own, target) == 0;
}

/* Descriptors that the ELFie will not have; 0, 1 and 2 are those of whoever runs it. */
static void report_descriptors(pid_t pid)
{
    char path[64], target[512];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    if (!directory)
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        int number = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || number <= 2)
            continue;
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        if (is_inherited(entry->d_name, target))
            continue;
        warn("descriptor %d (%s) is open at the start: the ELFie will not have it", number, target);
    }
    closedir(directory);
}

struct snapshot snapshot_take(const struct tracee *tracee, char *const arguments[])
{
    struct snapshot snapshot = {.tracee = tracee, .arguments = arguments};
    if (tracee->threads[0]->exiting || tracee->threads[0]->tid != tracee->pid)
        fail("the initial thread has exited before the start was reached: a pinball needs it as "
             "thread 0; choose an earlier start");
    check_all_traced(tracee);
    report_descriptors(tracee->pid);
    snapshot.num_threads = tracee->num_threads;
    snapshot.threads = memory_resize(NULL, snapshot.num_threads, sizeof *snapshot.threads);
    for (size_t i = 0; i < snapshot.num_threads; i++) {
        snapshot.threads[i] = regs_read(tracee->threads[i]);
        report_losses(tracee->threads[i], i);
    }
    snapshot.table = regs_table(snapshot.threads, snapshot.num_threads);
    snapshot.maps = maps_read(tracee->pid);
    snapshot.modules = modules_read(tracee->pid);
    return snapshot;
}
