/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers of the stopped threads, and the table that gives each register its number. */
#ifndef REGS_H
#define REGS_H

#include <stdint.h>
#include <sys/user.h>

#include "tracee.h"
#include "xstate.h"

#define REG_MAX_BYTES 1024 /* a TMM register */

struct thread_regs {
    pid_t tid;
    struct user_regs_struct general;
    struct xstate extended;
};

/* Where a register's value comes from. */
enum reg_source {
    REG_PART, /* part of one that is listed: al, ax, eax */
    REG_GENERAL,
    REG_X87,
    REG_MXCSR,
    REG_XCR0,
    REG_XMM,
    REG_YMM,
    REG_ZMM,
    REG_OPMASK,
    REG_TILECFG,
    REG_TMM
};

struct reg {
    char name[12];
    unsigned size; /* bytes */
    bool listed;   /* has a value in .reg; the others are part of one that has */
    enum reg_source source;
    size_t where; /* REG_GENERAL, REG_X87: offset; vectors: which one */
};

/* The index of a register is its number in the pinball. */
struct reg_table {
    struct reg *list;
    unsigned count;
    unsigned num_listed;
};

/* The registers of a stopped THREAD as they have to be for it to go on from here. */
struct thread_regs regs_read(const struct thread *thread);

/* The registers of a thread of a core dump, likewise. */
struct core;
struct core_thread;
struct thread_regs regs_of_core(const struct core *core, const struct core_thread *thread);

/* The table for these threads: as wide as the widest vector register in use in any of them. */
struct reg_table regs_table(const struct thread_regs *threads, size_t count);

/* False if a thread uses vector registers that are wider than those in TABLE. */
bool regs_fit(const struct reg_table *table, const struct thread_regs *thread);

/* The id of thread TID as the program itself sees it, in its PID namespace. */
pid_t regs_inner_tid(pid_t tid);

/* The value of a listed register: reg->size bytes, least significant first. */
void regs_value(const struct thread_regs *thread, const struct reg *reg,
                uint8_t value[REG_MAX_BYTES]);

#endif
