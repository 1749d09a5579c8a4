/* SPDX-License-Identifier: BSD-3-Clause */
/* The writers: each takes the snapshot and gives one kind of file of the pinball. */
#ifndef WRITE_H
#define WRITE_H

#include "encode.h"
#include "output.h"
#include "region.h"
#include "snapshot.h"

#define LOADING "Loading %s(0x%09lx:0x%09lx)\n"

/* BASE.text and BASE.address: all pages of the program's memory. */
void write_text(const struct snapshot *snapshot, enum log_format format,
                enum compression compression);

/* One register's line: SIZE bytes, least significant first. */
void write_reg_value(struct output *output, unsigned index, const uint8_t *value, unsigned size);

/* The initial state of a thread, as BASE.T.reg begins. */
void write_initial_state(const struct reg_table *table, const struct thread_regs *thread,
                         struct output *output);

/* BASE.T.reg of each thread T, of a region that is not run. */
void write_reg(const struct snapshot *snapshot, enum compression compression);

/* BASE.T.result of each thread T. REGION NULL: it was not run. */
void write_result(const struct snapshot *snapshot, const struct region *region);

/* BASE.global.log, likewise. */
void write_global_log(const struct snapshot *snapshot, enum log_format format,
                      const struct region *region);

/* BASE.procinfo.xml: modules and symbols. */
void write_procinfo(const struct snapshot *snapshot);

/* BASE.sysstate/BRK.log: the program break, at the start and at the end of the region both. */
void write_break(const struct snapshot *snapshot);

/* Its two halves, for a region that is run: the program break now, 0 if it is not known, and
 * writing those of the region's start and end. The kernel is asked by a system call that the
 * initial thread makes and that leaves no trace in it; for a core it is what the C library
 * remembers. */
uint64_t break_of(const struct snapshot *snapshot);
void write_breaks(uint64_t first, uint64_t last);

/* BASE.sysstate/ but for BRK.log: descriptors with the files behind them, working directory,
 * process id. See write_sysstate.c for the forms. IS_STARTED: the recorder has started the program,
 * which has open what the recorder has. */
void write_sysstate(const struct snapshot *snapshot, bool is_started);

/* Of these only PID.log. */
void write_process_id(const struct snapshot *snapshot);

#endif
