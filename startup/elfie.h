/* SPDX-License-Identifier: BSD-3-Clause */
/* What the startup shares: the tables that the front-end and the linker script lay down, and the
 * steps, one file each. All of it runs before the region, freestanding, without a libc, on a
 * stack of its own, with general registers only, so that the vector state stays initial. */
#ifndef ELFIE_H
#define ELFIE_H

#include "flags.h"

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096ul
#define USER_SPACE_END 0x7ffffffff000ul

/* All symbols are the runtime's own and within 2 GiB of each other; never the image's. */
#pragma GCC visibility push(hidden)

/* start.S, one per thread. */
struct elfie_thread {
    void (*enter)(void); /* loads the context and jumps into the region */
    const uint8_t *fx;   /* FXSAVE image */
    uint64_t rip, fs_base, gs_base;
    uint64_t os_tid; /* thread id when recorded; 0 when not known */
    uint64_t icount; /* instructions in the region; 0 when not known */
    uint64_t *flags; /* rflags that the context is entered with */
};
extern struct elfie_thread elfie_threads[];

/* config.S */
struct elfie_config {
    uint64_t num_threads;
    uint64_t needs;      /* of the contexts; bits of needs.h */
    uint64_t code_needs; /* of the code, as far as the front-end has seen */
    void (*on_start)(uint64_t num_threads, void *context);
    void *(*on_thread_start)(uint64_t thread, void *context, uint64_t icount);
    const char *name;
    void (*on_exit)(void);   /* in the monitor process, after all threads have ended; or NULL */
    uint64_t flags;          /* ELFIE_... of flags.h */
    const char *perf_prefix; /* of the names of reports; NULL when they are to be "NAME" */
    const char *message;     /* printed by sim ELFies; or NULL */
    const struct elfie_replay *replay; /* instrumentation/replay.h; NULL: nothing is replayed */
};
extern const struct elfie_config elfie_config;

/* config.S, for each thread: marks of the pinball's event file; 0 where one is not known.
 * Instructions and counts are from the start of the region: end_count 4 is the moment when the
 * instruction at end_pc has run for the 4th time in this thread. end_icount is the length of the
 * region where there is no event file. */
struct elfie_marks {
    uint64_t warmup_icount, warmup_pc, warmup_count;
    uint64_t end_icount, end_pc, end_count;
};
extern const struct elfie_marks elfie_marks[];

/* The linker script. */
struct elfie_layout {
    uint64_t staging, staging_length;
    uint64_t break_start, break_end;
    uint64_t callback_stack_size;
};
extern const struct elfie_layout elfie_layout;

struct elfie_move {
    uint64_t from; /* 0: zero pages */
    uint64_t to, length;
};
extern const struct elfie_move elfie_moves[]; /* ends with length 0 */

struct elfie_region {
    uint64_t begin, end;
};
extern const struct elfie_region elfie_regions[]; /* in ascending order; ends with end 0 */

/* symbols.S: names of the recorded program; both end with a null name. */
struct elfie_module {
    uint64_t begin, end;
    const char *name;
};
extern const struct elfie_module elfie_modules[];

struct elfie_symbol {
    uint64_t address, size;
    const char *name;
};
extern const struct elfie_symbol elfie_symbols[]; /* in ascending order */

/* In ascending order; ends with end 0. */
struct elfie_protection {
    uint64_t begin, end, prot; /* PROT_... */
};
extern const struct elfie_protection elfie_protections[];

/* start.S: not 0 once the ROI markers have been executed, with ELFIE_MARKERS. */
extern uint32_t elfie_gate;

/* The runtime lies from _start to elfie_runtime_end. Of its stacks, all of callback_stack_size, the
 * first is the process's, until the threads run and after they have ended. */
extern char _start[];
extern char elfie_stacks[], elfie_runtime_end[];

static inline char *elfie_stack_of(uint64_t thread)
{
    return elfie_stacks + (1 + thread) * elfie_layout.callback_stack_size;
}

