/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers: one function, and one module, per file of a pinball. Each takes the checkpoint
 * with the base name set and fills its part; whatever is wrong in a file ends the program with
 * a message that names the file and the line. What is in a file is never trusted. */
#ifndef GEN_READERS_H
#define GEN_READERS_H

#include "checkpoint.h"
#include <stdio.h>

/* BASE.global.log: versions, thread counts, register table. */
void global_log_read(struct checkpoint *c);

/* BASE.T.reg for each thread that is alive at the start: its initial state. Needs global.log. */
void reg_read(struct checkpoint *c);

/* BASE.T.result: kernel's thread id, number of instructions. Needs the threads. */
void result_read(struct checkpoint *c);

/* BASE.event_icount.T.txt: marks of the threads. The files are optional. Needs the threads. */
void event_icount_read(struct checkpoint *c);

/* BASE.text: non-zero pages go to PAGES_BIN as they come, at its current position on; PATH is
 * its name for messages. Sets the runs. Needs the version from global.log. */
void text_read(struct checkpoint *c, FILE *pages_bin, const char *path);

/* BASE.address: which ranges were executed. */
void address_read(struct checkpoint *c);

/* BASE.procinfo.xml: modules. The file is optional. */
void procinfo_read(struct checkpoint *c);

/* BASE.sysstate/BRK.log: the program break. The file is optional. */
void brk_log_read(struct checkpoint *c);

/* BASE.sysstate/ but for the break: descriptors, working directory, files, process id. All of it is
 * optional. */
void sysstate_read(struct checkpoint *c);

#endif
