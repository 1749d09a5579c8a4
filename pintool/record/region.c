/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program at the start point, gives the logs of the region.
 *
 * Threads run one at a time, a quantum of instructions each, in the order of their numbers; so the
 * same program takes the same course again. A thread whose system call blocks is left in the kernel
 * while others run; that the call has returned is noticed at points that depend on the
 * instructions alone as far as the kernel allows (settle()), and its result counts as of the
 * thread's next turn. What a call has written is logged for the next instruction that runs. */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "address_space.h"
#include "affinity.h"
#include "call_memory.h"
#include "events.h"
#include "instruction.h"
#include "memory.h"
#include "memory_copy.h"
#include "message.h"
#include "progress.h"
#include "region_files.h"
#include "repeatable.h"
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

/* --- logging ---------------------------------------------------------------------------------- */

enum { PIECE = 1 << 16 };

static void log_range(struct region *region, struct actor *actor, struct written range)
{
    static uint8_t bytes[PIECE];
    while (range.size > 0) {
        size_t size = range.size < PIECE ? range.size : PIECE;
        size_t got = tracee_read(region->tracee, range.address, bytes, size);
        thread_log_memory(actor->log, actor->icount + 1, range.address, bytes, got);
        if (got < size)
            return; /* the kernel would not have written there either */
        range.address += size;
        range.size -= size;
    }
}

static void log_pending(struct region *region, struct actor *actor)
{
    for (size_t i = 0; i < region->pending.count && actor->log; i++)
        log_range(region, actor, region->pending.list[i]);
    region->pending.count = 0;
}

/* Before ACTOR runs an instruction: its place among those of the others, and what the calls before
 * have written. */
static void log_turn(struct region *region, struct actor *actor)
{
    if (actor->log && region->last && region->last != actor)
        thread_log_order(actor->log, actor->icount + 1, region->last->number, region->last->icount);
    region->last = actor;
    log_pending(region, actor);
}

static void note_call_address(struct region *region, uint64_t address)
{
    size_t i = region->call_addresses.count;
    while (i > 0 && region->call_addresses.list[i - 1] > address)
        i--;
    if (i > 0 && region->call_addresses.list[i - 1] == address)
        return;
    size_t count = ++region->call_addresses.count;
    region->call_addresses.list =
        memory_resize(region->call_addresses.list, count, sizeof(uint64_t));
    memmove(region->call_addresses.list + i + 1, region->call_addresses.list + i,
            (count - 1 - i) * sizeof(uint64_t));
    region->call_addresses.list[i] = address;
}

static void mark(struct region *region, const char *name)
{
    uint64_t *icounts = memory_resize(NULL, region->num_actors, sizeof *icounts);
    for (size_t i = 0; i < region->num_actors; i++)
        icounts[i] = region->actors[i]->icount;
    events_mark(region->events, name, icounts, region->num_actors);
    free(icounts);
}

/* Instructions of those that the length counts. */
static uint64_t instructions_done(const struct region *region)
{
    return region->options->end.global ? region->icount : region->counted->icount;
}

/* ACTOR has completed the instruction at PC. */
static void count(struct region *region, struct actor *actor, uint64_t pc)
{
    const struct region_end *end = &region->options->end;
    actor->icount++;
    region->icount++;
    actor->last_pc = pc;
    if (region->options->num_watched > 0)
        events_count(region->events, actor->number, pc);
    uint64_t done = instructions_done(region);
    if (!region->simulating && done >= region->options->warmup) {
        region->simulating = true;
        mark(region, "Sim-Start");
    }
    if (done >= end->length)
        region->over = true;
    if ((region->icount & 0xfff) == 0) {
        message_check_signal();
        progress_show(&region->progress, done, end->length);
    }
}

/* ... and stands in front of the next one. */
static void arrive(struct region *region, const struct actor *actor)
{
    const struct region_end *end = &region->options->end;
    if (end->address && actor->registers.rip == end->address &&
        ++region->arrivals >= end->address_count)
        region->over = true;
}

/* --- ptrace ----------------------------------------------------------------------------------- */

