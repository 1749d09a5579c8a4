/* SPDX-License-Identifier: BSD-3-Clause */
/* A system call made in a stopped program on behalf of the recorder. */
#ifndef REMOTE_CALL_H
#define REMOTE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "tracee.h"

/* Has THREAD of TRACEE, all of whose threads are stopped, make system call NUMBER with ARGUMENT,
 * and gives what it returned in *RESULT. No code is changed, and the thread's registers, signal
 * mask and pending signals are as before; a call that it was in is still restarted by the kernel.
 * The call must not block. False if it could not be made. */
bool remote_call(const struct tracee *tracee, const struct thread *thread, uint64_t number,
                 uint64_t argument, uint64_t *result);

/* Has THREAD, which is stopped, go on until it is outside of the code from LO to HI, the others
 * being stopped. Signals stay pending. False if that does not come to pass within a million
 * instructions. */
bool remote_leave(const struct thread *thread, uint64_t lo, uint64_t hi);

#endif
