/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Crashes: "registers" with a value of its own in each register, "thread" in a thread while seven
 * others wait or compute, "abort" by abort().
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile uint64_t shared;

static void crash_with_registers(void)
{
    static const double numbers[4] = {1.5, -2.25, 3.125, 1e300};
    __asm__ volatile("movupd (%0), %%xmm0\n\t"
                     "movupd 16(%0), %%xmm15\n\t"
                     "fldpi\n\t"
                     "mov $0x1122334455667788, %%rax\n\t"
                     "mov $0x99, %%ebx\n\t"
                     "mov %%rax, %%rcx\n\t"
                     "not %%rcx\n\t"
                     "mov $0xd, %%edx\n\t"
                     "mov $0x51, %%esi\n\t"
                     "mov $0x8080808080, %%r8\n\t"
                     "mov $-1, %%r9\n\t"
                     "mov $0xa0a0, %%r10d\n\t"
                     "mov $0xb0b0b0b0, %%r11d\n\t"
                     "mov %%rsp, %%r12\n\t"
                     "mov $13, %%r13d\n\t"
                     "mov $14, %%r14d\n\t"
                     "mov $15, %%r15d\n\t"
                     "mov $0xd1, %%edi\n\t"
                     "stc\n\t"
                     "mov %%eax, 0x10(%%rdx)\n\t"
                     :
                     : "r"(numbers)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
                       "r13", "r14", "r15", "xmm0", "xmm15", "memory");
}

static void *wait_or_compute(void *argument)
{
    intptr_t self = (intptr_t)argument;
    if (self == 5) {
        usleep(200000);
        crash_with_registers();
    }
    if (self % 2)
        pause();
    for (;;)
        shared++;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "registers";
    char *heap = malloc(100000);
    memset(heap, 'h', 100000);
    puts("about to crash");
    fflush(stdout);
    if (strcmp(mode, "abort") == 0)
        abort();
    if (strcmp(mode, "thread") == 0) {
        for (intptr_t i = 0; i < 7; i++) {
            pthread_t thread;
            pthread_create(&thread, NULL, wait_or_compute, (void *)i);
        }
        pause();
    }
    crash_with_registers();
    return heap[99];
}
