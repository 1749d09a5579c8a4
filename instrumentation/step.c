/* SPDX-License-Identifier: BSD-3-Clause */
/* See step.h. Measured on Linux 6.18: with the trap flag set, a SIGTRAP comes after each
 * instruction, but a system call and the instruction behind it give one together; a REP-prefixed
 * instruction gives one for each turn; the kernel clears the flag for signal handlers and sets it
 * again when they return; new threads and processes inherit it.
 *
 * With a hardware counter the flag is only for the last instructions before a goal. The counter is
 * enabled as the last thing in a handler and disabled as the first thing in the next one; what it
 * counts of the runtime's own instructions meanwhile is the same each time, and measured at the
 * start: around single instructions of the region. */
#include "step.h"
#include "count.h"
#include "elfie.h"
#include "ending.h"
#include "events.h"
#include "instruction.h"
#include "syscall.h"

#include <asm/errno.h>

#ifndef TRAP_PERF /* uapi/asm-generic/siginfo.h, since Linux 5.13 */
#define TRAP_PERF 6
#endif
enum { PERF_DATA = 24 }; /* offset of si_perf_data in siginfo_t */
enum { SYSCALL_LENGTH = 2 };
enum { CALIBRATIONS = 4 };
enum { SKID = 4096 }; /* instructions that a counter may stop late; measured by others: hundreds */

/* The thread whose signal stack we stand on. The program may have given the thread another one, and
 * what it has started itself has none. */
static int64_t current_thread(void)
{
    char here;
    if (elfie_has_counter) /* what it counts of this must always be the same */
        return elfie_signal_thread();
    uint64_t offset = (uint64_t)&here - (uint64_t)elfie_stack_of(0);
    uint64_t thread = offset / elfie_layout.callback_stack_size;
    if (thread < elfie_config.num_threads)
        return (int64_t)thread;
    return elfie_signal_thread();
}

/* --- the hardware counter -------------------------------------------------------------------- */

/* What the counter has counted of the region since it was enabled. */
static uint64_t stop_counter(struct elfie_counter *c)
{
    uint64_t value = elfie_read_counter(c->counter);
    c->enabled = 0;
    return value;
}

static void calibrate(struct elfie_counter *c, uint64_t value)
{
    if (!value) { /* the machine has promised a counter and has none to spare */
        elfie_close_event(c->counter);
        c->counter = -1;
        c->stepping = 1;
        return;
    }
    if (c->calibrated == 0 || value - 1 < c->overhead)
        c->overhead = value - 1;
    c->calibrated++;
}

/* Decides how the thread goes on to its next goal by number. */
static void plan_counter(struct elfie_counter *c, struct sigcontext *r)
{
    uint64_t left = c->nearest - c->icount;
    int far = c->nearest != UINT64_MAX && left > 2 * SKID;
    if (c->calibrated < CALIBRATIONS ? c->kind == PLAIN : far) {
        elfie_set_counter(c->counter,
                          c->calibrated < CALIBRATIONS ? UINT64_C(1) << 40 : left - SKID);
        c->enable = 1;
    }
    if (c->calibrated == CALIBRATIONS && (far || c->nearest == UINT64_MAX))
        r->eflags &= ~(uint64_t)TRAP_FLAG;
    else
        r->eflags |= TRAP_FLAG;
}

/* --- instruction by instruction -------------------------------------------------------------- */

/* Bytes from ADDRESS on that can be read, up to an instruction's length. */
static size_t readable(struct elfie_counter *c, uint64_t address)
{
    uint64_t page = address & -PAGE_SIZE;
    uint8_t residency;
    if (page != c->good_page && !elfie_captured(page, page + PAGE_SIZE) &&
        elfie_syscall(__NR_mincore, page, PAGE_SIZE, &residency))
        return 0;
    c->good_page = page;
    uint64_t left = page + PAGE_SIZE - address;
    if (left >= INSTRUCTION_MAX)
        return INSTRUCTION_MAX;
    /* The next page may be missing, and the instruction end before it. */
    uint64_t next = page + PAGE_SIZE;
    return elfie_captured(next, next + PAGE_SIZE) ||
                   !elfie_syscall(__NR_mincore, next, PAGE_SIZE, &residency)
               ? INSTRUCTION_MAX
               : left;
}

static enum instruction instruction_at(struct elfie_counter *c, uint64_t address)
{
    return elfie_instruction_at((const uint8_t *)address, readable(c, address));
}

