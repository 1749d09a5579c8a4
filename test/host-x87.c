/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A number of 64 significant bits on the x87 stack, and an MXCSR that flushes to zero, across the
 * start of the region. Emulators that compute with fewer bits, or do not know that mode, lose
 * them. Says what came back; exits with 0 if it is the same, with 1 if not.
 */
#include <stdio.h>
#include <string.h>

void region_start(void);

int main(void)
{
    const long double third = 1.0L / 3;
    long double back = 0;
    const unsigned flush_to_zero = 0x9f80;
    unsigned mxcsr = 0;

    __asm__ volatile("fldt %2\n\t"
                     "ldmxcsr %3\n\t"
                     "call region_start\n\t"
                     "stmxcsr %1\n\t"
                     "fstpt %0\n\t"
                     : "=m"(back), "=m"(mxcsr)
                     : "m"(third), "m"(flush_to_zero)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc", "memory");
    int same = memcmp(&back, &third, 10) == 0 && mxcsr == flush_to_zero;
    printf("mxcsr %04x, %.20Lf: %s\n", mxcsr, back, same ? "unchanged" : "CHANGED");
    return !same;
}