static inline int elfie_in_runtime(uint64_t address)
{
    return address >= (uint64_t)_start && address < (uint64_t)elfie_runtime_end;
}

/* What the kernel passed, copied to the runtime's memory: the kernel's stack may go away. */
struct elfie_process {
    int verbose;      /* ELFIE_VERBOSE is set and not 0 */
    int ignore_cpu;   /* ELFIE_IGNORE_CPU, likewise */
    int count_calls;  /* ELFIE_COUNT_CALLS, likewise */
    const char *args; /* the arguments, one after the other, each with its NUL */
    uint64_t args_size;
    enum { REPORT_TEXT, REPORT_JSON, REPORT_OFF } report; /* ELFIE_REPORT */
    uint64_t demand_zero;      /* ELFIE_DEMAND_ZERO: zero pages that may be given */
    uint64_t demand_zero_used; /* and were asked for */
    const char *directory;     /* in which the ELFie was started; NULL without a monitor */
    const char *perf_list;     /* ELFIE_PERFLIST, or NULL */
    int64_t core_base;         /* ELFIE_COREBASE; -1: threads are not pinned */
    int warmup;                /* ELFIE_WARMUP; -1: as the ELFie was built */
    int pc_count;              /* ELFIE_PCCOUNT is set and not 0 */
    uint64_t step_limit;       /* ELFIE_STEP_LIMIT, instructions */
    enum { COUNT_BY_EVENT, COUNT_BY_SIGNAL, COUNT_BY_STEP } count_by; /* ELFIE_COUNT_BY */
    const char *sysstate; /* ELFIE_SYSSTATE; NULL: where it was when the ELFie was made */
    const char *root;     /* ELFIE_ROOT, absolute; NULL: none */
    int stdio;            /* ELFIE_STDIO is set and not 0 */
    int sysstate_write;   /* ELFIE_SYSSTATE_WRITE, likewise */
    int recorded_pid;     /* ELFIE_PID=recorded */
    int recorded_mmap;    /* ELFIE_MMAP=recorded */
    /* System calls get the recorded answers; with REPLAYED_INPUT the kernel keeps the threads. */
    enum { NOT_REPLAYED, REPLAYED, REPLAYED_INPUT } replayed;
    /* A thread that is replayed exactly has executed its last recorded instruction. May be NULL. */
    void (*at_recorded_end)(uint64_t thread);
};
enum { ELFIE_PATH_MAX = 4096 }; /* with the NUL, as the kernel has it */
extern struct elfie_process elfie_process;

/* environ.c: reads argc, argv and envp at BLOCK, where the kernel left them. */
void elfie_read_environ(const uint64_t *block);

/* features.c: ends the program when this processor cannot hold the contexts. */
void elfie_check_features(void);

/* moves.c: puts everything in its place. clear.c: makes ROOM for it, which the kernel has refused
 * because a part of one of its own mappings is in the way. */
void elfie_move_all(void);
void elfie_clear(uint64_t begin, uint64_t end);

/* clear.c: /proc/self/maps is there and shows nothing between BEGIN and END. */
int elfie_is_unseen(uint64_t begin, uint64_t end);

/* break.c: sets the program break. */
void elfie_set_break(void);

/* instrumentation/sysstate.c: the descriptors; the working directory. */
void elfie_restore_sysstate(void);
void elfie_enter_workdir(void);

/* instrumentation/answers.c: some calls are answered from the sysstate; ends the program when it
 * cannot answer as it shall; called in the process of the region; this absolute path exists under
 * ELFIE_ROOT. */
int elfie_answers_calls(void);
void elfie_check_answers(void);
void elfie_begin_answers(void);
int elfie_is_under_root(const char *name);

/* instrumentation/signals.c: blocks no signal, whatever the caller of the ELFie did. */
void elfie_clear_signal_mask(void);

/* instrumentation/report.c: from here on a fault is reported. */
void elfie_install_report(void);

/* instrumentation/count_calls.c: counts system calls if ELFIE_COUNT_CALLS is set; in the process,
 * in each thread, and how many there were (-1: not known). */
