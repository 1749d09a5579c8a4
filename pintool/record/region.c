/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program at the start point, gives the logs of the region.
 *
 * Threads run one at a time, a quantum of instructions each, in the order of their numbers; so the
 * same program takes the same course again. A thread whose system call blocks is left in the kernel
 * while others run; that the call has returned is noticed at points that depend on the
 * instructions alone as far as the kernel allows (settle()), and its result counts as of the
 * thread's next turn. What a call has written is logged for the next instruction that runs. */
#include "region_parts.h"

#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "affinity.h"
#include "instruction.h"
#include "memory.h"
#include "message.h"
#include "region_files.h"
#include "repeatable.h"

/* --- other instructions ----------------------------------------------------------------------- */

/* Without the tracer's trap flag in what the program sees. */
static void hide_trap_flag(struct region *region, const struct actor *actor)
{
    uint64_t word;
    uint64_t address = actor->registers.rsp;
    if (tracee_read(region->tracee, address, &word, sizeof word) == sizeof word)
        ptrace(PTRACE_POKEDATA, actor->thread->tid, address, word & ~EFLAGS_TF);
}

/* Steps ACTOR over an instruction that is no call. False if it did not complete it. */
static bool step(struct region *region, struct actor *actor, enum instruction kind)
{
    pid_t tid = actor->thread->tid;
    uint64_t rip = actor->registers.rip;
    for (;;) {
        int status;
        actor_go(actor, 0);
        if (tracee_wait_status(tid, &status) != tid || !WIFSTOPPED(status))
            fail("the program was killed while it was recorded");
        int event = status >> 16;
        if (event == PTRACE_EVENT_EXIT)
            fail("the program was killed while it was recorded");
        if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP)
            continue;
        if (event)
            actor_fail(actor, "was stopped");
        if (WSTOPSIG(status) != SIGTRAP) {
            if (actor_ends_with_signal(region, actor, WSTOPSIG(status)))
                return false;
            continue;
        }
        actor_get_registers(actor);
        if (kind != INSTRUCTION_REPEATED || actor->registers.rip != rip)
            return true;
    }
}

static void run_plain(struct region *region, struct actor *actor, enum instruction kind,
                      unsigned destination)
{
    uint64_t rip = actor->registers.rip;
    region_log_turn(region, actor);
    if (!step(region, actor, kind))
        return;
    region_count(region, actor, rip);
    region_arrive(region, actor);
    switch (kind) {
    case INSTRUCTION_RDTSC:
    case INSTRUCTION_RDTSCP:
        if (!actor->log && repeatable) {
            repeatable_set_time(&actor->registers, region->icount);
            actor_set_registers(actor);
        }
        /* fall through */
    case INSTRUCTION_CPUID:
    case INSTRUCTION_RANDOM:
    case INSTRUCTION_RDPID:
    case INSTRUCTION_XGETBV:
        if (actor->log)
            thread_log_instruction(actor->log, actor->icount, &actor->registers, kind, destination);
        break;
    case INSTRUCTION_PUSHF:
        hide_trap_flag(region, actor);
        break;
    default:
        break;
    }
}

