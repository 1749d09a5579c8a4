/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of one thread of a region: BASE.T.reg, BASE.T.sel and BASE.T.race. Instructions are
 * counted from 1, and a call or another instruction that is logged is itself counted. */
#ifndef THREAD_LOG_H
#define THREAD_LOG_H

#include <stdbool.h>

#include "encode.h"
#include "instruction.h"
#include "output.h"
#include "regs.h"

struct thread_log;

/* Creates the files of thread NUMBER and writes its initial state. TABLE and ENTRY live on. */
struct thread_log *thread_log_open(unsigned number, const struct reg_table *table,
                                   const struct thread_regs *entry, enum log_format format,
                                   enum compression compression);

/* A system call was instruction ICOUNT and left REGISTERS. IS_CLONE: it made a thread. WITH_BASES:
 * it may have changed more than rax and rip (arch_prctl, rt_sigreturn). */
void thread_log_call(struct thread_log *log, uint64_t icount,
                     const struct user_regs_struct *registers, bool is_clone, bool all_registers);

/* An instruction of KIND whose result is another each time or on another processor, likewise.
 * DESTINATION: the register that instruction_destination() says. */
void thread_log_instruction(struct thread_log *log, uint64_t icount,
                            const struct user_regs_struct *registers, enum instruction kind,
                            unsigned destination);

/* SIZE bytes at ADDRESS have to be in place before instruction ICOUNT runs. */
void thread_log_memory(struct thread_log *log, uint64_t icount, uint64_t address,
                       const uint8_t *bytes, size_t size);

/* Instruction ICOUNT runs after THREAD has completed its instruction OTHER. */
void thread_log_order(struct thread_log *log, uint64_t icount, unsigned thread, uint64_t other);

/* Lines in .sel so far. */
uint64_t thread_log_entries(const struct thread_log *log);

/* Closes the files with the number of instructions that the thread ran. */
void thread_log_close(struct thread_log *log, uint64_t icount);

#endif
