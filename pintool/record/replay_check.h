/* SPDX-License-Identifier: BSD-3-Clause */
/* --replay-check: a pinball is run forward, with what its logs hold put in place. */
#ifndef REPLAY_CHECK_H
#define REPLAY_CHECK_H

/* Runs BASE. Fails if a thread leaves the recorded course, or does not end with the recorded counts
 * and registers. */
void replay_check(const char *base);

#endif
