/* SPDX-License-Identifier: BSD-3-Clause */
/* Pinballs of what exists already: a running process, a core dump. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "options.h"

/* Writes a pinball of process options->pid, which then goes on. */
void capture_process(const struct options *options);

/* Writes a pinball of the core dump options->core. */
void capture_core(const struct options *options);

#endif
