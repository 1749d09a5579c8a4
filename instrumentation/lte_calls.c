/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_lc.h: system calls. */
#include "lte_lc.h"
#include "syscall.h"

#include <stdarg.h>

/* libc's convention, in which callback sources ask for errors. */
static long checked(long result)
{
    return result < 0 && result >= -4095 ? -1 : result;
}

#define CALL(...) checked(elfie_syscall(__VA_ARGS__))

int64_t lte_syscall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                    uint64_t a5)
{
    return elfie_syscall((long)nr, a0, a1, a2, a3, a4, a5);
}

pid_t lte_getpid(void)
{
    return (pid_t)CALL(__NR_getpid);
}

pid_t lte_gettid(void)
{
    return (pid_t)CALL(__NR_gettid);
}

int lte_open(const char *path, int flags, mode_t mode)
{
    return (int)CALL(__NR_openat, AT_FDCWD, path, flags, mode);
}

int lte_close(int fd)
{
    return (int)CALL(__NR_close, fd);
}

ssize_t lte_read(int fd, void *buffer, size_t size)
{
    return CALL(__NR_read, fd, buffer, size);
}

ssize_t lte_write(int fd, const void *buffer, size_t size)
{
    return CALL(__NR_write, fd, buffer, size);
}

int lte_fsync(int fd)
{
    return (int)CALL(__NR_fsync, fd);
}

/* One argument, an int or a pointer, travels in a register either way. */
int lte_fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    return (int)CALL(__NR_fcntl, fd, command, argument);
}

int lte_ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    long argument = va_arg(list, long);
    va_end(list);
    return (int)CALL(__NR_ioctl, fd, request, argument);
}

void lte_exit(int status)
{
    for (;;)
        elfie_syscall(__NR_exit, status);
}

int lte_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
                        unsigned long flags)
{
    return (int)CALL(__NR_perf_event_open, attr, pid, cpu, group_fd, flags);
}

void *lte_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return (void *)CALL(__NR_mmap, address, length, protection, flags, fd, offset);
}

int lte_munmap(void *address, size_t length)
{
    return (int)CALL(__NR_munmap, address, length);
}

int lte_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    return (int)CALL(__NR_waitid, type, id, info, options, NULL);
}

pid_t lte_wait4(pid_t pid, int *status, int options, void *usage)
{
    return (pid_t)CALL(__NR_wait4, pid, status, options, usage);
}

pid_t lte_waitpid(pid_t pid, int *status, int options)
{
    return lte_wait4(pid, status, options, NULL);
}
