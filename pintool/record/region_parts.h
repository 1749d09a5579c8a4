/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the region share: region_log.c counts and logs instructions, region_threads.c
 * has the threads and what ptrace says of them, region_calls.c system calls, region.c the rest. */
#ifndef REGION_PARTS_H
#define REGION_PARTS_H

#include <sys/types.h>
#include <sys/user.h>

#include "address_space.h"
#include "call_memory.h"
#include "events.h"
#include "memory_copy.h"
#include "progress.h"
#include "region.h"
#include "thread_log.h"

#define EFLAGS_TF UINT64_C(0x100)

/* One thread in the region. */
struct actor {
    unsigned number;
    struct thread *thread;
    struct thread_log *log;
    enum { READY, IN_CALL, RETURNED, GONE } state;
    struct user_regs_struct registers; /* as it stands; IN_CALL: before the call */
    struct call call;                  /* IN_CALL, RETURNED */
    struct memory_copy *before;        /* ... the memory, if it has to be compared */
    uint64_t instructions_before;      /* ... of all threads */
    int status;                        /* RETURNED: what waitpid() said */
    struct actor *child;               /* made by the call that it is in */
    uint64_t icount, calls;
    uint64_t first_pc, last_pc;
    uint64_t log_entries;
    pid_t os_tid;      /* as the program sees it */
    uint64_t tid_word; /* the kernel clears it when the thread ends; 0: not known */
};

struct region {
    struct tracee *tracee;
    const struct snapshot *snapshot;
    const struct region_options *options;
    struct actor **actors;
    size_t num_actors;
    const struct actor *counted; /* whose instructions the length counts */
    uint64_t icount;             /* of all */
    const struct actor *last;    /* who ran the last instruction */
    struct written_list pending; /* to be logged for the next instruction */
    struct address_space *space;
    struct progress progress;
    struct events *events;
    bool simulating;   /* warm-up is over */
    uint64_t arrivals; /* at the address where the region ends */
    struct {
        uint64_t *list;
        size_t count;
    } call_addresses;
    struct {
        pid_t *list;
        size_t count;
    } early; /* new threads that stopped before the clone event of their parent */
    bool over;
    bool ended; /* the program did */
};

/* --- region_log.c ----------------------------------------------------------------------------- */

/* Memory that calls before have written: in the log of ACTOR, for its next instruction. */
void region_log_pending(struct region *region, struct actor *actor);

/* Before ACTOR runs an instruction: its place among those of the others, and what the calls before
 * have written. */
void region_log_turn(struct region *region, struct actor *actor);

/* Notes that a system call returned to ADDRESS. */
void region_note_call(struct region *region, uint64_t address);

/* A line NAME of the event file. */
void region_mark(struct region *region, const char *name);

/* ACTOR has completed the instruction at PC; and stands in front of the next one. Both may end the
 * region. */
void region_count(struct region *region, struct actor *actor, uint64_t pc);
void region_arrive(struct region *region, const struct actor *actor);

/* --- region_threads.c ------------------------------------------------------------------------- */

void actor_get_registers(struct actor *actor);
void actor_set_registers(const struct actor *actor);

/* Steps on, with a signal or 0. */
void actor_go(const struct actor *actor, int signal);

/* Ends with "thread N WHAT at ...": that cannot be recorded. */
_Noreturn void actor_fail(const struct actor *actor, const char *what);

/* A signal has come to ACTOR. True if it ends the program, and so the region. */
bool actor_ends_with_signal(struct region *region, struct actor *actor, int signal);

size_t region_num_alive(const struct region *region);

/* ACTOR is at its very end: lets the kernel end it. */
void actor_let_go(struct region *region, struct actor *actor);

/* THREAD, which stands at ENTRY, is one of the region from now on. */
struct actor *region_add_actor(struct region *region, struct thread *thread,
                               const struct thread_regs *entry);

/* The flags of a call of the clone family, and the child's tid word; 0 for other calls. */
uint64_t region_clone_flags(const struct region *region, const struct call *call, uint64_t *word);

/* ACTOR, inside clone, has made the thread TID. */
void actor_meets_thread(struct region *region, struct actor *actor, pid_t tid);

/* Takes what has happened to threads inside calls. False if nothing had, and not BLOCK. */
bool region_take_status(struct region *region, bool block);

/* Lets calls go on until each has returned or sleeps in the kernel. */
void region_settle(struct region *region);

/* --- region_calls.c --------------------------------------------------------------------------- */

/* ACTOR stands in front of a system call: makes it, without waiting for it. */
void actor_begins_call(struct region *region, struct actor *actor);

/* The call of ACTOR has stopped for some reason: goes on with it until it is complete or blocks. */
void actor_goes_on_with_call(struct region *region, struct actor *actor);

#endif
