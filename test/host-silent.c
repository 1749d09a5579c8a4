/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host-silent COMMAND [ARGUMENT...]: runs the command under a filter that answers calls as gem5
 * does (test/host/gem5.host): what sets up signal handlers, and prctl, give 0 and do nothing;
 * seccomp and rt_sigreturn end the process. Other than with elfie-host, a tracer may look on: the
 * command may be icount. Ends with 125 where the filter cannot be had.
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
    fprintf(stderr, "host-silent: %s: %s\n", what, strerror(errno));
    return CANNOT;
}

#define IGNORE(call)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                             \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0)
#define STOP(call)                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),                                             \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        IGNORE(SYS_rt_sigaction),
        IGNORE(SYS_rt_sigprocmask),
        IGNORE(SYS_sigaltstack),
        IGNORE(SYS_prctl),
        STOP(SYS_rt_sigreturn),
        STOP(SYS_seccomp),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof code / sizeof code[0], .filter = code};

    if (argc < 2) {
        fprintf(stderr, "usage: host-silent COMMAND [ARGUMENT...]\n");
        return CANNOT;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail("PR_SET_NO_NEW_PRIVS");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0)
        return fail("seccomp");
    if (prctl(-1, 0, 0, 0, 0) != 0) {
        fprintf(stderr, "host-silent: the filter does not filter\n");
        return CANNOT;
    }
    execvp(argv[1], argv + 1);
    return fail(argv[1]);
}
