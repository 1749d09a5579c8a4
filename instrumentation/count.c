/* SPDX-License-Identifier: BSD-3-Clause */
/* See count.h. The trap flag's part is in step.c, the events of perf in events.c. */
#include "count.h"
#include "elfie.h"
#include "ending.h"
#include "events.h"
#include "replay.h"
#include "signals.h"
#include "step.h"
#include "syscall.h"

int elfie_not_counted;
uint8_t elfie_exit_seen, elfie_has_counter;

/* --- goals ----------------------------------------------------------------------------------- */

static void find_nearest(struct elfie_counter *c)
{
    c->nearest = UINT64_MAX;
    for (int i = 0; i < MAX_GOALS; i++)
        if (c->goals[i].kind == GOAL_ICOUNT && c->goals[i].next < c->nearest)
            c->nearest = c->goals[i].next;
}

static int has_counter(struct elfie_counter *c)
{
    if (c->counter < 0) {
        long fd = elfie_open_counter();
        c->counter = fd < 0 ? -1 : (int32_t)fd;
        elfie_has_counter |= fd >= 0;
    }
    return c->counter >= 0;
}

/* Sees to it that goal INDEX is found: by an event, or else by the trap flag. */
static void provide_means(struct elfie_counter *c, int index)
{
    if (c->goals[index].kind == GOAL_PC &&
        elfie_open_breakpoint(c, index, c->goals[index].period) < 0)
        c->stepping = 1;
    if (c->goals[index].kind == GOAL_ICOUNT && !has_counter(c))
        c->stepping = 1;
}

static void at_recorded_end(uint64_t thread);

int elfie_is_recorded_end(uint64_t thread, uint64_t icount)
{
    return elfie_process.replayed == REPLAYED && elfie_config.replay->logs[thread].icount == icount;
}

struct elfie_goal *elfie_add_goal(uint64_t thread, uint64_t pc, uint64_t period, uint64_t max,
                                  elfie_goal_reached *reached, void *argument)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    struct elfie_goal *g = c->goals;
    if (period > max)
        period = max;
    while (g < c->goals + MAX_GOALS && g->kind != GOAL_NONE)
        g++;
    if (g == c->goals + MAX_GOALS || !period)
        return NULL;
    int is_recorded_end = !pc && period == max && !c->icount && elfie_is_recorded_end(thread, max);
    if (is_recorded_end)
        elfie_process.at_recorded_end = at_recorded_end;
    *g = (struct elfie_goal){
        .kind = pc                ? GOAL_PC
                : is_recorded_end ? GOAL_RECORDED_END
                                  : GOAL_ICOUNT,
        .event = -1,
        .pc = pc,
        .next = pc ? period : c->icount + period,
        .period = period,
        .max = pc ? max : c->icount + max,
        .reached = reached,
        .argument = argument,
    };
    find_nearest(c);
    if (c->armed)
        provide_means(c, (int)(g - c->goals));
    return g;
}

/* Those that have to be looked for. */
static int num_goals(const struct elfie_counter *c)
{
    int count = 0;
    for (int i = 0; i < MAX_GOALS; i++)
        count += c->goals[i].kind == GOAL_ICOUNT || c->goals[i].kind == GOAL_PC;
    return count;
}

int elfie_has_goals(uint64_t thread)
{
    return num_goals(&elfie_records[thread].counter) != 0;
}

/* A goal that is reached for the last time is gone before its function is called, which may add
 * another. */
static void reach(uint64_t thread, struct elfie_goal *g, int signal, void *info, void *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    struct elfie_goal reached = *g;
    g->samples = ++reached.samples;
    if (g->next >= g->max) {
        elfie_close_event(g->event);
        g->event = -1;
        g->kind = GOAL_NONE;
    } else {
        uint64_t left = g->max - g->next;
        if (left < g->period && g->event >= 0) { /* the kernel goes on by whole periods */
            g->arrivals = g->next;
            elfie_close_event(g->event);
            if (elfie_open_breakpoint(c, (int)(g - c->goals), left) < 0)
                c->stepping = 1;
        }
        g->next += left < g->period ? left : g->period;
    }
    find_nearest(c);
    if (reached.reached)
        reached.reached(thread, g, signal, info, context);
    else if (g->kind == GOAL_NONE)
        elfie_end_thread(thread);
    if (!num_goals(c)) /* the thread goes on, with nothing to be found any more */
        c->stepping = 0;
}