static void get_registers(struct actor *actor)
{
    tracee_get_registers(actor->thread, &actor->registers);
}

static void set_registers(const struct actor *actor)
{
    if (ptrace(PTRACE_SETREGS, actor->thread->tid, 0, &actor->registers) != 0)
        fail("the registers of thread %u cannot be set: %s", actor->number, strerror(errno));
}

static void go(const struct actor *actor, int signal)
{
    if (ptrace(PTRACE_SINGLESTEP, actor->thread->tid, 0, signal) != 0 && errno != ESRCH)
        fail("thread %u cannot be stepped: %s", actor->number, strerror(errno));
}

static _Noreturn void fail_at(const struct actor *actor, const char *what)
{
    fail("thread %u %s at 0x%llx, after %lu instructions of the region: that cannot be recorded; "
         "have the region end before it",
         actor->number, what, actor->registers.rip, actor->icount);
}

/* --- signals ---------------------------------------------------------------------------------- */

/* A set of signals as /proc/PID/status has it. */
static uint64_t signal_set(pid_t tid, const char *key)
{
    char path[64], line[256];
    uint64_t set = 0;
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            set = strtoull(line + strlen(key), NULL, 16);
    fclose(file);
    return set;
}

static bool is_ignored_by_default(int signal)
{
    return signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
}

/* A signal has come to ACTOR. If the program ignores it, that is all; if it kills the program, the
 * region ends with it; a handler would run at a place that no log of a pinball can hold. */
static bool ends_with_signal(struct region *region, struct actor *actor, int signal)
{
    char what[96];
    uint64_t bit = UINT64_C(1) << (signal - 1);
    pid_t tid = actor->thread->tid;
    get_registers(actor);
    snprintf(what, sizeof what, "got signal %d (%s)", signal, strsignal(signal));
    if (signal_set(tid, "SigCgt:") & bit)
        fail_at(actor, what);
    if (signal_set(tid, "SigIgn:") & bit || is_ignored_by_default(signal))
        return false;
    if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
        fail_at(actor, what);
    note("thread %u %s at 0x%llx: the program ends with it", actor->number, what,
         actor->registers.rip);
    region->ended = region->over = true;
    return true;
}

/* --- the end of threads and of the program ---------------------------------------------------- */

static bool is_alive(const struct actor *actor)
{
    return actor->state != GONE;
}

static size_t num_alive(const struct region *region)
{
    size_t alive = 0;
    for (size_t i = 0; i < region->num_actors; i++)
        alive += is_alive(region->actors[i]);
    return alive;
}

/* State letter of a thread in /proc: 'S' sleeps, 'D' waits for a device, 't' is stopped. */
static char kernel_state(pid_t tid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 'X';
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    const char *parenthesis = got ? strrchr(line, ')') : NULL;
    return parenthesis && parenthesis[1] == ' ' ? parenthesis[2] : 'X';
}

/* ACTOR is at its very end (PTRACE_EVENT_EXIT): lets it go, and waits until the kernel has done
 * what it does then: it clears the tid word and wakes who waits for it. */
static void let_go(struct region *region, struct actor *actor)
{
    pid_t tid = actor->thread->tid;
    uint32_t before = 0, after = 1;
    bool has_word =
        actor->tid_word && tracee_read(region->tracee, actor->tid_word, &before, 4) == 4;
    actor->state = GONE;
    if (num_alive(region) == 0) {
        region->over = region->ended = true;
        return; /* it is left at its end, for its memory to be there */
    }
    ptrace(PTRACE_CONT, tid, 0, 0);
    if (tid == region->tracee->pid) {
        while (kernel_state(tid) != 'Z' && kernel_state(tid) != 'X')
            sched_yield();
        actor->thread->exiting = true;
        actor->thread->stopped = false;
    } else {
        int status;
        while (tracee_wait_status(tid, &status) == tid && WIFSTOPPED(status))
            ptrace(PTRACE_CONT, tid, 0, 0);
        tracee_remove_thread(region->tracee, tid);
        actor->thread = NULL;
    }
    if (has_word && before && tracee_read(region->tracee, actor->tid_word, &after, 4) == 4 &&
        after == 0)
        written_add(&region->pending, actor->tid_word, 4);
}

