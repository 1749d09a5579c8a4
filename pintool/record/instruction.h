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
    INSTRUCTION_RANDOM, /* rdrand, rdseed, rdpid: another result each time */
    INSTRUCTION_PUSHF,  /* shows the tracer's trap flag to the program */
    INSTRUCTION_INT3
};

/* Classifies the instruction that begins with the SIZE bytes of CODE (foreign). */
enum instruction instruction_classify(const uint8_t *code, size_t size);

#endif
