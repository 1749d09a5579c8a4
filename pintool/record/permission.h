/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a program or a process cannot be traced, in words that say what to do about it. */
#ifndef PERMISSION_H
#define PERMISSION_H

#include <sys/types.h>

/* Fails if PATH gets rights of its own when it is executed (setuid, setgid, file capabilities) that
 * the kernel does not give to a program under ptrace: it would not run as it does otherwise. */
void permission_check_program(const char *path);

/* Fails if process PID is none that can be recorded: not there, a thread of another process, a
 * kernel thread, ended, of 32 bits, or already traced. */
void permission_check_process(pid_t pid);

/* To be called when ptrace has been refused with ERROR for process PID, or for a new process (0):
 * fails with what is in the way, as far as the kernel tells. */
_Noreturn void permission_refused(pid_t pid, int error);

#endif
