/* SPDX-License-Identifier: BSD-3-Clause */
/* Exact replay: the recorded answers of system calls instead of the kernel's. An ELFie that carries
 * the logs of its pinball (pinball2elf --replay) has struct elfie_replay in replay.S; no other
 * ELFie links a byte of this.
 *
 * A system call of the program becomes a signal (replay_means.c), replay_call.c finds the record
 * and does what replay_policy.c says. A region of several threads is exact when it is stepped
 * instruction by instruction (replay_step.c), so that .race can order the threads. */
#ifndef ELFIE_REPLAY_H
#define ELFIE_REPLAY_H

#include "elfie.h"
#include "replay_log.h"
#include "signals.h"

#pragma GCC visibility push(hidden)

enum replay_mode {
    REPLAY_EXACT,  /* everything from the log, threads ordered */
    REPLAY_STRICT, /* everything from the log, threads as they come */
    REPLAY_IO,     /* input from the log; threads wait for and wake each other by themselves */
    REPLAY_OFF,
};

enum { STATUS_DIVERGED = 3 }; /* of a region that left its path */
enum { CALL_LENGTH = 2 };     /* of the system call instruction */
enum { MAX_ERROR = 4095 };    /* -4095 to -1 are errors: the kernel's ABI */

/* replay.S, one for each static thread; the streams lie one behind the other. */
struct replay_logs {
    const struct replay_record *records;
    const uint64_t *values;            /* of registers; the end of the records */
    const struct replay_write *writes; /* the end of the values */
    const struct replay_order *orders; /* the end of the writes */
    const struct replay_stop *stops;   /* the end of the orders */
    const void *end;                   /* of the stops */
    uint64_t icount;
    uint64_t last;    /* enum replay_last */
    uint64_t last_pc; /* address of the last instruction; 0: not known */
};

/* What changes of a thread while it runs. */
struct replay_state {
    uint64_t count; /* instructions completed, when stepped; other threads read it */
    uint64_t rip;   /* of the instruction that is stepped over */
    const struct replay_record *record; /* the next ones */
    const struct replay_write *write;
    const struct replay_order *order;
    const struct replay_stop *stop;
    const struct replay_order *waiting_for; /* NULL: it does not wait */
    struct replay_trace *trace;             /* when a schedule is written: of replay_stops.c */
    int64_t breakpoint;                     /* descriptor, or -1 */
    uint64_t applying, applying_end;        /* memory that is being written; 0: none */
    uint64_t tid_word;                      /* that the kernel writes to in mode io; 0: none */
    uint64_t parent_tid; /* another one, written when the thread starts in mode io */
    uint8_t stepped, scheduled, started, ended, after_pushf, ready;

    /* Where a hardware counter counts: replay_counter.c. */
    uint64_t goal;      /* instructions that are complete where it has to stop next */
    uint64_t freely;    /* how many of them it is let run */
    uint64_t overhead;  /* what it counts of the runtime between two handlers */
    uint64_t faults;    /* page faults before it was enabled */
    int32_t counter;    /* descriptor, or -1 */
    uint32_t runs;      /* times that the thread ran freely */
    uint32_t looked_at; /* the run, and how often others have looked at it while it read 0 */
    uint32_t looks;
    uint8_t calibrated; /* times that the overhead was measured */
    uint8_t enable;     /* it is to be enabled when the handler returns */
    uint8_t enabled;    /* and is */
    uint8_t free;       /* no trap flag */
    uint8_t estimated;  /* the count is its own, since the last record */
    uint8_t doubtful;   /* and a stop was taken for reached by it */
};
enum { REPLAY_STATE_SIZE = 0x100 };
union replay_slot {
    struct replay_state state;
    uint8_t size[REPLAY_STATE_SIZE];
};
_Static_assert(sizeof(union replay_slot) == REPLAY_STATE_SIZE, "gen/emit_replay.c has this size");

