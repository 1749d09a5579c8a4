/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of a pinball's threads, read as they are needed. Every number in them is foreign. */
#ifndef REPLAY_LOG_H
#define REPLAY_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

#include "regs.h"

enum { REPLAY_MAX_THREADS = 1024 };

/* The register table of BASE.global.log: names by number. */
struct register_names {
    char (*names)[16];
    size_t count;
};

struct replay_log;

/* What the next record of .reg says. */
struct replay_record {
    uint64_t icount;
    bool is_call; /* "sc"; otherwise "rd", of another instruction whose result is logged */
};

/* Opens the logs of thread NUMBER of BASE and calls STORE for each register of the initial state.
 */
struct replay_log *
replay_log_open(const char *base, unsigned number, const struct register_names *names,
                void (*store)(void *context, const char *name, const uint8_t *value, size_t size),
                void *context);

/* The next record; icount UINT64_MAX if there is none. */
struct replay_record replay_log_next_record(struct replay_log *log);

/* Takes it: sets REGISTERS as it says. */
void replay_log_take_record(struct replay_log *log, struct user_regs_struct *registers);

/* Memory that has to be in place before instruction ICOUNT. False if there is no (more). */
bool replay_log_memory(struct replay_log *log, uint64_t icount, uint64_t *address, uint8_t bytes[8],
                       size_t *size);

/* What instruction ICOUNT has to wait for. False if nothing (more); the same answer is given until
 * replay_log_waited(). */
bool replay_log_order(struct replay_log *log, uint64_t icount, unsigned *thread, uint64_t *other);
void replay_log_waited(struct replay_log *log);

#endif
