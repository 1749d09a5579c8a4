/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting a program so that it can be recorded. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <sys/types.h>

/* Programs that are launched from now on get no address-space randomisation: the addresses are then
 * the same in each run. */
void launch_without_aslr(void);

/* Finds PROGRAM as a shell does (PATH, unless it holds a '/') and gives its path; fails with a
 * message if there is none that can be executed. */
char *launch_find(const char *program);

/* Has glibc choose its functions as for a processor of level x86-64-v1, in what launch() executes:
 * then no AVX-512 register is live that the program itself does not use, and the ELFie runs where
 * there is none. */
void launch_use_baseline(void);

/* Forks, seizes the child with ptrace OPTIONS and has it execute FILE with ARGUMENTS. Gives its
 * process id; it will stop with PTRACE_EVENT_EXEC, unless launch_failed() tells why not. */
pid_t launch(const char *file, char *const arguments[], long options);

/* To be called when the process ended before it executed FILE: fails with the reason. */
_Noreturn void launch_failed(const char *file);

#endif