/* The system call at rip has been executed here, instead of by the program. */
static void set_result(struct sigcontext *r, long result)
{
    r->rax = (uint64_t)result;
    r->rip += SYSCALL_LENGTH;
    r->rcx = r->rip;
    r->r11 = r->eflags & ~(uint64_t)TRAP_FLAG;
}

static long execute(const struct sigcontext *r)
{
    return elfie_syscall((long)r->rax, r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

/* A program that blocks all signals must not block ours: the kernel ends a process by a trap that
 * it cannot deliver. 1: done. */
static int emulate_sigprocmask(struct sigcontext *r, struct ucontext *context)
{
    const uint64_t ours = UINT64_C(1) << (SIGTRAP - 1);
    uint64_t old = context->uc_sigmask;
    if (r->rax != __NR_rt_sigprocmask || !r->rsi || r->r10 != sizeof old)
        return 0;
    /* Changes the handler's own mask, which ends with it; finds out whether both pointers are good.
     */
    long result = execute(r);
    if (!result) {
        uint64_t set = *(const uint64_t *)r->rsi & ~ours;
        context->uc_sigmask = r->rdi == SIG_BLOCK     ? old | set
                              : r->rdi == SIG_UNBLOCK ? old & ~set
                                                      : set;
        if (r->rdx)
            *(uint64_t *)r->rdx = old;
    }
    set_result(r, result);
    return 1;
}

/* Calls that cannot be executed by anybody but the program itself. */
static int is_own_call(uint64_t number)
{
    switch (number) {
    case __NR_clone:
    case __NR_clone3:
    case __NR_fork:
    case __NR_vfork:
    case __NR_execve:
    case __NR_execveat:
    case __NR_rt_sigreturn:
    case __NR_sigaltstack:
    case __NR_rt_sigsuspend:
    case __NR_exit:
    case __NR_exit_group:
        return 1;
    default:
        return 0;
    }
}

static int is_goal(const struct elfie_counter *c, uint64_t rip)
{
    for (int i = 0; i < MAX_GOALS; i++)
        if (c->goals[i].kind == GOAL_PC && c->goals[i].event < 0 && c->goals[i].pc == rip)
            return 1;
    return 0;
}

/* A system call is next. 1: it has been executed here. */
static int before_call(uint64_t thread, siginfo_t *info, struct ucontext *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    struct sigcontext *r = &context->uc_mcontext;
    uint64_t behind = r->rip + SYSCALL_LENGTH;
    if (*(const uint8_t *)r->rip == 0xcd)
        return 0; /* int 0x80 has numbers of its own */
    switch (r->rax) {
    case __NR_exit:
    case __NR_exit_group:
        elfie_exit_seen = 1;
        c->icount++; /* no trap comes any more */
        elfie_check_goals(thread, 0, SIGTRAP, info, context);
        if (r->rax == __NR_exit)
            elfie_thread_leaves(thread);
        return 0;
    case __NR_clone:
    case __NR_clone3:
    case __NR_fork:
    case __NR_vfork:
        c->forked = 1;
        return 0;
    default:
        break;
    }
    if (*(const uint8_t *)r->rip != 0x0f)
        return 0; /* int 0x80 */
    int ours = r->rax == __NR_rt_sigaction && r->rdi == SIGTRAP;
    if (!ours && emulate_sigprocmask(r, context))
        return 1;
    /* The trap comes too late when a goal, or another system call, is right behind this one. */
    if (ours || (!is_own_call(r->rax) && (c->icount + 1 == c->nearest || is_goal(c, behind) ||
                                          instruction_at(c, behind) == SYSTEM_CALL))) {
        set_result(r, ours ? 0 : execute(r));
        return 1;
    }
    return 0;
}

/* What has been executed since the last trap, and how often it counts. */
static uint64_t executed(struct elfie_counter *c, struct sigcontext *r)
{
    switch (c->kind) {
    case STRING:
        return r->rip != c->last_rip;
    case PUSH_FLAGS:
        *(uint16_t *)r->rsp &= (uint16_t)~TRAP_FLAG;
        return 1;
    case SYSTEM_CALL:
        if (r->r11 == c->last_r11)
            r->r11 &= ~(uint64_t)TRAP_FLAG;
        /* A REP-prefixed instruction behind it may not be at its end. */
        if (r->rip == c->last_rip + SYSCALL_LENGTH)
            return 1;
        return 2;
    default:
        return 1;
    }
}

static void check_step_limit(const struct elfie_counter *c, uint64_t thread)
{
    if (!c->stepping || c->icount <= elfie_process.step_limit)
        return;
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, ": not at its end after ELFIE_STEP_LIMIT (");
    elfie_put_decimal(&line, elfie_process.step_limit);
    elfie_put(&line, ") instructions, and there are no breakpoint events here (see "
                     "/proc/sys/kernel/perf_event_paranoid); the region was not run to its end\n");
    elfie_write(&line);
    elfie_not_counted = 1;
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_NOT_COUNTED);
}

