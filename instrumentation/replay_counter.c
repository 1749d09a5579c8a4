/* SPDX-License-Identifier: BSD-3-Clause */
/* Stepped threads that run freely where nobody has to look, by a hardware counter of instructions:
 * from one stop to shortly before the next one, or to the next record, which is a system call or an
 * RDTSC and comes by a signal of its own. The last instructions before a stop are stepped.
 *
 * The counter is enabled as the last thing in a signal handler and disabled as the first thing in
 * the next one, by the same code whatever the signal. What it counts of the runtime's own
 * instructions meanwhile is always the same, and measured around single instructions at first. How
 * late a counter stops, and whether it counts page faults as well, is tried before the region runs.
 *
 * A record tells which instruction the thread is at: each is a check of what was counted since the
 * last one, and at the end of the thread the address of the last instruction is one. Where threads
 * were ordered by a count that was wrong, the replay ends with status 3. */
#include "count.h"
#include "elfie.h"
#include "events.h"
#include "instruction.h"
#include "replay.h"
#include "syscall.h"

#include <asm/unistd.h>
#include <linux/mman.h>
#include <linux/resource.h>

#ifndef TRAP_PERF /* headers before 5.13 */
#define TRAP_PERF 6
#endif
enum {
    TRIALS = 8,
    TRIAL_PERIOD = 1000,
    TRIAL_MAX = 1 << 14, /* turns of a loop: a counter that has not stopped by then never does */
    MARGIN_LEAST = 64,
    MARGIN_MAX = 1 << 13,
    CALIBRATIONS = 4,
    WORTH = 16, /* instructions that are stepped rather than counted: a handler has six calls */
    LONG_TAIL = 1 << 14,
    TRIAL_PAGES = 8,
    /* Some processors count one for each page fault and each interrupt (Weaver, Terpstra, Moore:
     * Non-Determinism and Overcount on Modern Hardware Performance Counter Implementations, 2013).
     * Page faults are subtracted; the kernel does not tell of interrupts. */
    TOLERANCE = 2,
    TOLERANCE_EACH = 64, /* instructions */
    LOST_AFTER = 1024,   /* looks at a counter that reads 0 */
};
#define FAR (UINT64_C(1) << 40)

#define ADVICE " (ELFIE_COUNT_BY=step and a schedule need none)"
static const char not_stopped[] = "the hardware counter has not stopped it in time" ADVICE;
static const char taken_away[] = "somebody has taken the hardware counter away" ADVICE;
static const char miscounted[] =
    "the hardware counter has not counted as many instructions as were recorded" ADVICE;

static const char overtaken[] =
    "the log has a call or an RDTSC before, or the hardware counter has counted too much" ADVICE;

static uint64_t margin; /* instructions before a stop that are stepped; 0: there is no counter */
static uint64_t fault_extra; /* counted for each page fault */
static elfie_handler *handlers[SIGSYS + 1];

int replay_is_counted(void)
{
    return margin != 0;
}

static uint64_t margin_for(uint64_t late)
{
    return 2 * late + MARGIN_LEAST;
}

static int is_overflow(int number, const siginfo_t *info)
{
    return number == EVENT_SIGNAL || (number == SIGTRAP && info->si_code == TRAP_PERF);
}

/* Of the calling thread, so far. */
static uint64_t page_faults(void)
{
    struct rusage usage = {0};
    elfie_syscall(__NR_getrusage, RUSAGE_THREAD, &usage);
    return (uint64_t)(usage.ru_minflt + usage.ru_majflt);
}

/* --- what the counter has counted --------------------------------------------------------------
 */

/* Instruction of the next record, or of the call that ends the thread; UINT64_MAX: none is known.
 */
static uint64_t next_record(uint64_t thread)
{
    const struct replay_state *s = replay_state_of(thread);
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    if (s->record < replay_records_end(thread))
        return s->record->icount;
    return logs->last == LAST_IS_CALL ? logs->icount : UINT64_MAX;
}

/* The signal is the next record's, or that of the call that ends the thread. */
static int is_record(uint64_t thread, int number, const siginfo_t *info,
                     const struct sigcontext *registers)
{
    const struct replay_record *r = replay_state_of(thread)->record;
    if (r < replay_records_end(thread)) {
        uint64_t behind = r->rip - registers->rip; /* an RDTSC, a CPUID or a ud2 has not run */
        return number == SIGSYS ? behind == 0 : behind >= 2 && behind <= INSTRUCTION_MAX;
    }
    uint64_t call = number == SIGSYS ? (unsigned)info->si_syscall : registers->rax;
    return call == __NR_exit || call == __NR_exit_group;
}

