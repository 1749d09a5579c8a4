/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of elfie-host share. It runs an ELFie under ptrace and answers its system calls
 * as a simulator would that has only some of them, so that its user finds out beforehand whether
 * the startup of the ELFie keeps to what the simulator has.
 *
 *   policy.c   HOST-FILE → what the simulator does
 *   symbols.c  ELFie     → where its startup ends, and where its code lies
 *   listing.c  ELFie     → which instructions of that code the simulator lacks
 *   tracee.c   the program under ptrace: start, registers, memory, its vdso
 *   trace.c    follows its threads to the end
 *   main.c     the command line and the closing table */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/user.h>

enum { STATUS_USAGE = 2, STATUS_VIOLATION = 3, STATUS_TROUBLE = 125 };

/* Ends with STATUS_TROUBLE: "elfie-host: message". */
_Noreturn void trouble(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says "elfie-host: message" on stderr. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* As realloc for COUNT elements of SIZE bytes, and strdup; end the program without memory. */
void *grow(void *old, size_t count, size_t size);
char *duplicate(const char *s);

/* ------------------------------------------------------------------------ calls.c: their names */

/* Numbers beyond are counted together under this one. */
enum { NUM_CALLS = 512 };

/* The name of a system call of x86-64 Linux, or NULL; and its number, or -1. */
const char *call_name(uint64_t number);
int call_number(const char *name);

/* ---------------------------------------------------------------------------------- policy.c */

enum answer {
    UNLISTED, /* as `otherwise` says */
    EXECUTED,
    IGNORED, /* result 0, nothing done */
    ENOSYS_GIVEN,
    ENOENT_GIVEN, /* a file of /proc */
    STOPPED,      /* the simulator ends here */
    NUM_ANSWERS
};

struct policy {
    const char *name;               /* of HOST-FILE, without directory and ending */
    enum answer answers[NUM_CALLS]; /* by number */
    enum answer otherwise;
    bool no_proc, no_vdso;
    bool startup_only;            /* the region may do what it likes */
    uint64_t stack_top, mmap_top; /* ends of the areas; 0: where Linux has them */
    char **lacks;                 /* patterns, see listing.c */
    size_t num_lacks;
};

/* Ends the program with "PATH:LINE: what is wrong" when it is not a host file. */
void policy_read(struct policy *p, const char *path);

enum answer policy_answer(const struct policy *p, uint64_t number);

/* --------------------------------------------------------------------------------- symbols.c */

struct symbols {
    uint64_t *jumps; /* addresses of the symbols tN.jump: the last instructions of the startup */
    size_t num_jumps;
    uint64_t text_begin, text_end; /* the section that they lie in */
};

/* No jumps when the file has no such symbols. */
void symbols_read(struct symbols *s, const char *path);

/* --------------------------------------------------------------------------------- listing.c */

struct instruction {
    uint64_t address;
    char *lacked; /* its text, if the simulator does not have it, else NULL */
};

struct listing {
    struct instruction *instructions; /* ascending */
    size_t count;
};

/* Runs objdump. Nothing is listed when the policy has no `lacks`. */
void listing_read(struct listing *l, const char *path, const struct symbols *s,
                  const struct policy *p);
const struct instruction *listing_find(const struct listing *l, uint64_t address);

/* ---------------------------------------------------------------------------------- tracee.c */

/* Starts ARGV[0] without randomisation and gives its process id; it is stopped behind its exec,
 * and dies when this program ends. */
pid_t tracee_start(char **argv);

/* Both give false when the thread has gone: another one, or a signal, ended the program. */
bool tracee_regs(pid_t tid, struct user_regs_struct *regs);
bool tracee_set_regs(pid_t tid, const struct user_regs_struct *regs);

/* The 8 bytes of code at ADDRESS; 0 when there are none. */
uint64_t tracee_code(pid_t tid, uint64_t address);

/* Executes `rep movsq` for a thread that is about to; false when it has to do it itself. */
bool tracee_copy(pid_t tid, struct user_regs_struct *regs);

/* Does the string at ADDRESS begin with PREFIX? */
bool tracee_begins(pid_t tid, uint64_t address, const char *prefix);

/* Makes a stopped, freshly started program look like one of the policy's simulator. */
void tracee_remove_vdso(pid_t tid);
void tracee_check_stack(pid_t tid, uint64_t top);

/* The end of the highest gap of LENGTH bytes below TOP, less LENGTH; 0 when there is none. */
uint64_t tracee_gap(pid_t tid, uint64_t length, uint64_t top);

/* ----------------------------------------------------------------------------------- trace.c */

struct thread {
    pid_t tid;
    bool gone;
    bool startup;  /* not in the region yet: stepped, instruction after instruction */
    bool stepping; /* the next trap is the end of a step */
    bool leaving;  /* the step is the last one of the startup */
    bool inside;   /* a system call has begun and not ended */
    bool skipped;  /* and is not executed: gives RESULT */
    bool hinted;   /* and has got a hint in rdi, which was 0 */
    int64_t result;
    uint64_t steps;
};

struct run {
    const struct policy *policy;
    const struct symbols *symbols;
    const struct listing *listing;
    bool verbose;
    pid_t pid;
    struct thread *threads; /* in the order in which they were created */
    size_t num_threads;
    size_t entered; /* threads that came to the end of their startup */
    uint64_t counts[2][NUM_CALLS + 1][NUM_ANSWERS]; /* first index: 0 startup, 1 region */
    bool replaced;     /* by exec: the symbols are no longer those of the program */
    bool unlisted;     /* it has been said that code is not in the listing */
    bool violated;     /* something the simulator does not have: the program was killed */
    uint64_t fault_at; /* rip at the last signal, and the thread that got it */
    size_t fault_thread;
};

/* Follows the stopped program PID to its end. Gives the exit status for the caller. */
int trace(struct run *run, pid_t pid);

#endif
