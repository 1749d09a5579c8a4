/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of one thread in a replay: registers that are put into the puppet when it has its turn.
 */
#ifndef REPLAY_STATE_H
#define REPLAY_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/user.h>

struct replay_state {
    struct user_regs_struct general;
    uint8_t *extended; /* XSAVE area in its standard form */
    size_t size;
};

/* An initial state on the processor of process PID, which is stopped. */
struct replay_state replay_state_new(int pid);

/* Stores the register NAME; those that are part of another one, or not known, are passed over. */
void replay_state_store(struct replay_state *state, const char *name, const uint8_t *value);

void replay_state_load(const struct replay_state *state, int pid);
void replay_state_save(struct replay_state *state, int pid);

#endif