struct elfie_replay {
    int (*variable)(const char *entry); /* NAME=VALUE; 1: it was one of the replay's */
    void (*install)(void);              /* sets elfie_process.replayed */
    void (*thread)(uint64_t number);
    union replay_slot *states;
    const struct replay_site *sites; /* system call instructions that ran */
    uint64_t num_sites;
    const struct replay_instruction *instructions; /* others that the log answers */
    uint64_t num_instructions;
    uint64_t pages_early; /* the image has pages that the region maps later */
    uint64_t num_threads; /* static ones, also those that the region starts */
    uint64_t scheduled;   /* the stops have addresses */
    uint64_t digest;      /* of what a schedule depends on; it begins with that */
    struct replay_logs logs[];
};
extern const struct elfie_replay elfie_replay;

/* replay.c */
int elfie_replay_variable(const char *entry);
void elfie_replay_install(void);
void elfie_replay_thread(uint64_t number);

extern enum replay_mode replay_mode;
struct replay_state *replay_state_of(uint64_t thread);
uint64_t replay_thread_at(const void *on_its_stack); /* whose signal stack this lies on */
int replay_in_runtime(uint64_t begin, uint64_t end); /* any of it is the runtime's own memory */

/* replay_means.c: how system calls come to the runtime. */
enum replay_means { MEANS_ANY, MEANS_DISPATCH, MEANS_SECCOMP, MEANS_PATCH };
extern enum replay_means replay_means;
void replay_install_means(void);
void replay_start_means(uint64_t thread);
/* The handler of SIGILL, where instructions have become ud2. */
void replay_on_ud2(int number, siginfo_t *info, struct ucontext *context);

/* replay_host.c: hosts that say they do what they do not. */
int replay_has_signals(void);   /* not in gem5 */
int replay_needs_patches(void); /* the others mislead here; ends the program if patches do not do */
void replay_lacks_jump(uint64_t address); /* ends the program: because of this one */

/* replay_jump.c: jumps in place of system calls, in a region of one thread. */
int replay_patch_jump(const struct replay_site *site); /* 0: none is possible */
int replay_in_jumps(uint64_t begin, uint64_t end);     /* any of it is the runtime's near code */

/* replay_policy.c: what is done with a call. */
enum replay_action {
    INJECT,     /* result and memory from the log */
    SHOW,       /* as INJECT; what goes to the user's standard output and error is written there */
    DESCRIPTOR, /* as INJECT, and SHOW has to know where descriptors 1 and 2 went */
    MAP,        /* executed at the recorded address */
    UNMAP,
    REMAP,
    BREAK,
    DISCARD,
    SEGMENT,    /* executed: it sets a register */
    YIELD,      /* executed, with the recorded answer */
    FUTEX,      /* executed in mode io, else injected */
    OWN_THREAD, /* as FUTEX: the kernel is told about tid word or robust list in mode io */
    CLONE,      /* executed when it starts a thread of the region */
    EXIT,
    EXIT_GROUP,
    RETURN, /* from a signal handler: as INJECT, if the record has all registers */
};
enum replay_action replay_action_of(uint64_t number);
const char *replay_name_of(uint64_t number); /* "mmap", or "?" */

/* replay_call.c: the system call NUMBER, with the registers behind its instruction. */
void replay_call(uint64_t thread, struct sigcontext *registers, uint64_t number);

/* Puts the thread's writes for instructions up to ICOUNT in place. */
void replay_apply(struct replay_state *s, uint64_t icount);

/* Puts what the record has into the registers, but for rip, which is there already. */
void replay_set_registers(uint64_t thread, struct sigcontext *registers,
                          const struct replay_record *record);

/* The end of the thread's records, and where its last call of the log is. */
const struct replay_record *replay_records_end(uint64_t thread);

/* Mode io: the thread's next record of KIND whose instruction ends at RIP, or NULL. */
const struct replay_record *replay_find_later(uint64_t thread, uint64_t rip, enum replay_kind kind);

/* replay_memory.c */
void replay_install_memory(void);
void replay_clear_host(void); /* nothing of the host's is left where the region may map memory */
void replay_memory(uint64_t thread, struct sigcontext *registers, enum replay_action action,
                   uint64_t result);
void replay_map_page(uint64_t address); /* a zero page, where there is none */