/* Instructions that the counter has for one that comes by signal NUMBER and has not run when it is
 * seen from here: a system call has, an RDTSC and a ud2 have not, and processors differ. The least
 * that was ever too much is right. */
static int64_t extra_of(int number, int64_t seen, int learn)
{
    static int64_t least[2] = {INT64_MAX, INT64_MAX};
    int64_t *extra = &least[number == SIGSYS];
    int64_t known = __atomic_load_n(extra, __ATOMIC_RELAXED);
    if (learn && seen < known && seen >= -1 && seen <= 2) {
        __atomic_store_n(extra, seen, __ATOMIC_RELAXED);
        known = seen;
    }
    return known == INT64_MAX ? number == SIGSYS : known;
}

/* N instructions were counted from where the thread was to its next record, and it is EXPECTED. */
static uint64_t check_count(uint64_t thread, const struct sigcontext *registers, uint64_t n,
                            uint64_t expected)
{
    const struct replay_state *s = replay_state_of(thread);
    int64_t off = (int64_t)(n - expected);
    int64_t allowed = TOLERANCE + (int64_t)(expected / TOLERANCE_EACH);
    if (off && (s->doubtful || off > allowed || off < -TOLERANCE))
        replay_diverged(thread, registers, NO_CALL, miscounted);
    return expected; /* nobody has gone by the count */
}

/* The thread has come to a call or an RDTSC: freely, and N instructions were counted, or stepped.
 */
static void count_to_record(uint64_t thread, int number, const siginfo_t *info,
                            const struct sigcontext *registers, int freely, uint64_t n)
{
    struct replay_state *s = replay_state_of(thread);
    uint64_t record = next_record(thread);
    uint64_t expected = record - 1 - s->count;
    int known = record != UINT64_MAX && is_record(thread, number, info, registers);
    if (freely) {
        int64_t seen = (int64_t)(n - expected);
        int64_t extra = extra_of(number, seen, known && !s->doubtful);
        n = (int64_t)n < extra ? 0 : n - (uint64_t)extra;
        if (record > s->goal && (known ? expected : n) >= s->goal - s->count)
            replay_diverged(thread, registers, NO_CALL, not_stopped);
    }
    if (known && (freely || s->estimated))
        n = check_count(thread, registers, n, expected);
    s->count += n;
    s->estimated = !known && (freely || s->estimated);
    s->doubtful &= !known;
}

static void count_to_overflow(uint64_t thread, const struct sigcontext *registers, uint64_t n)
{
    struct replay_state *s = replay_state_of(thread);
    if (n > s->goal - s->count)
        replay_diverged(thread, registers, NO_CALL, not_stopped);
    if (n > s->freely && margin_for(n - s->freely) > margin && margin < MARGIN_MAX)
        __atomic_store_n(&margin, margin_for(n - s->freely), __ATOMIC_RELAXED);
    s->count += n;
    s->estimated = 1;
    s->rip = 0; /* the last one is not known */
    if (s->count >= next_record(thread))
        replay_diverged(thread, registers, NO_CALL, overtaken);
}

void replay_check_end(uint64_t thread, const struct sigcontext *registers)
{
    const struct replay_state *s = replay_state_of(thread);
    uint64_t last = elfie_replay.logs[thread].last_pc;
    if (s->estimated && last && s->rip && s->rip != last)
        replay_diverged(thread, registers, NO_CALL, miscounted);
}

static void calibrate(struct replay_state *s, uint64_t value)
{
    if (!value) { /* the machine has promised a counter and has none to spare */
        elfie_close_event(s->counter);
        s->counter = -1;
        return;
    }
    if (!s->calibrated || value - 1 < s->overhead)
        s->overhead = value - 1;
    s->calibrated++;
}

/* The counter has been stopped: what it has counted of the region. */
static uint64_t take_count(uint64_t thread, int number, const struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    uint64_t value = elfie_read_counter(s->counter);
    uint64_t extra = fault_extra ? fault_extra * (page_faults() - s->faults) : 0;
    value = value > extra ? value - extra : 0;
    __atomic_store_n(&s->enabled, 0, __ATOMIC_RELEASE);
    if (!s->free) { /* a single instruction, which is counted where it was stepped */
        if (number == SIGTRAP)
            calibrate(s, value);
        return 0;
    }
    if (value < s->overhead)
        replay_diverged(thread, registers, NO_CALL, taken_away);
    return value - s->overhead;
}

static void count_on(uint64_t thread, int number, const siginfo_t *info,
                     const struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    uint64_t n = s->enabled ? take_count(thread, number, registers) : 0;
    int freely = s->free;
    s->free = 0;
    if (!s->stepped || s->counter < 0 || replay_in_runtime(registers->rip, registers->rip + 1))
        return;
    if (number != SIGTRAP && number != EVENT_SIGNAL)
        count_to_record(thread, number, info, registers, freely, n);
    else if (freely)
        count_to_overflow(thread, registers, n);
}

