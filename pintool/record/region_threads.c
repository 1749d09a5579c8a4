/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads of a region and ptrace: signals that come to them, their ends, those that they make,
 * and what waitpid() says of those inside calls. */
#include "region_parts.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "affinity.h"
#include "memory.h"
#include "message.h"

/* --- ptrace ----------------------------------------------------------------------------------- */

void actor_get_registers(struct actor *actor)
{
    tracee_get_registers(actor->thread, &actor->registers);
}

void actor_set_registers(const struct actor *actor)
{
    if (ptrace(PTRACE_SETREGS, actor->thread->tid, 0, &actor->registers) != 0)
        fail("the registers of thread %u cannot be set: %s", actor->number, strerror(errno));
}

void actor_go(const struct actor *actor, int signal)
{
    if (ptrace(PTRACE_SINGLESTEP, actor->thread->tid, 0, signal) != 0 && errno != ESRCH)
        fail("thread %u cannot be stepped: %s", actor->number, strerror(errno));
}

_Noreturn void actor_fail(const struct actor *actor, const char *what)
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
bool actor_ends_with_signal(struct region *region, struct actor *actor, int signal)
{
    char what[96];
    uint64_t bit = UINT64_C(1) << (signal - 1);
    pid_t tid = actor->thread->tid;
    actor_get_registers(actor);
    snprintf(what, sizeof what, "got signal %d (%s)", signal, strsignal(signal));
    if (signal_set(tid, "SigCgt:") & bit)
        actor_fail(actor, what);
    if (signal_set(tid, "SigIgn:") & bit || is_ignored_by_default(signal))
        return false;
    if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
        actor_fail(actor, what);
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

size_t region_num_alive(const struct region *region)
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
void actor_let_go(struct region *region, struct actor *actor)
{
    pid_t tid = actor->thread->tid;
    uint32_t before = 0, after = 1;
    bool has_word =
        actor->tid_word && tracee_read(region->tracee, actor->tid_word, &before, 4) == 4;
    actor->state = GONE;
    if (region_num_alive(region) == 0) {
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

struct actor *region_add_actor(struct region *region, struct thread *thread,
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
uint64_t region_clone_flags(const struct region *region, const struct call *call, uint64_t *word)
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
void actor_meets_thread(struct region *region, struct actor *actor, pid_t tid)
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
    actor->child = region_add_actor(region, thread, &entry);
    free(entry.extended.area);
    actor->child->state = IN_CALL; /* until the clone is complete */
    uint64_t word, flags = region_clone_flags(region, &actor->call, &word);
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
bool region_take_status(struct region *region, bool block)
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
void region_settle(struct region *region)
{
    for (size_t i = 0; i < region->num_actors; i++) {
        struct actor *actor = region->actors[i];
        while (actor->state == IN_CALL && actor->thread->stopped == false) {
            if (region_take_status(region, false))
                continue;
            if (actor->state == IN_CALL && kernel_state(actor->thread->tid) == 'S' &&
                !region_take_status(region, false))
                break;
            sched_yield();
        }
    }
}
