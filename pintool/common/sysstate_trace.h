/* SPDX-License-Identifier: BSD-3-Clause */
/* B.sysstate/ out of nothing but the system calls of a region, as a replayed pinball makes them:
 * the files themselves may be far away, but what was read of them is in the program's memory. */
#ifndef COMMON_SYSSTATE_TRACE_H
#define COMMON_SYSSTATE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A system call that has returned. Numbers and arguments are those of Linux on x86-64; all of it is
 * foreign. */
struct sysstate_call {
    uint64_t number;
    uint64_t arguments[6];
    int64_t result; /* negative: an errno */
};

/* Reads up to SIZE bytes of the program's memory at ADDRESS; gives how many. */
typedef size_t sysstate_reader(void *context, uint64_t address, void *buffer, size_t size);

struct sysstate_trace;

/* Begins B.sysstate in DIRECTORY, which is created. NULL if there is no memory for it. */
struct sysstate_trace *sysstate_trace_new(const char *directory, sysstate_reader *reader,
                                          void *context);

/* Takes one call, in the order in which they returned. Gives 0, or an errno if the files cannot be
 * written. Calls of several threads have to come one at a time. */
int sysstate_trace_call(struct sysstate_trace *trace, const struct sysstate_call *call);

/* The program is about to read or to overwrite SIZE bytes at ADDRESS. A replay puts what a call
 * wrote into memory only when it is first read: that is when the contents of a file become known.
 */
void sysstate_trace_load(struct sysstate_trace *trace, uint64_t address, uint64_t size);
void sysstate_trace_store(struct sysstate_trace *trace, uint64_t address, uint64_t size);

/* What was done by the last call, for -sysstate:verbose; "" if nothing. */
const char *sysstate_trace_text(const struct sysstate_trace *trace);

/* The process, where it is known otherwise than by a call. */
void sysstate_trace_process(struct sysstate_trace *trace, int64_t pid, const char *directory);

/* Writes the logs and ends. Gives 0, or an errno if something could not be written, now or before.
 */
int sysstate_trace_end(struct sysstate_trace *trace);

#ifdef __cplusplus
}
#endif

#endif
