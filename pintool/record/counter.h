/* SPDX-License-Identifier: BSD-3-Clause */
/* A hardware counter of instructions, where the machine has one: brings a program near a start that
 * is a number of instructions, at full speed. */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "tracee.h"

/* Lets TRACEE, whose threads are stopped, run until its initial thread has executed COUNT
 * instructions, or some thousand less, and stops it; gives how many there were. 0, and nothing has
 * happened, where there is no counter, or COUNT is too small for one. Fewer than asked for, too, if
 * the program has executed another one. Fails if the program ends; START says where it was to come.
 * Some processors count an instruction too many at interrupts and page faults: the place is off by
 * as much. */
uint64_t counter_advance(struct tracee *tracee, uint64_t count, const char *start);

/* For tracee.c: the SIGTRAP at which TID is stopped is the counter's. */
bool counter_take_overflow(pid_t tid);

#endif
