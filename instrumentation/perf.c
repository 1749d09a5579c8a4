/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks of the perf kind: the region of each thread from its start over the end of the warm-up
 * to its end, and what the counters of perf count meanwhile. All is noted in memory while the
 * region runs; the monitor writes the reports when it has ended, so there is never half a report.
 */
#include "callbacks.h"
#include "count.h"
#include "elfie.h"
#include "ending.h"
#include "lte_perf.h"
#include "monitor.h"
#include "perf_events.h"
#include "perf_report.h"
#include "syscall.h"

struct perf_thread *elfie_perf_threads;
uint64_t elfie_perf_start;

uint64_t elfie_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* --- marks ----------------------------------------------------------------------------------- */

static void take(struct perf_thread *t, struct perf_moment *moment)
{
    moment->tsc = elfie_tsc();
    for (int i = 0; elfie_perf_events[i].name; i++)
        moment->values[i] = elfie_read_event(t->events[i]);
}

static void on_warmup_end(uint64_t thread, struct elfie_goal *goal, int signal, void *info,
                          void *context)
{
    (void)goal;
    (void)signal;
    (void)info;
    (void)context;
    take(&elfie_perf_threads[thread], &elfie_perf_threads[thread].warmup_end);
    if (thread == 0) /* once per process, like the first marker */
        elfie_magic2();
}

static void on_end(uint64_t thread, struct elfie_goal *goal, int signal, void *info, void *context)
{
    (void)goal;
    (void)signal;
    (void)info;
    (void)context;
    take(&elfie_perf_threads[thread], &elfie_perf_threads[thread].end);
    elfie_end_thread(thread);
}

/* Of a region that is replayed, which ends by itself when all threads have come. */
static void on_recorded_end(uint64_t thread, struct elfie_goal *goal, int signal, void *info,
                            void *context)
{
    (void)goal;
    (void)signal;
    (void)info;
    (void)context;
    take(&elfie_perf_threads[thread], &elfie_perf_threads[thread].end);
}

static void say_of_thread(uint64_t thread, const char *what)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, what);
    elfie_write(&line);
}

static int by_address(const struct perf_place *p)
{
    return elfie_process.pc_count && p->pc;
}

static int is_known(const struct perf_place *p)
{
    return p->pc || p->icount;
}

static void add_goal(uint64_t thread, const struct perf_place *p, elfie_goal_reached *reached)
{
    uint64_t count = p->pc ? p->count : p->icount;
    elfie_add_goal(thread, p->pc, count, count, reached, NULL);
}

/* By address or by number of instructions, as the user wants it and as far as it is known. */
static struct perf_place place(uint64_t icount, uint64_t pc, uint64_t count)
{
    struct perf_place p = {.icount = icount, .pc = pc, .count = count};
    if (!by_address(&p) && icount)
        p.pc = 0;
    return p;
}

static void set_ends(uint64_t thread, struct perf_thread *t)
{
    const struct elfie_marks *m = &elfie_marks[thread];
    int warmup =
        elfie_process.warmup < 0 ? (elfie_config.flags & ELFIE_WARMUP) != 0 : elfie_process.warmup;
    t->end_place = place(m->end_icount, m->end_pc, m->end_count);
    t->warmup_place = place(m->warmup_icount, m->warmup_pc, m->warmup_count);
    if (!warmup)
        t->warmup_place = (struct perf_place){0};
    else if (!is_known(&t->warmup_place))
        say_of_thread(thread, ": the pinball does not say where its warm-up ends\n");
    if (elfie_process.pc_count && !m->end_pc)
        say_of_thread(thread,
                      ": ELFIE_PCCOUNT=1, and the pinball names no address for its end (see "
                      "elfie-record --watch-addr): it ends by number of instructions\n");
    if (is_known(&t->warmup_place))
        add_goal(thread, &t->warmup_place, on_warmup_end);
    if (!t->end_place.pc && elfie_is_recorded_end(thread, t->end_place.icount)) {
        add_goal(thread, &t->end_place, on_recorded_end);
    } else if (is_known(&t->end_place)) {
        elfie_expect_end(thread);
        add_goal(thread, &t->end_place, on_end);
    }
}

static void say_ends(uint64_t thread, const struct perf_thread *t)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "thread ");
    elfie_put_decimal(&line, thread);
    elfie_put(&line, " ends ");
    if (t->end_place.pc) {
        elfie_put(&line, "at ");
        elfie_put_hex(&line, t->end_place.pc);
        elfie_put(&line, ", time ");
        elfie_put_decimal(&line, t->end_place.count);
    } else if (t->end_place.icount) {
        elfie_put(&line, "behind instruction ");
        elfie_put_decimal(&line, t->end_place.icount);
    } else {
        elfie_put(&line, "with the program");
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
}

/* --- callbacks ------------------------------------------------------------------------------- */

static void pin(uint64_t thread)
{
    enum { CORES = 8192 };
    uint64_t mask[CORES / 64] = {0};
    uint64_t core = (uint64_t)elfie_process.core_base + thread;
    if (core < CORES)
        mask[core / 64] = UINT64_C(1) << core % 64;
    long result = elfie_syscall(__NR_sched_setaffinity, 0, sizeof mask, mask);
    if (!result)
        return;
    say_of_thread(thread, ": ELFIE_COREBASE names a core that this machine does not have, or that "
                          "is not to be used\n");
    elfie_fail("the region was not run", result);
}

/* A program that has ended by itself, before its mark, has run as well; the report tells. */
static void finish(void)
{
    if (!elfie_region_has_started())
        return;
    elfie_write_reports();
    if (elfie_is_count_lost()) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line,
                  "the program has ended where nothing counts: behind a jump out of a signal "
                  "handler, or in a thread of its own; its end may have been passed\n");
        elfie_write(&line);
        elfie_not_counted = 1;
        elfie_syscall(__NR_exit_group, STATUS_NOT_COUNTED);
    }
    elfie_ends_well = !elfie_not_counted;
}

void elfie_on_start(uint64_t num_threads, void *context)
{
    (void)context;
    elfie_read_perf_list();
    elfie_perf_threads = lte_alloc(num_threads * sizeof *elfie_perf_threads);
    if (!elfie_perf_threads)
        elfie_fail("no memory for what is to be reported; the region was not run", 0);
    elfie_prepare_reports();
    lte_atexit(finish);
    elfie_perf_start = elfie_tsc();
}

lte_td_t elfie_on_thread_start(uint64_t tnum, void *context, uint64_t icount)
{
    lte_td_t td = lte_pe_get_thread_desc(tnum);
    (void)context;
    (void)icount;
    if (!elfie_perf_threads)
        elfie_fail(
            "the process callback of the perf kind has been replaced, and its thread callback "
            "has not: give both, or use --kind basic",
            0);
    struct perf_thread *t = &elfie_perf_threads[tnum];
    if (elfie_process.core_base >= 0)
        pin(tnum);
    set_ends(tnum, t);
    if (elfie_process.verbose)
        say_ends(tnum, t);
    for (int i = 0; elfie_perf_events[i].name; i++)
        t->events[i] = lte_pe_open_thread_perf_event(td, elfie_perf_events[i].type,
                                                     elfie_perf_events[i].config, 0);
    t->start_tsc = elfie_tsc();
    return td;
}

/* There is a monitor for the sake of the reports, whatever else is called at the exit. */
void elfie_on_exit(void) {}