/* Runs one instruction of ACTOR, or begins its call. Gives true if a call was made. */
static bool run_instruction(struct region *region, struct actor *actor)
{
    uint8_t code[INSTRUCTION_MAX_BYTES];
    size_t size = tracee_read(region->tracee, actor->registers.rip, code, sizeof code);
    enum instruction kind = instruction_classify(code, size);
    switch (kind) {
    case INSTRUCTION_SYSCALL:
        actor_begins_call(region, actor);
        region_settle(region);
        actor_goes_on_with_call(region, actor);
        return true;
    case INSTRUCTION_OTHER_CALL:
        actor_fail(actor, "makes a system call by sysenter or int $0x80");
    case INSTRUCTION_INT3:
        actor_fail(actor, "executes a breakpoint (int3)");
    default:
        run_plain(region, actor, kind, instruction_destination(code, size));
        return false;
    }
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The next thread that can run, behind the one of that NUMBER, itself last. */
static struct actor *next_actor(struct region *region, unsigned number)
{
    for (;;) {
        for (size_t i = 1; i <= region->num_actors; i++) {
            struct actor *actor = region->actors[(number + i) % region->num_actors];
            if (actor->state == READY || actor->state == RETURNED)
                return actor;
        }
        region_take_status(region, true);
        region_settle(region);
    }
}

/* A quantum of ACTOR. It does not end right behind a call, so that what the call has written is
 * logged for the same thread. */
static void take_turn(struct region *region, struct actor *actor)
{
    uint64_t end = actor->icount + region->options->quantum;
    bool after_call = false;
    if (actor->state == RETURNED) {
        actor_goes_on_with_call(region, actor);
        after_call = true;
    }
    while (!region->over && actor->state == READY && (actor->icount < end || after_call))
        after_call = run_instruction(region, actor);
}

/* --- start and end ---------------------------------------------------------------------------- */

/* glibc has the word that the kernel clears at the end of a thread in its struct pthread, and it
 * holds the thread's id. The kernel does not tell a tracer where it is. */
static uint64_t find_tid_word(const struct region *region, const struct actor *actor)
{
    const uint64_t offset = 0x2d0;
    uint32_t value = 0;
    uint64_t address = actor->registers.fs_base + offset;
    if (tracee_read(region->tracee, address, &value, sizeof value) != sizeof value ||
        value != (uint32_t)actor->os_tid)
        return 0;
    return address;
}

static struct region *begin(struct tracee *tracee, const struct snapshot *snapshot,
                            const struct thread *first, const struct region_options *options)
{
    affinity_pin(tracee);
    struct region *region = memory_new(sizeof *region);
    region->tracee = tracee;
    region->snapshot = snapshot;
    region->options = options;
    region->events = events_new(options->watched, options->num_watched);
    if (snapshot)
        region->space = address_space_new(tracee, &snapshot->maps);
    for (size_t i = 0; i < tracee->num_threads; i++) {
        struct thread *thread = tracee->threads[i];
        struct thread_regs entry = snapshot ? snapshot->threads[i] : regs_read(thread);
        struct actor *actor = region_add_actor(region, thread, &entry);
        thread->signal = 0;
        actor_set_registers(actor); /* calls that were broken off begin anew */
        actor->tid_word = find_tid_word(region, actor);
        if (thread == first)
            region->counted = actor;
    }
    if (!region->counted)
        region->counted = region->actors[0];
    region->simulating = !snapshot;
    if (snapshot && options->warmup == 0) {
        region->simulating = true;
        region_mark(region, "Sim-Start");
    }
    progress_begin(&region->progress);
    return region;
}

static void run(struct region *region)
{
    struct actor *actor = region->actors[region->counted->number];
    while (!region->over) {
        take_turn(region, actor);
        if (region->over)
            break;
        if (region_num_alive(region) > 1)
            region_settle(region);
        actor = next_actor(region, actor->number);
    }
    progress_end(&region->progress);
    note("%lu instructions, %zu thread(s)", region->icount, region->num_actors);
}

/* What was recorded until then is a region, too, and may have taken hours. */
static void check_end(const struct region *region)
{
    const struct region_end *end = &region->options->end;
    if (!region->ended || (end->length == REGION_TO_END && !end->address))
        return;
    if (end->length != REGION_TO_END && region_instructions(region) >= end->length)
        return;
    if (end->address)
        warn("the program ended in the region, %lu instructions after the start: it came to the "
             "end at 0x%lx %lu times of %lu; the region ends with the program",
             region_instructions(region), end->address, region->arrivals, end->address_count);
    else
        warn("the program ended in the region, %lu instructions after the start, before the "
             "region did (%lu); the region ends with the program",
             region_instructions(region), end->length);
}

struct region *region_run(struct tracee *tracee, const struct snapshot *snapshot,
                          const struct thread *first, const struct region_options *options)
{
    struct region *region = begin(tracee, snapshot, first, options);
    sysstate_begin(tracee->pid);
    run(region);
    check_end(region);
    sysstate_end();
    for (size_t i = 0; i < region->num_actors; i++) {
        struct actor *actor = region->actors[i];
        actor->log_entries = thread_log_entries(actor->log);
        thread_log_close(actor->log, actor->icount);
        actor->log = NULL;
    }
    if (!region->ended)
        region_mark(region, "Sim-End");
    region_mark(region, "Fini");
    if (options->with_events)
        events_write(region->events);
    return region;
}

/* Behind exec the thread is still inside the call, and the first step only brings it out. */
static void leave_exec(struct region *region, struct actor *actor)
{
    uint64_t rip = actor->registers.rip;
    step(region, actor, INSTRUCTION_PLAIN);
    if (actor->registers.rip != rip)
        region_count(region, actor, rip);
}

struct region *region_skip(struct tracee *tracee, const struct region_options *options)
{
    struct region *region = begin(tracee, NULL, NULL, options);
    struct actor *actor = region->actors[0];
    if (tracee->num_threads == 1 && actor->registers.orig_rax == SYS_execve)
        leave_exec(region, actor);
    if (options->end.length > 0)
        run(region);
    return region;
}

bool region_ended(const struct region *region)
{
    return region->ended;
}

uint64_t region_hits(const struct region *region, size_t index)
{
    return events_hits(region->events, index);
}

const struct thread *region_last_thread(const struct region *region)
{
    const struct actor *actor = region->last ? region->last : region->actors[0];
    return actor->thread;
}

void region_leave(struct region *region)
{
    for (size_t i = 0; i < region->num_actors; i++) {
        struct actor *actor = region->actors[i];
        if (actor->state == READY || actor->state == RETURNED)
            actor->thread->stopped = true;
    }
    affinity_release();
    events_free(region->events);
    for (size_t i = 0; i < region->num_actors; i++)
        free(region->actors[i]);
    free(region->actors);
    free(region);
}

size_t region_num_threads(const struct region *region)
{
    return region->num_actors;
}

struct region_counts region_counts(const struct region *region, size_t thread)
{
    const struct actor *actor = region->actors[thread];
    return (struct region_counts){.tid = actor->os_tid,
                                  .instructions = actor->icount,
                                  .calls = actor->calls,
                                  .log_entries = actor->log_entries,
                                  .last = actor->registers,
                                  .first_pc = actor->first_pc,
                                  .last_pc = actor->last_pc};
}

const uint64_t *region_call_addresses(const struct region *region, size_t *number)
{
    *number = region->call_addresses.count;
    return region->call_addresses.list;
}
