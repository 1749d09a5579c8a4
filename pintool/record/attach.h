/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracing a process that runs already, which is left as it was. */
#ifndef ATTACH_H
#define ATTACH_H

#include "tracee.h"

/* Seizes all threads of process PID, which permission_check_process() has let pass, and stops them.
 * Whatever ends the recorder, the process then goes on. Fails if it cannot be traced, or does not
 * stop within some seconds. */
void attach(struct tracee *tracee, pid_t pid);

/* Lets the process go on, with the signals that came meanwhile. */
void attach_end(struct tracee *tracee);

#endif
