/* SPDX-License-Identifier: BSD-3-Clause */
/* A core dump, as the kernel or gdb's gcore writes it, with the files that were mapped: what a core
 * does not hold (code, constants) is read from them. See core(5) and fs/binfmt_elf.c of the kernel.
 * Everything in a core is foreign: it is checked before use. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "maps.h"
#include "symbols.h"
#include "xstate.h"

struct core_thread {
    pid_t tid;
    int signal; /* that ended the process, or 0 */
    struct user_regs_struct general;
    struct xstate extended;
};

struct core;

/* Opens the core FILE and the files mapped in it, below SYSROOT ("" for where they were). Fails
 * with a message if it is not a whole core of a 64-bit x86 program, or if a program or library that
 * is needed is not there, or not the one that was mapped. */
struct core *core_open(const char *file, const char *sysroot);

/* Reads up to SIZE bytes at ADDRESS (foreign); gives how many. */
size_t core_read(const struct core *core, uint64_t address, void *buffer, size_t size);

pid_t core_pid(const struct core *core);

/* The command line, as far as the core has it (80 bytes), closed by NULL. */
char *const *core_arguments(const struct core *core);

/* The threads: the initial one first, the others by their id. */
const struct core_thread *core_threads(const struct core *core, size_t *count);

/* The mappings, with the names of files, and "[vdso]". */
struct maps core_maps(const struct core *core);

/* The modules among the mapped files. */
struct modules core_modules(const struct core *core, const struct maps *maps);

/* The program break as the C library remembers it (glibc's __curbrk); 0 if that is not found. */
uint64_t core_break(const struct core *core, const struct modules *modules);

#endif
