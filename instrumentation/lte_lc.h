/* SPDX-License-Identifier: BSD-3-Clause */
/* What a callback may call: system calls, memory, strings, printing to a descriptor. Callbacks run
 * in an ELFie, which has no libc; take types and constants from libc's headers, but no functions.
 *
 * Names and meanings are those that callback sources for ELFies have always used. Wrappers of
 * system calls return -1 on error, whatever the error is; lte_syscall gives -errno. Nothing here
 * touches errno, locks, or memory that it was not given, so all of it may be called in signal
 * handlers, except where it says otherwise. */
#ifndef LTE_LC_H
#define LTE_LC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

/* System call NR (asm/unistd.h) with six arguments; its result, or -errno. */
int64_t lte_syscall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                    uint64_t a5);

/* getpid(2), gettid(2). */
pid_t lte_getpid(void);
pid_t lte_gettid(void);

/* open(2), close(2), read(2), write(2), fsync(2), fcntl(2), ioctl(2). Descriptors that a callback
 * opens are the program's as well: close them before the region starts, or move them to high
 * numbers with F_DUPFD, or the region's own get others than recorded. */
int lte_open(const char *path, int flags, mode_t mode);
int lte_close(int fd);
ssize_t lte_read(int fd, void *buffer, size_t size);
ssize_t lte_write(int fd, const void *buffer, size_t size);
int lte_fsync(int fd);
int lte_fcntl(int fd, int command, ...);
int lte_ioctl(int fd, unsigned long request, ...);

/* Ends the calling thread, or the process. lte_exit_group first calls the functions that lte_atexit
 * has registered, the last one first; so does the end of an ELFie with a monitor. lte_atexit
 * returns 0, or -1 where there are 32 already. */
_Noreturn void lte_exit(int status);
_Noreturn void lte_exit_group(int status);
int lte_atexit(void (*function)(void));

/* perf_event_open(2). */
int lte_perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
                        unsigned long flags);

/* A set of signals: laid out like libc's sigset_t. */
typedef struct {
    uint64_t words[16];
} lte_sigset_t;
int lte_sigemptyset(lte_sigset_t *set);
int lte_sigfillset(lte_sigset_t *set);
int lte_sigaddset(lte_sigset_t *set, int signum);
int lte_sigdelset(lte_sigset_t *set, int signum);
int lte_sigismember(const lte_sigset_t *set, int signum); /* 0, 1, or -1 for no such signal */

/* sigaction(2), with libc's struct; sigaltstack(2). */
int lte_sigaction(int signum, const struct sigaction *action, struct sigaction *old);
int lte_sigaltstack(const stack_t *stack, stack_t *old);

/* mmap(2), which gives MAP_FAILED on error; munmap(2). lte_alloc gives SIZE zero bytes in pages of
 * their own, aligned to 16, or NULL; lte_free takes them back (NULL: nothing). The place is the
 * kernel's choice, as for a mapping of the program. */
void *lte_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int lte_munmap(void *address, size_t length);
void *lte_alloc(size_t size);
void lte_free(void *memory);

/* waitid(2), wait4(2), waitpid(2). */
int lte_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
pid_t lte_wait4(pid_t pid, int *status, int options, void *usage);
pid_t lte_waitpid(pid_t pid, int *status, int options);

void *lte_memset(void *to, int byte, size_t size);
void *lte_memcpy(void *to, const void *from, size_t size);
int lte_strcmp(const char *a, const char *b); /* <0, 0, >0 as strcmp */

/* Size of the array that holds S: its characters AND the NUL. Callback sources write
 * lte_strlen(s)-1 bytes. */
size_t lte_strlen(const char *s);

/* Printing to descriptor FD. Numbers have no prefix; radix is from 2 to 16; the e forms write
 * character C behind the number, in one write. All return the number of bytes written, or -1. */
ssize_t lte_puts(int fd, const char *s);
ssize_t lte_putc(int fd, char c);
ssize_t lte_diprintf(int fd, uint64_t value); /* decimal */
ssize_t lte_xiprintf(int fd, uint64_t value); /* hexadecimal */
ssize_t lte_iprintf(int fd, uint64_t value, unsigned radix);
ssize_t lte_diprintfe(int fd, uint64_t value, char c);
ssize_t lte_xiprintfe(int fd, uint64_t value, char c);
ssize_t lte_iprintfe(int fd, uint64_t value, unsigned radix, char c);

#ifdef __cplusplus
}
#endif

#endif
