/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what the kernel tells of a program or process in /proc and by stat, gives one line that
 * says why it cannot be recorded. */
#include "permission.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"
#include "process.h"
#include "symbols.h"

#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

/* Root traces what it likes, and the kernel then gives a program its rights. */
static bool may_trace_all(void)
{
    return geteuid() == 0;
}

void permission_check_program(const char *path)
{
    struct stat status;
    char capabilities[64];
    if (may_trace_all() || stat(path, &status) != 0)
        return;
    /* Group execution missing: the bit means mandatory locking (inode(7)). */
    bool setgid = (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    bool changes_user = (status.st_mode & S_ISUID) && status.st_uid != geteuid();
    bool changes_group = setgid && status.st_gid != getegid();
    bool gains = getxattr(path, "security.capability", capabilities, sizeof capabilities) > 0;
    if (changes_user || changes_group || gains)
        fail("%s: a %s program: the kernel takes these rights away from a program that is traced; "
             "record it as root, or a copy of it without them",
             path,
             changes_user    ? "setuid"
             : changes_group ? "setgid"
                             : "privileged (file capabilities)");
}

void permission_check_process(pid_t pid)
{
    char path[64], target[16];
    if (pid == getpid())
        fail("process %d is the recorder itself", pid);
    if (kill(pid, 0) != 0 && errno == ESRCH)
        fail("there is no process %d", pid);
    long leader = process_status(pid, "Tgid");
    if (leader > 0 && leader != pid)
        fail("%d is a thread of process %ld, not a process: use --pid=%ld", pid, leader, leader);
    if (process_state(pid) == 'Z')
        fail("%s %d has exited already: it cannot be recorded",
             process_status(pid, "Threads") > 1 ? "the initial thread of process" : "process", pid);
    long tracer = process_status(pid, "TracerPid");
    if (tracer > 0)
        fail("process %d is traced already, by process %ld (a debugger, strace?): only one can "
             "trace it",
             pid, tracer);
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (readlink(path, target, sizeof target) < 0) {
        if (errno == ENOENT)
            fail("process %d is a thread of the kernel: it has no program", pid);
        permission_refused(pid, errno);
    }
    if (!module_is_x86_64(path))
        fail("process %d does not run a 64-bit x86 program: only those can be recorded", pid);
}

/* What /proc/sys/kernel/yama/ptrace_scope says, or NULL without that file. */
static const char *explain_yama(bool attaching)
{
    FILE *file = fopen(YAMA, "re");
    int scope = file ? fgetc(file) : EOF;
    if (file)
        fclose(file);
    switch (scope) {
    case '0':
        return YAMA " is 0, which allows it: so it is another security module or a container";
    case '1':
        return attaching ? YAMA " is 1: only a parent may trace; as root, write 0 into it or record"
                         : YAMA " is 1, which allows it: so it is a security module or container";
    case '2':
        return YAMA " is 2: only root may trace; record as root";
    case '3':
        return YAMA " is 3: nobody may trace until the next boot";
    default:
        return NULL;
    }
}

_Noreturn void permission_refused(pid_t pid, int error)
{
    char path[64];
    struct stat status;
    char *what =
        pid ? memory_format("process %d", pid) : memory_format("a process that is started here");
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    if (pid && error == ESRCH)
        fail("%s has ended", what);
    long user = pid ? process_status(pid, "Uid") : -1;
    if (user >= 0 && !may_trace_all() && (uid_t)user != geteuid())
        fail("%s cannot be traced: %s: it belongs to user %ld; record as that user or as root "
             "(%s is a further condition)",
             what, strerror(error), user, YAMA);
    /* The owner of files in /proc/PID is root when the kernel protects the process ("dumpable",
     * prctl(2)).
     */
    if (pid && !may_trace_all() && stat(path, &status) == 0 && status.st_uid != (uid_t)user)
        fail("%s cannot be traced: %s: it is a setuid program, or one that protects itself; record "
             "as root (%s is a further condition)",
             what, strerror(error), YAMA);
    const char *yama = explain_yama(pid != 0);
    fail("%s cannot be traced: %s: %s", what, strerror(error),
         yama ? yama
              : "forbidden by a container or security module (" YAMA
                " is not there), or by the recorder being traced itself");
}