void elfie_install_call_counting(void);
void elfie_count_calls_of(uint64_t thread);
int64_t elfie_calls_of(int64_t thread);

/* instrumentation/signals.c: notes the id of the calling thread, which is thread THREAD. */
void elfie_know_thread(uint64_t thread);

/* instrumentation/signals.c: gives a thread the stack on which signals are handled. */
void elfie_set_signal_stack(uint64_t thread);

/* protect.c: takes away what pages of the image are not to have. */
void elfie_protect_all(void);

/* vector.c: the calling thread's vector registers are in their initial state again. */
void elfie_clear_vectors(void);

/* ldt.c: writes a descriptor for the FS base of thread NUMBER. */
void elfie_write_ldt(uint64_t number);

/* instrumentation/verbose.c: with ELFIE_VERBOSE=1, what runs. */
void elfie_say_process(void);
void elfie_say_thread(uint64_t thread);

/* threads.c: starts all the others, then becomes thread 0; the calling thread enters its context.
 */
_Noreturn void elfie_run_threads(void);
_Noreturn void elfie_enter_thread(uint64_t number);

/* threads.c: where the kernel has to write 0 when the thread ends; 0: nowhere that is known. */
uint64_t elfie_tid_word(const struct elfie_thread *t);

/* environ.c: notes the directory in which the ELFie was started. */
void elfie_remember_directory(void);

/* instrumentation/count.c: the end of a thread was not found with the means that there are. */
extern int elfie_not_counted;

/* threads.c: all threads were ready to enter the region, and have been let go. */
int elfie_region_has_started(void);

/* instrumentation/monitor.c: has another process become the region, in the same memory, and waits
 * until that has ended. */
_Noreturn void elfie_run_monitored(void);

/* instrumentation/count.c: readies the goals of a thread that is about to enter the region; gives
 * the flags that it needs for them. */
uint64_t elfie_start_counting(uint64_t thread);

/* instrumentation/lte_events.c: counters that were opened for the thread count from here on. */
void elfie_enable_events(uint64_t thread);

/* instrumentation/lte_exit.c: calls what lte_atexit has registered. */
void elfie_call_exit_functions(void);

/* entry.S: clone(FLAGS) with a new stack that ends at STACK; the child calls FUNCTION(ARGUMENT),
 * which does not return. Gives the child's thread id or -errno. */
long elfie_clone(unsigned long flags, void *stack, void (*function)(uint64_t), uint64_t argument);

/* region.c: BEGIN up to END is all in captured pages, or any of it is. */
int elfie_captured(uint64_t begin, uint64_t end);
int elfie_any_captured(uint64_t begin, uint64_t end);

/* say.c: messages on stderr, put together in a line of fixed size and written at once. */
struct elfie_line {
    size_t length;
    char text[4000]; /* less than a page, for small callback stacks */
};
void elfie_put(struct elfie_line *line, const char *s);
void elfie_put_decimal(struct elfie_line *line, uint64_t value);
void elfie_put_hex(struct elfie_line *line, uint64_t value);
void elfie_put_at_most(struct elfie_line *line, const char *s, size_t most); /* "..." behind it */
void elfie_write(struct elfie_line *line);

/* Begins a line of a message: the pinball's name and ": ". elfie_begin empties LINE before. */
void elfie_put_name(struct elfie_line *line);
void elfie_begin(struct elfie_line *line);

/* Ends the program: "NAME: WHAT: error N" with the status of a startup that failed. */
_Noreturn void elfie_fail(const char *what, long error);
enum {
    STATUS_STARTUP_FAILED = 125,
    STATUS_LACKS_FEATURE = 124,
    STATUS_NOT_COUNTED = 3, /* no means here to find the end of the region */
};

/* environ.c: ends the program because variable NAME has a value that it cannot have. */
_Noreturn void elfie_fail_value(const char *name, const char *value, const char *should);

/* start.S: the instructions that --magic2 asks for; also for callbacks. */
void elfie_magic2(void) __attribute__((visibility("default")));

#pragma GCC visibility pop

#endif
