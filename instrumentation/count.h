/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts the region's instructions, or how often it comes to an address, and calls a function when
 * a goal is reached: exactly there, whatever the machine has.
 *
 *   address   a breakpoint event of perf (four addresses a thread, no hardware counter needed)
 *   number    a hardware counter that stops short, then the trap flag up to the goal
 *   either    the trap flag from the first instruction on, where the above is not to be had: about
 *             90,000 instructions a second (measured on a virtual machine, Linux 6.18)
 *   the number of all recorded instructions of a region that is replayed: nothing is needed
 *
 * What counts: instructions of the thread itself. A REP-prefixed instruction counts once, a system
 * call once. Instructions of the program's signal handlers do not count where the trap flag counts.
 */
#ifndef ELFIE_COUNT_H
#define ELFIE_COUNT_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

enum { MAX_GOALS = 4 };

struct elfie_goal;
typedef void elfie_goal_reached(uint64_t thread, struct elfie_goal *goal, int signal, void *info,
                                void *context);

struct elfie_goal {
    enum { GOAL_NONE, GOAL_ICOUNT, GOAL_PC, GOAL_RECORDED_END } kind;
    int32_t event;               /* descriptor of a breakpoint event, or -1 */
    uint64_t pc;                 /* of a GOAL_PC */
    uint64_t arrivals;           /* at pc, where the trap flag counts them */
    uint64_t next;               /* instructions, or arrivals, at which it is reached next */
    uint64_t period, max;        /* reached again each PERIOD, up to MAX */
    uint64_t samples;            /* how often it was reached */
    elfie_goal_reached *reached; /* in a signal handler; NULL: the thread ends at the last goal */
    void *argument;              /* the caller's own */
};

/* Of each thread, in the linker script behind its record. */
struct elfie_counter {
    struct elfie_goal goals[MAX_GOALS];
    uint64_t icount;    /* instructions executed, as far as they are known */
    uint64_t nearest;   /* of the goals of kind GOAL_ICOUNT; UINT64_MAX: there is none */
    uint64_t last_rip;  /* the instruction that the trap flag executes now, */
    uint64_t last_r11;  /* with r11 as the kernel leaves it, if that is a system call, */
    uint64_t good_page; /* and the page that it is known to lie in */
    uint64_t overhead;  /* what the counter counts between being enabled and disabled, with nothing
                           of the region in between */
    int32_t counter;    /* descriptor of the hardware counter, or -1 */
    uint8_t armed;      /* ready to enter the region, or in it */
    uint8_t entered;    /* in it */
    uint8_t stepping;   /* the trap flag counts, all the way */
    uint8_t calibrated; /* times that the overhead was measured */
    uint8_t enable;     /* the counter is to be enabled when the handler returns */
    uint8_t enabled;    /* and is */
    uint8_t kind;       /* enum instruction of what is executed now */
    uint8_t forked;     /* a new thread or process may arrive with the trap flag set */
};

/* Adds a goal to thread THREAD, before it enters the region or in a goal's function: each PERIOD
 * further instructions, or arrivals at PC where that is not 0, and at MAX for the last time.
 * Returns it, or NULL where the thread has MAX_GOALS already or a number is 0. */
struct elfie_goal *elfie_add_goal(uint64_t thread, uint64_t pc, uint64_t period, uint64_t max,
                                  elfie_goal_reached *reached, void *argument);

/* A thread that is replayed has executed all that was recorded of it behind instruction ICOUNT. Its
 * goal is reached there, and the replay goes on with what comes then: it ends the thread. */
int elfie_is_recorded_end(uint64_t thread, uint64_t icount);

/* The last thing before a thread enters the region: readies its goals. Returns the flags to enter
 * it with besides its own. Ends the process with status 3 where a goal cannot be found. */
uint64_t elfie_start_counting(uint64_t thread);

/* A thread that is counted has come to its exit; a hardware counter is in use. */
extern uint8_t elfie_exit_seen, elfie_has_counter;

/* Thread THREAD has goals that are still to be reached. */
int elfie_has_goals(uint64_t thread);

/* Instructions so far, or -1 where nothing counts them. */
int64_t elfie_icount_of(uint64_t thread);

/* FD with another number, far from those that the program gets, and closed on exec; or -errno. */
long elfie_high_descriptor(long fd);

#pragma GCC visibility pop

#endif