/* --- threads made in the region --------------------------------------------------------------- */

static struct actor *add_actor(struct region *region, struct thread *thread,
                               const struct thread_regs *entry)
{
    struct actor *actor = memory_new(sizeof *actor);
    actor->number = (unsigned)region->num_actors;
    actor->thread = thread;
    actor->os_tid = regs_inner_tid(thread->tid);
    actor->registers = entry->general;
    actor->first_pc = actor->last_pc = entry->general.rip;
    if (region->snapshot)
        actor->log = thread_log_open(actor->number, &region->snapshot->table, entry,
                                     region->options->format, region->options->compression);
    region->actors = memory_resize(region->actors, region->num_actors + 1, sizeof *region->actors);
    region->actors[region->num_actors++] = actor;
    return actor;
}

/* The arguments of clone (flags, child's tid word), wherever they are. */
static uint64_t clone_flags(const struct region *region, const struct call *call, uint64_t *word)
{
    uint64_t fields[3] = {0}; /* of struct clone_args: flags, pidfd, child_tid */
    *word = call->arguments[3];
    if (call->number != SYS_clone3)
        return call->number == SYS_clone ? call->arguments[0] : 0;
    tracee_read(region->tracee, call->arguments[0], fields, sizeof fields);
    *word = fields[2];
    return fields[0];
}

static bool has_stopped_early(struct region *region, pid_t tid)
{
    for (size_t i = 0; i < region->early.count; i++)
        if (region->early.list[i] == tid) {
            region->early.list[i] = region->early.list[--region->early.count];
            return true;
        }
    return false;
}

/* ACTOR, inside clone, has made the thread TID: waits for its first stop. It may run when the call
 * has returned. */
