/* SPDX-License-Identifier: BSD-3-Clause */
/* What the recorder has to know of an instruction before a thread is stepped over it. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_MAX_BYTES 15

enum instruction {
    INSTRUCTION_PLAIN,
    INSTRUCTION_SYSCALL,    /* syscall */
    INSTRUCTION_OTHER_CALL, /* sysenter, int $0x80: calls with the numbers of 32-bit programs */
    INSTRUCTION_REPEATED,   /* a string instruction with a REP prefix */
    INSTRUCTION_RDTSC,
    INSTRUCTION_RDTSCP,
    INSTRUCTION_CPUID,  /* another result on another processor, or core */
    INSTRUCTION_RANDOM, /* rdrand, rdseed: another result each time, and the carry flag */
    INSTRUCTION_RDPID,  /* the number of the core */
    INSTRUCTION_XGETBV, /* which registers the kernel keeps */
    INSTRUCTION_PUSHF,  /* shows the tracer's trap flag to the program */
    INSTRUCTION_INT3
};

/* Classifies the instruction that begins with the SIZE bytes of CODE (foreign). */
enum instruction instruction_classify(const uint8_t *code, size_t size);

/* The general register that an INSTRUCTION_RANDOM or INSTRUCTION_RDPID sets, as instructions number
 * them: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, then r8 to r15. */
unsigned instruction_destination(const uint8_t *code, size_t size);

#endif
