/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls of the startup: x86-64 Linux, result or -errno. */
#ifndef ELFIE_SYSCALL_H
#define ELFIE_SYSCALL_H

#include <asm/unistd.h>

static inline long elfie_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Missing arguments are 0. Pointers and unsigned numbers are passed as they are. */
#define SYSCALL_ARGS(number, a, b, c, d, e, f, ...)                                                \
    elfie_syscall6((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define elfie_syscall(number, ...) SYSCALL_ARGS((number), ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

#endif