static void meet_thread(struct region *region, struct actor *actor, pid_t tid)
{
    int status;
    if (!has_stopped_early(region, tid) &&
        (tracee_wait_status(tid, &status) != tid || !WIFSTOPPED(status)))
        fail("thread %d, which thread %u has made, is gone", tid, actor->number);
    struct thread *thread = tracee_add_thread(region->tracee, tid);
    thread->stopped = true;
    affinity_inherit(actor->thread->tid, tid);
    struct thread_regs entry = regs_read(thread);
    if (region->snapshot && !regs_fit(&region->snapshot->table, &entry))
        warn("thread %u, made in the region, uses wider vector registers than any did at the "
             "start: they are not in the pinball",
             (unsigned)region->num_actors);
    actor->child = add_actor(region, thread, &entry);
    free(entry.extended.area);
    actor->child->state = IN_CALL; /* until the clone is complete */
    uint64_t word, flags = clone_flags(region, &actor->call, &word);
    if (flags & CLONE_CHILD_CLEARTID)
        actor->child->tid_word = word;
    if (flags & CLONE_CHILD_SETTID)
        written_add(&region->pending, word, 4);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static struct actor *find_actor(const struct region *region, pid_t tid)
{
    for (size_t i = 0; i < region->num_actors; i++)
        if (is_alive(region->actors[i]) && region->actors[i]->thread->tid == tid)
            return region->actors[i];
    return NULL;
}

/* Takes what has happened to threads inside calls, and to forked children; waits for something to
 * happen if BLOCK. False if nothing had. */
static bool take_status(struct region *region, bool block)
{
    int status;
    pid_t tid;
    do {
        message_check_signal();
        tid = waitpid(-1, &status, __WALL | (block ? 0 : WNOHANG));
    } while (tid < 0 && errno == EINTR);
    if (tid == 0)
        return false;
    if (tid < 0)
        fail("the program is gone: %s", strerror(errno));
    struct actor *actor = find_actor(region, tid);
    if (!actor && WIFSTOPPED(status) && tracee_is_own_thread(region->tracee, tid)) {
        region->early.list =
            memory_resize(region->early.list, region->early.count + 1, sizeof(pid_t));
        region->early.list[region->early.count++] = tid;
        return true;
    }
    if (!actor) {
        tracee_handle_child(region->tracee, tid, status);
        return true;
    }
    actor->status = status;
    actor->state = RETURNED;
    return true;
}

/* Lets calls go on until each has returned or sleeps in the kernel. A thread that another one has
 * woken no longer counts as sleeping when the waking call returns (the kernel's try_to_wake_up()),
 * so what is found here is the same in each run as long as nothing but the threads themselves wakes
 * them. */
static void settle(struct region *region)
{
    for (size_t i = 0; i < region->num_actors; i++) {
        struct actor *actor = region->actors[i];
        while (actor->state == IN_CALL && actor->thread->stopped == false) {
            if (take_status(region, false))
                continue;
            if (actor->state == IN_CALL && kernel_state(actor->thread->tid) == 'S' &&
                !take_status(region, false))
                break;
            sched_yield();
        }
    }
}

/* --- system calls ----------------------------------------------------------------------------- */

static bool is_exit(const struct call *call)
{
    return call->number == SYS_exit || call->number == SYS_exit_group;
}

/* The call runs a child that shares the memory, up to its exec (posix_spawn does that). */
static bool lends_memory(const struct region *region, const struct call *call)
{
    uint64_t word;
    return call->number == SYS_vfork || clone_flags(region, call, &word) & CLONE_VFORK;
}

static bool is_within(const struct written_list *list, uint64_t address)
{
    for (size_t i = 0; i < list->count; i++)
        if (address + 8 > list->list[i].address &&
            address < list->list[i].address + list->list[i].size)
            return true;
    return false;
}

/* Compares memory with what it was before the call: what is not in LIST is added. It says nothing
 * if other threads have run meanwhile. */
static void compare_memory(struct region *region, struct actor *actor, struct written_list *list)
{
    struct written_list changed = {0};
    size_t known = list->count, more = 0;
    bool alone = region->icount == actor->instructions_before + 1;
    if (alone)
        memory_copy_compare(actor->before, region->tracee, &changed);
    else
        warn("system call %lu at 0x%lx: other threads ran meanwhile: what it writes cannot be "
             "found out",
             actor->call.number, actor->call.rip);
    struct written_list only = {.list = list->list, .count = known};
    for (size_t i = 0; i < changed.count; i++)
        for (uint64_t at = 0; at < changed.list[i].size; at += 8)
            if (!is_within(&only, changed.list[i].address + at)) {
                written_add(list, changed.list[i].address + at, 8);
                only.list = list->list;
                more++;
            }
    if (more > 0 && region->options->verify && !lends_memory(region, &actor->call))
        warn("system call %lu at 0x%lx wrote %zu quadwords that are not known to be its own, the "
             "first one at 0x%lx: logged",
             actor->call.number, actor->call.rip, more, list->list[known].address);
    free(changed.list);
}

/* ACTOR has completed its call. */
static void log_call(struct region *region, struct actor *actor, bool is_clone)
{
    const struct call *call = &actor->call;
    int64_t result = (int64_t)actor->registers.rax;
    bool all = call->number == SYS_rt_sigreturn || call->number == SYS_arch_prctl;
    thread_log_call(actor->log, actor->icount, &actor->registers, is_clone, all);
    call_written(call, region->tracee, result, &region->pending);
    address_space_after(region->space, call, result, &region->pending);
    if (actor->before)
        compare_memory(region, actor, &region->pending);
    memory_copy_free(actor->before);
    actor->before = NULL;
}

/* Files that the region opens, and addresses that mmap has given it, for the sysstate. */
static void note_sysstate(const struct region *region, const struct actor *actor)
{
    const struct call *call = &actor->call;
    const int64_t result = (int64_t)actor->registers.rax;
    if (result < 0 && result > -4096)
        return;
    switch (call->number) {
    case SYS_open:
        sysstate_opened_at(region->tracee, actor->thread->tid, AT_FDCWD, call->arguments[0],
                           (int)call->arguments[1], (int)result);
        break;
    case SYS_creat:
        sysstate_opened_at(region->tracee, actor->thread->tid, AT_FDCWD, call->arguments[0],
                           O_CREAT | O_WRONLY | O_TRUNC, (int)result);
        break;
    case SYS_openat:
        sysstate_opened_at(region->tracee, actor->thread->tid, (int)call->arguments[0],
                           call->arguments[1], (int)call->arguments[2], (int)result);
        break;
    case SYS_openat2: { /* struct open_how begins with the flags */
        uint64_t flags = 0;
        tracee_read(region->tracee, call->arguments[2], &flags, sizeof flags);
        sysstate_opened_at(region->tracee, actor->thread->tid, (int)call->arguments[0],
                           call->arguments[1], (int)flags, (int)result);
        break;
    }
    case SYS_mmap:
        sysstate_mapped((uint64_t)result);
        break;
    case SYS_brk:
        sysstate_break((uint64_t)result);
        break;
    default:
        break;
    }
}

static void end_call(struct region *region, struct actor *actor)
{
    uint64_t rip = actor->call.rip;
    get_registers(actor);
    /* The instruction saves the flags there, with the tracer's. */
    if (actor->registers.r11 & EFLAGS_TF && actor->call.number != SYS_rt_sigreturn) {
        actor->registers.r11 &= ~EFLAGS_TF;
        set_registers(actor);
    }
    affinity_after_call(&actor->call);
    repeatable_after_call(region->tracee, &actor->call, (int64_t)actor->registers.rax);
    log_turn(region, actor);
    bool is_clone = actor->child != NULL;
    actor->calls++;
    note_call_address(region, rip + 2);
    count(region, actor, rip);
    arrive(region, actor);
    if (actor->log) {
        log_call(region, actor, is_clone);
        note_sysstate(region, actor);
    }
    if (is_clone) {
        actor->child->state = READY;
        actor->child = NULL;
    }
    actor->state = READY;
}
/* ACTOR has made its last call: it is counted, and has no record. */
static void end_actor(struct region *region, struct actor *actor)
{
    actor->thread->exiting = true;
    if (is_exit(&actor->call)) {
        log_turn(region, actor);
        actor->calls++;
        note_call_address(region, actor->call.rip + 2);
        count(region, actor, actor->call.rip);
    } else {
        fail("the program was killed while it was recorded");
    }
    if (actor->call.number == SYS_exit_group) {
        region->over = region->ended = true;
        return;
    }
    let_go(region, actor);
}

/* True if the call of ACTOR, stopped by the trap behind a step, is complete. */
static bool is_complete(struct actor *actor)
{
    struct user_regs_struct now;
    tracee_get_registers(actor->thread, &now);
    if (actor->call.number == SYS_rt_sigreturn)
        return true;
    /* Still in front of it: the kernel restarts it after a signal that was ignored. */
    return now.rip != actor->call.rip;
}

/* What has stopped ACTOR, which was inside a call. */
static void take_return(struct region *region, struct actor *actor)
{
    int status = actor->status;
    if (!WIFSTOPPED(status))
        fail("the program was killed while it was recorded");
    int event = status >> 16;
    int signal = WSTOPSIG(status);
    unsigned long message = 0;
    actor->state = IN_CALL;
    switch (event) {
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
        if (ptrace(PTRACE_GETEVENTMSG, actor->thread->tid, 0, &message) == 0 &&
            tracee_is_own_thread(region->tracee, (pid_t)message))
            meet_thread(region, actor, (pid_t)message);
        go(actor, 0);
        return;
    case PTRACE_EVENT_EXEC:
        fail("thread %u executes another program (exec) after %lu instructions of the region: "
             "have the region end before it",
             actor->number, actor->icount);
    case PTRACE_EVENT_EXIT:
        end_actor(region, actor);
        return;
    case PTRACE_EVENT_STOP:
        if (signal != SIGTRAP)
            fail_at(actor, "was stopped by a signal");
        go(actor, 0);
        return;
    default:
        break;
    }
    if (signal != SIGTRAP) {
        if (!ends_with_signal(region, actor, signal))
            go(actor, 0);
    } else if (is_complete(actor))
        end_call(region, actor);
    else
        go(actor, 0);
}

static void begin_call(struct region *region, struct actor *actor)
{
    actor->call = call_enter(region->tracee, &actor->registers);
    log_pending(region, actor); /* before it may write there again */
    if (region->snapshot)
        address_space_before(region->space, &actor->call);
    affinity_before_call(&actor->call);
    if (region->snapshot &&
        (!actor->call.known || region->options->verify || lends_memory(region, &actor->call))) {
        if (!actor->call.known)
            note("system call %lu is not known: memory is compared", actor->call.number);
        actor->before = memory_copy_take(region->tracee);
        actor->instructions_before = region->icount;
    }
    actor->state = IN_CALL;
    actor->thread->stopped = false;
    go(actor, 0);
}

/* The call of ACTOR has stopped for some reason: goes on with it until it is complete or blocks. */
static void go_on_with_call(struct region *region, struct actor *actor)
{
    while (!region->over && actor->state == RETURNED) {
        actor->thread->stopped = true;
        take_return(region, actor);
        if (actor->state == IN_CALL && !region->over) {
            actor->thread->stopped = false;
            settle(region);
        }
    }
}

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
        go(actor, 0);
        if (tracee_wait_status(tid, &status) != tid || !WIFSTOPPED(status))
            fail("the program was killed while it was recorded");
        int event = status >> 16;
        if (event == PTRACE_EVENT_EXIT)
            fail("the program was killed while it was recorded");
        if (event == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP)
            continue;
        if (event)
            fail_at(actor, "was stopped");
        if (WSTOPSIG(status) != SIGTRAP) {
            if (ends_with_signal(region, actor, WSTOPSIG(status)))
                return false;
            continue;
        }
        get_registers(actor);
        if (kind != INSTRUCTION_REPEATED || actor->registers.rip != rip)
            return true;
    }
}

