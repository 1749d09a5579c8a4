/* SPDX-License-Identifier: BSD-3-Clause */
/* To be preloaded into elfie-record: a hardware counter of instructions that this machine does not
 * have. perf_event_open for it gives an eventfd; while that is enabled, the recorder's ptrace(CONT)
 * steps and counts, and the overflow is seen some instructions late, as a SIGTRAP of perf's:
 * as many as the file FAKE_SKID says. "none": there is no counter. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRAP_FLAG = 0x100 };

static struct {
    int fd, enabled, stepping, overflowing, in_exec;
    pid_t tid;
    uint64_t value, overflow;
} counter = {.fd = -1};

#define REAL(name, result, ...)                                                                    \
    result (*real)(__VA_ARGS__) = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

long syscall(long number, ...)
{
    REAL(syscall, long, long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    const struct perf_event_attr *attr = (const void *)a[0];
    if (number != SYS_perf_event_open || attr->type != PERF_TYPE_HARDWARE)
        return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    char skid[16] = "";
    FILE *file = fopen(getenv("FAKE_SKID"), "r");
    if (!file || !fgets(skid, sizeof skid, file) || strncmp(skid, "none", 4) == 0) {
        errno = ENOENT;
        return -1;
    }
    fclose(file);
    counter.fd = eventfd(0, EFD_CLOEXEC);
    counter.tid = (pid_t)a[1];
    counter.value = 0;
    counter.overflow = attr->sample_period + strtoull(skid, NULL, 10);
    return counter.fd;
}

int ioctl(int fd, unsigned long request, ...)
{
    REAL(ioctl, int, int, unsigned long, ...);
    va_list list;
    va_start(list, request);
    long argument = va_arg(list, long);
    va_end(list);
    if (fd != counter.fd)
        return real(fd, request, argument);
    counter.enabled = request == PERF_EVENT_IOC_ENABLE;
    return 0;
}

ssize_t read(int fd, void *buffer, size_t size)
{
    REAL(read, ssize_t, int, void *, size_t);
    if (fd != counter.fd || size != sizeof counter.value)
        return real(fd, buffer, size);
    memcpy(buffer, &counter.value, size);
    return (ssize_t)size;
}

long ptrace(enum __ptrace_request request, ...)
{
    REAL(ptrace, long, int, ...);
    va_list list;
    va_start(list, request);
    pid_t tid = va_arg(list, pid_t);
    void *address = va_arg(list, void *), *data = va_arg(list, void *);
    va_end(list);
    int ours = counter.enabled && tid == counter.tid;
    if (ours && request == PTRACE_CONT) {
        struct user_regs_struct r;
        real(PTRACE_GETREGS, tid, NULL, &r);
        counter.in_exec = r.orig_rax == SYS_execve; /* the first step only brings it out of there */
        counter.stepping = 1;
        return real(PTRACE_SINGLESTEP, tid, address, data);
    }
    long result = real(request, tid, address, data);
    if (ours && request == PTRACE_GETSIGINFO && counter.overflowing)
        ((siginfo_t *)data)->si_code = 6; /* TRAP_PERF */
    return result;
}

/* A string instruction is stepped turn by turn and counts once. */
static int is_again(void)
{
    static uint64_t last;
    struct user_regs_struct r;
    ptrace(PTRACE_GETREGS, counter.tid, NULL, &r);
    if (r.rcx == r.rip && r.r11 & TRAP_FLAG) { /* a system call has saved our trap flag */
        r.r11 &= ~(uint64_t)TRAP_FLAG;
        ptrace(PTRACE_SETREGS, counter.tid, NULL, &r);
    }
    uint8_t code = (uint8_t)ptrace(PTRACE_PEEKTEXT, counter.tid, (void *)r.rip, NULL);
    int again = r.rip == last && (code == 0xf2 || code == 0xf3);
    last = r.rip;
    return again;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    REAL(waitpid, pid_t, pid_t, int *, int);
    for (;;) {
        pid_t tid = real(pid, status, options);
        if (tid != counter.tid || !counter.stepping)
            return tid;
        siginfo_t info;
        if (!WIFSTOPPED(*status) || *status >> 16 || WSTOPSIG(*status) != SIGTRAP ||
            ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) || info.si_code == SI_USER) {
            counter.stepping = 0;
            return tid;
        }
        counter.value += !is_again() && !counter.in_exec;
        counter.in_exec = 0;
        if (counter.value == counter.overflow) {
            counter.stepping = 0;
            counter.overflowing = 1;
            return tid;
        }
        ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL);
    }
}