/* --- handlers ----------------------------------------------------------------------------------
 */

static void handle(uint64_t thread, int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *registers = &context->uc_mcontext;
    count_on(thread, number, info, registers);
    if (!is_overflow(number, info))
        handlers[number](number, info, context);
    else if (!replay_in_runtime(registers->rip, registers->rip + 1))
        replay_step(thread, registers);
}

/* In place of all others. An overflow while one of them runs waits until it has returned. */
static void on_signal(int number, siginfo_t *info, struct ucontext *context)
{
    uint64_t thread = replay_thread_at(context);
    struct replay_state *s = replay_state_of(thread);
    if (s->enabled)
        elfie_disable_counter(s->counter);
    if (number == SIGTRAP && info->si_code <= 0)
        number = EVENT_SIGNAL; /* somebody has sent it: the thread looks where it is, and goes on */
    handle(thread, number, info, context);
    if (s->enable) {
        s->enable = 0;
        s->enabled = 1;
        elfie_enable_counter(s->counter);
    }
}

/* --- how a thread goes on ----------------------------------------------------------------------
 */

/* Instructions behind which the thread has to stop next. */
static uint64_t next_goal(uint64_t thread)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    const struct replay_stop *end = logs->end;
    for (; s->stop < end && s->stop->icount <= s->count + 1; s->stop++)
        s->doubtful |= s->estimated;
    uint64_t goal = s->stop < end ? s->stop->icount - 1 : UINT64_MAX;
    return logs->last != LAST_IS_CALL && logs->icount < goal ? logs->icount : goal;
}

static int is_plain(uint64_t rip)
{
    return elfie_instruction_at((const uint8_t *)rip, INSTRUCTION_MAX) == PLAIN;
}

/* When the handler returns. The signal comes behind PERIOD instructions of the region at least: the
 * overhead is that of its handler, too. */
static void enable(struct replay_state *s, uint64_t period)
{
    if (fault_extra)
        s->faults = page_faults();
    elfie_set_counter(s->counter, period + s->overhead);
    s->enable = 1;
}

int replay_runs_freely(uint64_t thread, struct sigcontext *registers)
{
    struct replay_state *s = replay_state_of(thread);
    if (s->counter < 0)
        return 0;
    uint64_t goal = next_goal(thread), record = next_record(thread);
    if (s->calibrated < CALIBRATIONS) {
        if (is_plain(registers->rip))
            enable(s, FAR);
        return 0;
    }
    uint64_t late = __atomic_load_n(&margin, __ATOMIC_RELAXED);
    uint64_t left = (record <= goal ? record : goal) - s->count;
    if (left <= WORTH || (record > goal && left <= late + WORTH))
        return 0;
    if (record <= goal)
        goal = record + 2 * late; /* only where it does not come */
    s->freely = goal - s->count - late;
    s->free = 1;
    s->after_pushf = 0;
    registers->eflags &= ~(uint64_t)TRAP_FLAG;
    __atomic_store_n(&s->goal, goal, __ATOMIC_RELAXED);
    __atomic_store_n(&s->runs, s->runs + 1, __ATOMIC_RELEASE);
    enable(s, s->freely);
    return 1;
}

/* --- a counter that does not come back ---------------------------------------------------------
 */

/* The thread runs freely, and past its stop. Others look, who may be waiting for it. */
static const char *is_lost(struct replay_state *s)
{
    uint32_t run = __atomic_load_n(&s->runs, __ATOMIC_ACQUIRE);
    uint64_t most = s->overhead + __atomic_load_n(&s->goal, __ATOMIC_RELAXED) - s->count;
    if (!__atomic_load_n(&s->enabled, __ATOMIC_ACQUIRE) || !s->free)
        return NULL;
    uint64_t value = elfie_read_counter(s->counter);
    if (__atomic_load_n(&s->runs, __ATOMIC_ACQUIRE) != run ||
        !__atomic_load_n(&s->enabled, __ATOMIC_ACQUIRE))
        return NULL;
    if (value || s->looked_at != run)
        s->looks = 0;
    s->looked_at = run;
    return value > most ? not_stopped : !value && ++s->looks > LOST_AFTER ? taken_away : NULL;
}

void replay_look_after_counters(void)
{
    for (uint64_t t = 0; margin && t < elfie_replay.num_threads; t++) {
        const char *why = is_lost(replay_state_of(t));
        struct sigcontext unknown = {.rip = replay_state_of(t)->rip};
        if (why)
            replay_diverged(t, &unknown, NO_CALL, why);
    }
}