/* replay_show.c */
void replay_show(const struct sigcontext *registers, uint64_t number, int64_t result);
void replay_descriptor(const struct sigcontext *registers, uint64_t number, int64_t result);

/* replay_threads.c */
int replay_starts_thread(const struct sigcontext *registers, uint64_t number);
void replay_clone(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                  const struct replay_record *record);
_Noreturn void replay_exit(uint64_t thread, uint64_t status);
_Noreturn void replay_exit_group(uint64_t thread, uint64_t status);
_Noreturn void replay_end(uint64_t thread); /* the recorded region ends here */

/* replay_step.c */
void replay_install_stepping(void);
void replay_start_stepping(uint64_t thread);
/* An instruction is complete, and the next one at REGISTERS->rip may run when this returns. */
void replay_step(uint64_t thread, struct sigcontext *registers);
void replay_after_record(uint64_t thread, struct sigcontext *registers);
/* A region of one thread whose end is no system call is stepped behind its last record: prepares
 * for that where it is so. */
int replay_steps_to_end(uint64_t thread);

/* replay_counter.c: stepped threads that run freely, by a hardware counter, where they need not be
 * stepped. */
void replay_install_counter(void); /* behind all that handle signals */
void replay_start_counter(uint64_t thread);
int replay_is_counted(void);
/* The thread may run freely from here on, and REGISTERS are set for it; otherwise it is stepped. */
int replay_runs_freely(uint64_t thread, struct sigcontext *registers);
/* A thread is at its end: ends the replay where its last instruction was another one. */
void replay_check_end(uint64_t thread, const struct sigcontext *registers);
/* By threads that wait: ends the replay where one has run past its stop. */
void replay_look_after_counters(void);

/* replay_schedule.c: threads that run freely from stop to stop. */
void replay_install_schedule(void);
int replay_is_scheduled(void);
void replay_start_schedule(uint64_t thread);
/* The thread has completed its instruction s->count, and goes on when this returns. */
void replay_arrive(uint64_t thread, struct sigcontext *registers);
void replay_at_breakpoint(uint64_t thread, struct sigcontext *registers);
/* A record for instruction ICOUNT is reached: true if no stop was passed over. */
int replay_count_record(uint64_t thread, uint64_t icount);

/* replay_stops.c: a schedule is written. */
void replay_schedule_path(const char *path); /* ELFIE_REPLAY_SCHEDULE: where to */
int replay_writes_schedule(void);            /* opens it; 0: none is asked for */
void replay_end_schedule(void);              /* all threads have ended as recorded */
/* A stepped thread is before the instruction at RIP; AT_RECORD: behind a record's. */
void replay_trace_step(uint64_t thread, uint64_t rip, int at_record);

/* Waits for those whose turn is before instruction ICOUNT of the thread. */
void replay_wait(uint64_t thread, const struct sigcontext *registers, uint64_t icount);

/* replay_tsc.c */
void replay_install_tsc(void);
void replay_start_tsc(uint64_t thread);
/* Answers an instruction of KIND, no system call, which ends before BEHIND. 0: in mode io, there is
 * no record of it. */
int replay_answer(uint64_t thread, struct sigcontext *registers, uint64_t behind,
                  enum replay_kind kind);

/* replay_cpuid.c */
void replay_install_cpuid(void);
void replay_start_cpuid(void);
int replay_cpuid_faults(void);
void replay_execute_cpuid(struct sigcontext *registers); /* but for rip */
uint64_t replay_skip_prefixes(uint64_t rip);
int replay_answer_ud2(uint64_t thread, struct sigcontext *registers); /* 0: it is none of these */
/* Before the thread goes on: the instruction of its next record is one that comes here. */
void replay_patch_next(uint64_t thread);

/* replay_trace.c: ELFIE_REPLAY_LOG */
void replay_trace_path(const char *path);
void replay_install_trace(void);
void replay_trace(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                  uint64_t answer, const char *how);

/* replay_report.c: the region has left the recorded path; ends the program. NUMBER is the call that
 * was found, or NO_CALL; WHY a sentence. */
#define NO_CALL UINT64_MAX
_Noreturn void replay_diverged(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                               const char *why);

#pragma GCC visibility pop

#endif