static void run_plain(struct region *region, struct actor *actor, enum instruction kind,
                      unsigned destination)
{
    uint64_t rip = actor->registers.rip;
    log_turn(region, actor);
    if (!step(region, actor, kind))
        return;
    count(region, actor, rip);
    arrive(region, actor);
    switch (kind) {
    case INSTRUCTION_RDTSC:
    case INSTRUCTION_RDTSCP:
        if (!actor->log && repeatable) {
            repeatable_set_time(&actor->registers, region->icount);
            set_registers(actor);
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
        begin_call(region, actor);
        settle(region);
        go_on_with_call(region, actor);
        return true;
    case INSTRUCTION_OTHER_CALL:
        fail_at(actor, "makes a system call by sysenter or int $0x80");
    case INSTRUCTION_INT3:
        fail_at(actor, "executes a breakpoint (int3)");
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
        take_status(region, true);
        settle(region);
    }
}

/* A quantum of ACTOR. It does not end right behind a call, so that what the call has written is
 * logged for the same thread. */
static void take_turn(struct region *region, struct actor *actor)
{
    uint64_t end = actor->icount + region->options->quantum;
    bool after_call = false;
    if (actor->state == RETURNED) {
        go_on_with_call(region, actor);
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
        struct actor *actor = add_actor(region, thread, &entry);
        thread->signal = 0;
        set_registers(actor); /* calls that were broken off begin anew */
        actor->tid_word = find_tid_word(region, actor);
        if (thread == first)
            region->counted = actor;
    }
    if (!region->counted)
        region->counted = region->actors[0];
    region->simulating = !snapshot;
    if (snapshot && options->warmup == 0) {
        region->simulating = true;
        mark(region, "Sim-Start");
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
        if (num_alive(region) > 1)
            settle(region);
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
    if (end->length != REGION_TO_END && instructions_done(region) >= end->length)
        return;
    if (end->address)
        warn("the program ended in the region, %lu instructions after the start: it came to the "
             "end at 0x%lx %lu times of %lu; the region ends with the program",
             instructions_done(region), end->address, region->arrivals, end->address_count);
    else
        warn("the program ended in the region, %lu instructions after the start, before the "
             "region did (%lu); the region ends with the program",
             instructions_done(region), end->length);
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
        mark(region, "Sim-End");
    mark(region, "Fini");
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
        count(region, actor, rip);
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

uint64_t region_instructions(const struct region *region)
{
    return instructions_done(region);
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
