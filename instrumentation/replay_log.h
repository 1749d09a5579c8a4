/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of a pinball as an ELFie carries them: gen/replay*.c packs them into replay.bin, the
 * linker script places them in .elfie.replay, instrumentation/replay*.c reads them. Four streams
 * for each thread, each in the order of the instructions; instructions are counted from 1 at the
 * start of the region, and a number is that of the instruction itself. All fields are little-endian
 * and a multiple of 8 bytes, so that each stream can be read where it lies. */
#ifndef ELFIE_REPLAY_LOG_H
#define ELFIE_REPLAY_LOG_H

#include <stdint.h>

/* The thread stops before instruction ICOUNT, so that others can be ordered: that is when ADDRESS
 * is reached for the OCCURRENCE-th time since the stop before, or since the record before,
 * whichever is later. Where the region begins, its first instruction counts; behind a stop the
 * instruction at which it was does not. */
struct replay_stop {
    uint64_t icount;
    uint64_t rip; /* 0: not known, there is no schedule */
    uint64_t occurrence;
};

/* A system call instruction that ran, and what stands beside it. */
struct replay_site {
    uint64_t address;
    uint64_t form; /* enum replay_site_form */
};
enum replay_site_form {
    SITE_ALONE,
    SITE_HAS_MOV, /* mov $NUMBER, %eax before it, 5 bytes */
    SITE_HAS_CMP, /* cmp $ERROR, %rax behind it, 6 bytes */
};

/* What is known of a thread's last instruction in the region. A call that has not come back has no
 * record. */
enum replay_last { LAST_UNKNOWN, LAST_IS_CALL, LAST_IS_NO_CALL };

enum replay_kind {
    REPLAY_CALL = 0,
    REPLAY_RDTSC = 1, /* also RDTSCP */
    REPLAY_CPUID = 2, /* 0f a2 */
    REPLAY_OTHER = 3, /* three bytes: RDRAND, RDSEED, RDPID (0f c7 and a register), XGETBV */
};

/* A CPUID or one of REPLAY_OTHER that ran. */
struct replay_instruction {
    uint64_t address; /* of the opcode, behind prefixes */
    uint64_t kind;    /* enum replay_kind */
};
static inline uint64_t replay_opcode_length(uint64_t kind)
{
    return kind == REPLAY_CPUID ? 2 : 3;
}

/* BASE.T.reg: what a system call or another instruction left in the registers. */
struct replay_record {
    uint64_t icount;
    uint64_t rip; /* behind the instruction */
    uint64_t rax; /* not for REPLAY_OTHER */
    uint32_t kind;
    uint32_t registers; /* others that were set: a bit for each, see below. For REPLAY_OTHER also
                         * rax, where that was */
    uint64_t first;     /* of their values, among those of the thread */
};

/* Bits of replay_record.registers, in the order in which the values stand. */
enum replay_register {
    REPLAY_R15,
    REPLAY_R14,
    REPLAY_R13,
    REPLAY_R12,
    REPLAY_R11,
    REPLAY_R10,
    REPLAY_R9,
    REPLAY_R8,
    REPLAY_RDI,
    REPLAY_RSI,
    REPLAY_RBP,
    REPLAY_RBX,
    REPLAY_RDX,
    REPLAY_RCX,
    REPLAY_RAX,
    REPLAY_RSP,
    REPLAY_RIP,
    REPLAY_RFLAGS,
    REPLAY_FS_BASE,
    REPLAY_GS_BASE,
    NUM_REPLAY_REGISTERS
};

/* BASE.T.sel: memory that has to be in place before instruction ICOUNT runs. The bytes follow,
 * filled up to a multiple of 8. */
struct replay_write {
    uint64_t icount;
    uint64_t address;
    uint64_t size;
};

/* BASE.T.race: instruction ICOUNT runs when THREAD has completed its instruction OTHER. */
struct replay_order {
    uint64_t icount;
    uint64_t thread;
    uint64_t other;
};

#endif