/* Looks at what is executed next, and executes system calls that have to be executed here. */
static void look_ahead(uint64_t thread, siginfo_t *info, struct ucontext *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    struct sigcontext *r = &context->uc_mcontext;
    c->kind = (uint8_t)instruction_at(c, r->rip);
    while (c->kind == SYSTEM_CALL && before_call(thread, info, context)) {
        c->icount++;
        elfie_check_goals(thread, r->rip, SIGTRAP, info, context);
        c->kind = (uint8_t)instruction_at(c, r->rip);
    }
    c->last_rip = r->rip;
    c->last_r11 = r->eflags | TRAP_FLAG;
}

static void on_step(uint64_t thread, siginfo_t *info, struct ucontext *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    if (c->entered) {
        uint64_t n = executed(c, &context->uc_mcontext);
        if (!n)
            return;
        c->icount += n;
    }
    c->entered = 1;
    elfie_check_goals(thread, context->uc_mcontext.rip, SIGTRAP, info, context);
    check_step_limit(c, thread);
    look_ahead(thread, info, context);
}

/* --- the handler ----------------------------------------------------------------------------- */

/* Is this a process or thread that the region has made, with the flag of the one that made it? */
static int is_copy(uint64_t thread)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    if (!c->forked)
        return 0;
    if ((uint64_t)elfie_syscall(__NR_gettid) != elfie_records[thread].tid)
        return 1;
    c->forked = 0;
    return 0;
}

/* The end of the region was missed. */
static _Noreturn void fail_late(uint64_t thread, const char *why)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, why);
    elfie_write(&line);
    elfie_not_counted = 1;
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_NOT_COUNTED);
}

/* A breakpoint event, or the hardware counter, whose descriptor or cookie is no goal's. */
static void on_event(uint64_t thread, int number, siginfo_t *info, struct ucontext *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    uint64_t goal = *(const uint64_t *)(const void *)((const char *)info + PERF_DATA);
    if (number == EVENT_SIGNAL)
        for (goal = 0; goal < MAX_GOALS && c->goals[goal].event != info->si_fd;)
            goal++;
    c->entered = 1;
    if (goal < MAX_GOALS && c->goals[goal].kind == GOAL_PC &&
        c->goals[goal].pc != context->uc_mcontext.rip)
        fail_late(thread, ": the program had blocked the signal that tells of its end, and ran on "
                          "(ELFIE_COUNT_BY=step finds it)\n");
    elfie_reach_event(thread, goal, number, info, context);
    if (c->stepping || c->counter >= 0)
        look_ahead(thread, info, context);
}

void elfie_on_trap(int number, siginfo_t *info, struct ucontext *context)
{
    int64_t thread = current_thread();
    struct elfie_counter *c = thread < 0 ? NULL : &elfie_records[thread].counter;
    if (c && c->enabled)
        elfie_disable_counter(c->counter);
    struct sigcontext *r = &context->uc_mcontext;
    if (!c || is_copy((uint64_t)thread)) {
        r->eflags &= ~(uint64_t)TRAP_FLAG;
        return;
    }
    int is_event = number == EVENT_SIGNAL || info->si_code == TRAP_PERF;
    if (!is_event && elfie_in_runtime(r->rip)) /* on the way into the region */
        return;
    if (c->enabled) {
        uint64_t value = stop_counter(c);
        if (c->calibrated < CALIBRATIONS)
            calibrate(c, value);
        else if (value < c->overhead)
            fail_late((uint64_t)thread, ": somebody else has taken the hardware counter away "
                                        "(ELFIE_COUNT_BY=step needs none)\n");
        else
            c->icount += value - c->overhead;
    }
    if (is_event)
        on_event((uint64_t)thread, number, info, context);
    else
        on_step((uint64_t)thread, info, context);
    if (c->counter >= 0)
        plan_counter(c, r);
    else if (c->stepping)
        r->eflags |= TRAP_FLAG;
    else
        r->eflags &= ~(uint64_t)TRAP_FLAG;
    if (c->enable) {
        c->enable = 0;
        c->enabled = 1;
        elfie_enable_counter(c->counter);
    }
}
