/* SPDX-License-Identifier: BSD-3-Clause */
/* The program under record: its threads, stopped and resumed with ptrace.
 *
 * Kernel behaviour relied on is that of ptrace(2) for PTRACE_SEIZE. Addresses are those of the
 * program. "Foreign" below marks values that the program controls: they are checked before use. */
#ifndef TRACEE_H
#define TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

struct thread {
    pid_t tid;
    bool stopped;       /* in a ptrace-stop, so that its registers can be read */
    bool exiting;       /* past its last instruction; the initial thread may stay so for long */
    bool group_stopped; /* in a job-control stop (SIGSTOP and the like) */
    int signal;         /* to be delivered when it is resumed, or 0 */
    uint64_t call;      /* system call that the kernel restarts as restart_syscall, see .c */
};

/* One int3 in the program's code. There is never more than one. */
struct breakpoint {
    uint64_t address;
    uint8_t original; /* the byte under the int3; valid also after removal */
    bool inserted;
};

struct tracee {
    pid_t pid;
    int memory;              /* /proc/PID/mem of the current image */
    struct thread **threads; /* alive, in order of creation */
    size_t num_threads;
    pid_t *children; /* processes that share its memory until they execute (vfork) */
    size_t num_children;
    struct breakpoint breakpoint;
    bool stopping; /* stopped threads stay stopped */
    int status;    /* wait status, after EVENT_ENDED */
};

enum event {
    EVENT_NONE,
    EVENT_BREAKPOINT, /* a thread is stopped in front of the breakpoint's instruction */
    EVENT_COUNTER,    /* the hardware counter has stopped a thread */
    EVENT_EXEC,       /* the program is stopped at the start of a new image, with one thread */
    EVENT_ENDED,
};

/* Starts the program FILE with ARGUMENTS and leaves it stopped at the start of its image. It is
 * killed at exit(), whatever the reason. */
void tracee_start(struct tracee *tracee, const char *file, char *const arguments[]);

/* Adds thread TID, which runs and is seized, to the list. */
struct thread *tracee_add_thread(struct tracee *tracee, pid_t tid);

/* Opens the memory of the program's current image for tracee_read(). */
void tracee_open_memory(struct tracee *tracee);

/* Lets time pass until something happens that is not EVENT_NONE. Signals are passed on to the
 * program, new threads are followed, forked children are let go. For EVENT_BREAKPOINT, *THREAD is
 * the one that hit. */
enum event tracee_wait(struct tracee *tracee, struct thread **thread);

/* Stops every thread. Gives EVENT_NONE, or EVENT_EXEC or EVENT_ENDED if that came first. Threads
 * that reach the breakpoint meanwhile are stopped in front of it. */
enum event tracee_stop_all(struct tracee *tracee);

/* Resumes every stopped thread, with its signal. */
void tracee_resume_all(struct tracee *tracee);

/* Waits for the next wait status of TID (-1: any) and gives the id, or 0 if there is none left. */
pid_t tracee_wait_status(pid_t tid, int *status);

/* Reads up to SIZE bytes at ADDRESS (foreign), whatever the protection; gives how many. */
size_t tracee_read(const struct tracee *tracee, uint64_t address, void *buffer, size_t size);

/* For those who wait for statuses themselves (region.c). A new thread is put at the end of the
 * list; one that has ended is taken out. */
struct thread *tracee_add_thread(struct tracee *tracee, pid_t tid);
void tracee_remove_thread(struct tracee *tracee, pid_t tid);

/* True if TID is a thread of the program and not a process of its own. */
bool tracee_is_own_thread(const struct tracee *tracee, pid_t tid);

/* A wait status of a process that is none of the threads: a forked child is let go; one that shares
 * the memory is kept until it executes something else. */
void tracee_handle_child(struct tracee *tracee, pid_t pid, int status);

/* Ends the program. */
void tracee_kill(struct tracee *tracee);

/* Fails if a thread is no longer as tracee_stop_all() left it: somebody has killed the program, and
 * what was read since may be wrong. */
void tracee_check_stopped(const struct tracee *tracee);

/* General registers; fails if THREAD is not stopped. */
void tracee_get_registers(const struct thread *thread, struct user_regs_struct *registers);

/* If a system call of THREAD was broken off by being stopped, sets REGISTERS so that the call is
 * executed anew, as the kernel does after a signal without a handler. Gives true if so. */
bool tracee_restart_call(const struct thread *thread, struct user_regs_struct *registers);

#define TRACEE_CALL_CODE 40 /* bytes */

/* The number of the call that restart_syscall stands for, as the code in front of the return
 * address loads it, or 0. CODE are the last bytes before that address, the syscall instruction
 * included. */
uint64_t tracee_guess_call(const uint8_t code[TRACEE_CALL_CODE]);

#endif
