/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host-seccomp COMMAND [ARGUMENT...]: runs the command under a filter that forbids perf_event_open
 * and prctl (EPERM), as containers do. Ends with 125 where the filter cannot be had.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CANNOT = 125 };

static int fail(const char *what)
{
    fprintf(stderr, "host-seccomp: %s: %s\n", what, strerror(errno));
    return CANNOT;
}

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof code / sizeof code[0], .filter = code};

    if (argc < 2) {
        fprintf(stderr, "usage: host-seccomp COMMAND [ARGUMENT...]\n");
        return CANNOT;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail("PR_SET_NO_NEW_PRIVS");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        return fail("seccomp");
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != -1 || errno != EPERM) {
        fprintf(stderr, "host-seccomp: the filter does not filter\n");
        return CANNOT;
    }
    execvp(argv[1], argv + 1);
    return fail(argv[1]);
}
