/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a thread of the region through a system call, which may block, make a thread, or be its
 * last, and logs what the call returned and wrote. */
#include "region_parts.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "affinity.h"
#include "message.h"
#include "region_files.h"
#include "repeatable.h"

static bool is_exit(const struct call *call)
{
    return call->number == SYS_exit || call->number == SYS_exit_group;
}

/* The call runs a child that shares the memory, up to its exec (posix_spawn does that). */
static bool lends_memory(const struct region *region, const struct call *call)
{
    uint64_t word;
    return call->number == SYS_vfork || region_clone_flags(region, call, &word) & CLONE_VFORK;
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
    actor_get_registers(actor);
    /* The instruction saves the flags there, with the tracer's. */
    if (actor->registers.r11 & EFLAGS_TF && actor->call.number != SYS_rt_sigreturn) {
        actor->registers.r11 &= ~EFLAGS_TF;
        actor_set_registers(actor);
    }
    affinity_after_call(&actor->call);
    repeatable_after_call(region->tracee, &actor->call, (int64_t)actor->registers.rax);
    region_log_turn(region, actor);
    bool is_clone = actor->child != NULL;
    actor->calls++;
    region_note_call(region, rip + 2);
    region_count(region, actor, rip);
    region_arrive(region, actor);
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
        region_log_turn(region, actor);
        actor->calls++;
        region_note_call(region, actor->call.rip + 2);
        region_count(region, actor, actor->call.rip);
    } else {
        fail("the program was killed while it was recorded");
    }
    if (actor->call.number == SYS_exit_group) {
        region->over = region->ended = true;
        return;
    }
    actor_let_go(region, actor);
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
            actor_meets_thread(region, actor, (pid_t)message);
        actor_go(actor, 0);
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
            actor_fail(actor, "was stopped by a signal");
        actor_go(actor, 0);
        return;
    default:
        break;
    }
    if (signal != SIGTRAP) {
        if (!actor_ends_with_signal(region, actor, signal))
            actor_go(actor, 0);
    } else if (is_complete(actor))
        end_call(region, actor);
    else
        actor_go(actor, 0);
}

void actor_begins_call(struct region *region, struct actor *actor)
{
    actor->call = call_enter(region->tracee, &actor->registers);
    region_log_pending(region, actor); /* before it may write there again */
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
    actor_go(actor, 0);
}

/* The call of ACTOR has stopped for some reason: goes on with it until it is complete or blocks. */
void actor_goes_on_with_call(struct region *region, struct actor *actor)
{
    while (!region->over && actor->state == RETURNED) {
        actor->thread->stopped = true;
        take_return(region, actor);
        if (actor->state == IN_CALL && !region->over) {
            actor->thread->stopped = false;
            region_settle(region);
        }
    }
}
