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

#include "core_file.h"
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
}

/* glibc has the kernel write the number of the CPU into a thread's memory. An ELFie is not
 * registered for that: in the pinball stands that the registration failed (-2,
 * RSEQ_CPU_ID_REGISTRATION_FAILED of glibc's sys/rseq.h), and so glibc asks the kernel. */
static void forget_rseq(struct snapshot *snapshot)
{
#ifdef PTRACE_GET_RSEQ_CONFIGURATION
    static const uint8_t failed[8] = {0,    0,    0,    0,
                                      0xfe, 0xff, 0xff, 0xff}; /* cpu_id_start, cpu_id */
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        struct __ptrace_rseq_configuration rseq = {0};
        if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, snapshot->threads[i].tid, sizeof rseq, &rseq) ==
                (long)sizeof rseq &&
            rseq.rseq_abi_pointer)
            snapshot_patch(snapshot, rseq.rseq_abi_pointer, failed, sizeof failed);
    }
#else
    (void)snapshot;
#endif
}

size_t snapshot_read(const struct snapshot *snapshot, uint64_t address, void *buffer, size_t size)
{
    size_t done = snapshot->core ? core_read(snapshot->core, address, buffer, size)
                                 : tracee_read(snapshot->tracee, address, buffer, size);
    for (size_t i = 0; i < snapshot->num_patches; i++) {
        const struct patch *patch = &snapshot->patches[i];
        uint64_t lo = patch->address > address ? patch->address : address;
        uint64_t hi = patch->address + patch->size;
        hi = hi < address + done ? hi : address + done;
        if (lo < hi)
            memcpy((char *)buffer + (lo - address), patch->bytes + (lo - patch->address), hi - lo);
    }
    return done;
}

void snapshot_patch(struct snapshot *snapshot, uint64_t address, const uint8_t *bytes,
                    uint64_t size)
{
    snapshot->patches =
        memory_resize(snapshot->patches, snapshot->num_patches + 1, sizeof *snapshot->patches);
    snapshot->patches[snapshot->num_patches++] =
        (struct patch){.address = address, .size = size, .bytes = bytes};
}

struct snapshot snapshot_take(const struct tracee *tracee, char *const arguments[])
{
    struct snapshot snapshot = {.tracee = tracee, .arguments = arguments};
    if (tracee->threads[0]->exiting || tracee->threads[0]->tid != tracee->pid)
        fail("the initial thread has exited before the start was reached: a pinball needs it as "
             "thread 0; choose an earlier start");
    check_all_traced(tracee);
    snapshot.num_threads = tracee->num_threads;
    snapshot.threads = memory_resize(NULL, snapshot.num_threads, sizeof *snapshot.threads);
    for (size_t i = 0; i < snapshot.num_threads; i++) {
        snapshot.threads[i] = regs_read(tracee->threads[i]);
        report_losses(tracee->threads[i], i);
    }
    forget_rseq(&snapshot);
    snapshot.table = regs_table(snapshot.threads, snapshot.num_threads);
    snapshot.maps = maps_read(tracee->pid);
    snapshot.modules = modules_read(tracee->pid);
    return snapshot;
}
