/* SPDX-License-Identifier: BSD-3-Clause */
/* One program, recorded in one region or in several. */
#ifndef RECORD_H
#define RECORD_H

#include "options.h"

/* Runs the program of OPTIONS and writes the pinballs. */
void record_program(const struct options *options);

#endif
