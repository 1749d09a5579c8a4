/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that are stepped: the trap flag is set, a SIGTRAP behind each instruction counts it, and
 * before the next one the thread waits for those that .race names. A system call and an RDTSC come
 * as SIGSYS and SIGSEGV, a CPUID as SIGILL, and have no SIGTRAP behind them: they are counted
 * there. A string instruction with a REP prefix traps behind each round, and counts once. */
#include "instruction.h"
#include "replay.h"
#include "syscall.h"

enum { PUSHF = 0x9c, POPF = 0x9d, OPERAND_SIZE = 0x66 };
#ifndef TRAP_PERF /* headers before 5.13 */
#define TRAP_PERF 6
#endif

enum { SPINS = 64 };
enum { STUCK_EVERY = 1024, STUCK_TIMES = 16 }; /* looks whether all wait, and says so */
enum { TAIL_MAX = 1 << 20 }; /* instructions that are stepped: 12 s, measured at 90,000 a second */

static int is_repeated(uint64_t rip)
{
    return elfie_instruction_at((const uint8_t *)rip, INSTRUCTION_MAX) == STRING;
}

/* The thread waits, and may not go on: not only has it not noticed yet. */
static int is_waiting(const struct replay_state *s)
{
    const struct replay_order *o = __atomic_load_n(&s->waiting_for, __ATOMIC_ACQUIRE);
    return o && __atomic_load_n(&replay_state_of(o->thread)->count, __ATOMIC_ACQUIRE) < o->other;
}

/* All threads that are there wait, and none has got on since PROGRESS. */
static int is_stuck(uint64_t *progress)
{
    uint64_t sum = 0;
    int waiting = 1;
    for (uint64_t t = 0; t < elfie_replay.num_threads; t++) {
        const struct replay_state *s = replay_state_of(t);
        int there = t < elfie_config.num_threads || __atomic_load_n(&s->ready, __ATOMIC_ACQUIRE);
        sum += __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
        waiting &= !there || is_waiting(s) || __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE);
    }
    int stuck = waiting && sum == *progress;
    *progress = sum;
    return stuck;
}

static void wait_for(uint64_t thread, const struct sigcontext *registers,
                     const struct replay_order *o)
{
    struct replay_state *s = replay_state_of(thread);
    const uint64_t *count = &replay_state_of(o->thread)->count;
    uint64_t progress = 0;
    int stuck = 0;
    for (int i = 0; __atomic_load_n(count, __ATOMIC_ACQUIRE) < o->other; i++) {
        if (i < SPINS) {
            __builtin_ia32_pause();
            continue;
        }
        __atomic_store_n(&s->waiting_for, o, __ATOMIC_RELEASE);
        elfie_syscall(__NR_sched_yield);
        if (i % STUCK_EVERY)
            continue;
        replay_look_after_counters();
        stuck = is_stuck(&progress) ? stuck + 1 : 0;
        if (stuck == STUCK_TIMES)
            replay_diverged(thread, registers, NO_CALL, "the threads wait for each other");
    }
    __atomic_store_n(&s->waiting_for, NULL, __ATOMIC_RELEASE);
}

/* The program must neither see the trap flag nor clear it. */
static void watch_flags(struct replay_state *s, const struct sigcontext *registers)
{
    const uint8_t *code = (const uint8_t *)registers->rip;
    code += *code == OPERAND_SIZE;
    s->after_pushf = *code == PUSHF;
    if (*code == POPF)
        *(uint16_t *)registers->rsp |= TRAP_FLAG;
}

void replay_wait(uint64_t thread, const struct sigcontext *registers, uint64_t icount)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_order *end = (const void *)elfie_replay.logs[thread].stops;
    while (s->order < end && s->order->icount <= icount)
        wait_for(thread, registers, s->order++);
}

void replay_step(uint64_t thread, struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    uint64_t next = s->count + 1;
    __atomic_store_n(&s->count, s->count, __ATOMIC_RELEASE);
    if (s->count >= logs->icount) {
        replay_check_end(thread, registers);
        replay_end(thread);
    }
    replay_wait(thread, registers, next);
    replay_apply(s, next);
    if (s->record < replay_records_end(thread) && s->record->icount == next)
        replay_patch_next(thread);
    s->rip = registers->rip;
    if (replay_runs_freely(thread, registers)) {
        replay_patch_next(thread);
        return;
    }
    watch_flags(s, registers);
    registers->eflags |= TRAP_FLAG;
}

static void on_trap(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *registers = &context->uc_mcontext;
    uint64_t thread = replay_thread_at(context);
    struct replay_state *s = replay_state_of(thread);
    (void)number;
    if (info->si_code <= 0)
        return; /* somebody has sent it */
    if (s->scheduled) {
        if (info->si_code == TRAP_PERF)
            replay_at_breakpoint(thread, registers);
        return;
    }
    if (replay_in_runtime(registers->rip, registers->rip + 1)) {
        /* On the way to the context, which loads flags of its own. */
        if (*(const uint8_t *)registers->rip == POPF)
            *(uint16_t *)registers->rsp |= TRAP_FLAG;
        return;
    }
    if (s->started && registers->rip == s->rip && is_repeated(s->rip))
        return;
    if (s->after_pushf)
        *(uint16_t *)registers->rsp &= (uint16_t)~TRAP_FLAG;
    s->count += s->started;
    s->started = 1;
    replay_trace_step(thread, registers->rip, 0);
    replay_step(thread, registers);
}

void replay_after_record(uint64_t thread, struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    if (s->scheduled) {
        replay_arrive(thread, registers);
    } else if (s->stepped || replay_steps_to_end(thread)) {
        replay_trace_step(thread, registers->rip, 1);
        replay_step(thread, registers);
    } else {
        replay_patch_next(thread);
    }
}

int replay_steps_to_end(uint64_t thread)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    const struct replay_record *end = replay_records_end(thread);
    uint64_t done = end > logs->records ? end[-1].icount : 0;
    if (replay_mode != REPLAY_EXACT || elfie_replay.num_threads > 1 || logs->last == LAST_IS_CALL ||
        s->record < end || (logs->icount - done > TAIL_MAX && s->counter < 0 && !s->trace))
        return 0;
    s->stepped = 1;
    s->started = end > logs->records;
    s->count = done;
    return 1;
}

void replay_install_stepping(void)
{
    elfie_set_action(SIGTRAP, on_trap, 0);
}

void replay_start_stepping(uint64_t thread)
{
    replay_state_of(thread)->stepped = 1;
    __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "i"(TRAP_FLAG) : "memory", "cc");
}