/* --- the start ---------------------------------------------------------------------------------
 */

static struct {
    long counter;
    volatile uint32_t stopped;
    uint64_t latest;
} trial;

static void on_trial(int number, siginfo_t *info, struct ucontext *context)
{
    elfie_disable_counter(trial.counter);
    (void)context;
    if (!is_overflow(number, info))
        return;
    uint64_t counted = elfie_read_counter(trial.counter);
    uint64_t late =
        counted < TRIAL_PERIOD ? UINT64_MAX : counted - TRIAL_PERIOD; /* early: no use */
    if (late > trial.latest)
        trial.latest = late;
    trial.stopped++;
}

/* What is counted while a byte of each page is written. */
static uint64_t count_writes(volatile uint8_t *pages)
{
    elfie_set_counter(trial.counter, FAR);
    elfie_enable_counter(trial.counter);
    for (size_t i = 0; i < TRIAL_PAGES; i++)
        pages[i * PAGE_SIZE] = 1;
    elfie_disable_counter(trial.counter);
    return elfie_read_counter(trial.counter);
}

/* The first writes are page faults, the second ones are not. */
static void try_page_faults(void)
{
    const uint64_t size = TRIAL_PAGES * PAGE_SIZE;
    long pages = elfie_syscall(__NR_mmap, 0, size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages < 0)
        return;
    uint64_t faulting = count_writes((volatile uint8_t *)pages);
    uint64_t others = count_writes((volatile uint8_t *)pages);
    if (faulting > others)
        fault_extra = (faulting - others + TRIAL_PAGES / 2) / TRIAL_PAGES;
    elfie_syscall(__NR_munmap, pages, size);
}

/* The counter stops the runtime as it shall stop the region: the instructions that it may be late,
 * or UINT64_MAX. */
static uint64_t try_counter(void)
{
    trial.counter = elfie_open_counter();
    if (trial.counter < 0)
        return UINT64_MAX;
    elfie_set_action(SIGTRAP, on_trial, 0);
    elfie_set_action(EVENT_SIGNAL, on_trial, 0);
    try_page_faults();
    uint32_t count = 0;
    for (; count < TRIALS && trial.stopped == count; count++) {
        elfie_set_counter(trial.counter, TRIAL_PERIOD);
        elfie_enable_counter(trial.counter);
        for (int i = 0; i < TRIAL_MAX && trial.stopped == count; i++)
            ;
        elfie_disable_counter(trial.counter);
    }
    elfie_close_event(trial.counter);
    return trial.stopped == TRIALS ? trial.latest : UINT64_MAX;
}

/* Nothing is counted where a schedule is used or written, and where little is to be stepped. */
static int is_wanted(void)
{
    const struct replay_logs *logs = &elfie_replay.logs[0];
    const struct replay_record *end = replay_records_end(0);
    if (replay_mode != REPLAY_EXACT || elfie_process.count_by == COUNT_BY_STEP ||
        replay_is_scheduled() || replay_state_of(0)->trace)
        return 0;
    uint64_t tail = logs->icount - (end > logs->records ? end[-1].icount : 0);
    return elfie_replay.num_threads > 1 || (logs->last != LAST_IS_CALL && tail > LONG_TAIL);
}

static void say_useless(uint64_t late)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "replay: the hardware counter does not stop a thread");
    if (late != UINT64_MAX) {
        elfie_put(&line, " before ");
        elfie_put_decimal(&line, late);
        elfie_put(&line, " instructions too late");
    }
    elfie_put(&line, ", and is not used\n");
    elfie_write(&line);
}

void replay_install_counter(void)
{
    static const int signals[] = {SIGTRAP, SIGSYS, SIGSEGV, SIGILL};
    const unsigned long overflows = 1ul << (SIGTRAP - 1) | 1ul << (EVENT_SIGNAL - 1);
    if (!is_wanted())
        return;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        handlers[signals[i]] = elfie_action_of(signals[i]);
    uint64_t late = try_counter();
    if (late == UINT64_MAX || margin_for(late) > MARGIN_MAX) {
        elfie_set_action(SIGTRAP, handlers[SIGTRAP], 0);
        elfie_set_action(EVENT_SIGNAL, NULL, 0);
        if (elfie_process.verbose && trial.counter >= 0)
            say_useless(late);
        return;
    }
    margin = margin_for(late);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (handlers[signals[i]])
            elfie_set_action(signals[i], on_signal, overflows);
    elfie_set_action(EVENT_SIGNAL, on_signal, overflows);
}

void replay_start_counter(uint64_t thread)
{
    long fd = margin && !elfie_has_goals(thread) ? elfie_open_counter() : -1;
    replay_state_of(thread)->counter = fd < 0 ? -1 : (int32_t)fd;
}
