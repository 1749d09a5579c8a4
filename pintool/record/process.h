/* SPDX-License-Identifier: BSD-3-Clause */
/* What /proc tells of a process, line by line. */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

/* The number behind "KEY:" in /proc/PID/status, or -1 if there is none. */
long process_status(pid_t pid, const char *key);

/* The letter of /proc/PID/stat that says what the process does: R, S, D, T, t, Z ..., or 0. */
char process_state(pid_t pid);

/* The command line, closed by NULL. Its strings are as the process has left them. */
char **process_arguments(pid_t pid);

/* The target of the link /proc/PID/NAME ("exe", "cwd", "fd/3"), NULL if it cannot be read. The
 * caller frees it. */
char *process_link(pid_t pid, const char *name);

#endif