void elfie_check_goals(uint64_t thread, uint64_t rip, int signal, void *info, void *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    for (struct elfie_goal *g = c->goals; g < c->goals + MAX_GOALS; g++)
        if (g->kind == GOAL_ICOUNT
                ? c->icount >= g->next
                : g->kind == GOAL_PC && g->event < 0 && g->pc == rip && ++g->arrivals == g->next)
            reach(thread, g, signal, info, context);
}

void elfie_reach_event(uint64_t thread, uint64_t goal, int signal, void *info, void *context)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    if (goal < MAX_GOALS && c->goals[goal].kind == GOAL_PC && c->goals[goal].event >= 0)
        reach(thread, &c->goals[goal], signal, info, context);
}

static void at_recorded_end(uint64_t thread)
{
    for (struct elfie_goal *g = elfie_records[thread].counter.goals, *end = g + MAX_GOALS; g < end;
         g++)
        if (g->kind == GOAL_RECORDED_END)
            reach(thread, g, 0, NULL, NULL);
}

/* --- means ----------------------------------------------------------------------------------- */

static _Noreturn void refuse(uint64_t thread, const struct elfie_goal *g)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, ": no hardware counter here, and the end is ");
    elfie_put_decimal(&line, g->next);
    elfie_put(&line, " instructions away, more than ELFIE_STEP_LIMIT (");
    elfie_put_decimal(&line, elfie_process.step_limit);
    elfie_put(&line, "); ");
    if (elfie_marks[thread].end_pc)
        elfie_put(&line, "use ELFIE_PCCOUNT=1, which needs none, or ");
    elfie_put(&line,
              "raise the limit (about 90,000 instructions a second); the region was not run\n");
    elfie_write(&line);
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_NOT_COUNTED);
}

/* The furthest of the goals by number decides. */
static void check_limit(uint64_t thread, const struct elfie_counter *c)
{
    for (int i = 0; i < MAX_GOALS; i++)
        if (c->goals[i].kind == GOAL_ICOUNT && c->goals[i].next > elfie_process.step_limit)
            refuse(thread, &c->goals[i]);
}

uint64_t elfie_start_counting(uint64_t thread)
{
    struct elfie_counter *c = &elfie_records[thread].counter;
    c->counter = -1;
    c->armed = 1;
    if (!num_goals(c))
        return 0;
    if (elfie_process.count_calls || elfie_answers_calls())
        elfie_fail("ELFIE_COUNT_CALLS, ELFIE_ROOT, ELFIE_PID and ELFIE_MMAP cannot be had together "
                   "with counted ends; the region was not run",
                   0);
    elfie_set_action(SIGTRAP, elfie_on_trap, 0);
    elfie_set_action(EVENT_SIGNAL, elfie_on_trap, 0);
    for (int i = 0; i < MAX_GOALS; i++)
        provide_means(c, i);
    /* Calls of a replay that comes by signals, and steps of its own, would be counted as well. */
    if (elfie_process.replayed && (c->stepping || c->counter >= 0 || elfie_config.num_threads > 1))
        elfie_fail(
            "a region that is replayed ends where its recording does; a place before that is "
            "found by address only, and with one thread (ELFIE_PCCOUNT=1, ELFIE_WARMUP=0); "
            "ELFIE_REPLAY=off counts, without the recorded answers; the region was not run",
            0);
    if (c->stepping) {
        elfie_close_event(c->counter);
        c->counter = -1;
        check_limit(thread, c);
    }
    return c->stepping || c->counter >= 0 ? TRAP_FLAG : 0;
}

int64_t elfie_icount_of(uint64_t thread)
{
    const struct elfie_counter *c = &elfie_records[thread].counter;
    if (c->enabled && c->calibrated)
        return (int64_t)(c->icount + elfie_read_counter(c->counter) - c->overhead);
    return c->stepping || c->counter >= 0 ? (int64_t)c->icount : -1;
}
