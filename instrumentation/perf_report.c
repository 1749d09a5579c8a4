/* SPDX-License-Identifier: BSD-3-Clause */
/* See perf_report.h. A report is written to a file of another name, which is made before the region
 * runs, and gets its own name when it is whole. */
#include "perf_report.h"
#include "count.h"
#include "ending.h"
#include "lte_lc.h"
#include "monitor.h"
#include "syscall.h"
#include "thread_record.h"

static const char rule[] = "------------------------------------------------\n";

/* PREFIX.T.perf.txt, and what is written first; relative names from where the ELFie was started. */
static void path_of(struct elfie_line *path, uint64_t thread, const char *ending)
{
    const char *prefix = elfie_config.perf_prefix ? elfie_config.perf_prefix : elfie_config.name;
    path->length = 0;
    if (*prefix != '/') {
        elfie_put(path, elfie_process.directory);
        elfie_put(path,
                  elfie_process.directory[0] == '/' && !elfie_process.directory[1] ? "" : "/");
    }
    elfie_put(path, prefix);
    elfie_put(path, ".");
    elfie_put_decimal(path, thread);
    elfie_put(path, ".perf.txt");
    elfie_put(path, ending);
    path->text[path->length < sizeof path->text ? path->length : sizeof path->text - 1] = '\0';
}

static void say_cannot_write(uint64_t thread)
{
    struct elfie_line line, path;
    path_of(&path, thread, "");
    elfie_begin(&line);
    elfie_put(&line, "the report '");
    elfie_put(&line, path.text);
    elfie_put(&line, "' cannot be written\n");
    elfie_write(&line);
}

static void remove_unfinished(void)
{
    struct elfie_line path;
    for (uint64_t t = 0; t < elfie_config.num_threads; t++) {
        path_of(&path, t, ".tmp");
        elfie_syscall(__NR_unlink, path.text);
    }
}

void elfie_prepare_reports(void)
{
    struct elfie_line path;
    for (uint64_t t = 0; t < elfie_config.num_threads; t++) {
        path_of(&path, t, ".tmp");
        long fd = elfie_syscall(__NR_openat, AT_FDCWD, path.text,
                                O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0) {
            say_cannot_write(t);
            remove_unfinished();
            elfie_fail("the region was not run", fd);
        }
        elfie_syscall(__NR_close, fd);
    }
    lte_atexit(remove_unfinished);
}

/* --- text ------------------------------------------------------------------------------------ */

struct report {
    long fd;
    int failed;
    struct elfie_line line;
};

static void flush(struct report *r)
{
    size_t size = r->line.length;
    r->line.length = 0;
    if (elfie_syscall(__NR_write, r->fd, r->line.text, size) != (long)size)
        r->failed = 1;
}

static void put_tsc(struct report *r, const char *what, uint64_t tsc)
{
    elfie_put(&r->line, what);
    elfie_put(&r->line, ": TSC ");
    elfie_put_decimal(&r->line, tsc);
    elfie_put(&r->line, "\n");
}

static void put_values(struct report *r, const int64_t *values)
{
    for (int i = 0; elfie_perf_events[i].name; i++) {
        elfie_put(&r->line, elfie_perf_events[i].name);
        elfie_put(&r->line, ":");
        if (values[i] < 0)
            elfie_put(&r->line, "n/a");
        else
            elfie_put_decimal(&r->line, (uint64_t)values[i]);
        elfie_put(&r->line, " ");
    }
    elfie_put(&r->line, "\n");
}

static void put_place(struct report *r, const char *what, const struct perf_place *p)
{
    elfie_put(&r->line, "\t");
    elfie_put(&r->line, what);
    if (p->pc) {
        elfie_put(&r->line, "-PC:count ");
        elfie_put_hex(&r->line, p->pc);
        elfie_put(&r->line, ":");
        elfie_put_decimal(&r->line, p->count);
    } else {
        elfie_put(&r->line, "-icount ");
        elfie_put_decimal(&r->line, p->icount);
    }
    elfie_put(&r->line, "\n");
}

static void put_moment(struct report *r, const char *title, const char *name,
                       const struct perf_moment *m, const struct perf_place *p)
{
    put_tsc(r, title, m->tsc);
    put_place(r, name, p);
    put_values(r, m->values);
    elfie_put(&r->line, rule);
    flush(r);
}

/* A jump out of a signal handler loses the trap flag: then the end of the program is not seen. */
int elfie_is_count_lost(void)
{
    for (uint64_t t = 0; t < elfie_config.num_threads; t++)
        if (elfie_records[t].counter.stepping && elfie_records[t].ends == ENDS_EXPECTED &&
            !(elfie_region_status & 0x7f) && !elfie_exit_seen)
            return 1;
    return 0;
}

/* The program has ended before the thread came to its mark. */
static void put_not_reached(struct report *r, uint64_t thread, const int64_t *values)
{
    int64_t icount = elfie_icount_of(thread);
    int signal = elfie_region_status & 0x7f;
    elfie_put(&r->line, "Simulation end: not reached\n\tProgram-end-icount ");
    if (icount < 0 || elfie_is_count_lost())
        elfie_put(&r->line, "n/a");
    else
        elfie_put_decimal(&r->line, (uint64_t)icount);
    elfie_put(&r->line, signal ? "\n\tProgram-end-signal " : "\n\tProgram-end-status ");
    elfie_put_decimal(&r->line, (uint64_t)(signal ? signal : elfie_region_status >> 8 & 0xff));
    elfie_put(&r->line, "\n");
    put_values(r, values);
    elfie_put(&r->line, rule);
    flush(r);
}

static void put_report(struct report *r, uint64_t thread, uint64_t end_tsc)
{
    const struct perf_thread *t = &elfie_perf_threads[thread];
    int64_t values[MAX_EVENTS];
    for (int i = 0; elfie_perf_events[i].name; i++)
        values[i] = elfie_read_event(t->events[i]);
    put_tsc(r, "ROI start", elfie_perf_start);
    put_tsc(r, "Thread start", t->start_tsc);
    elfie_put(&r->line, rule);
    flush(r);
    if (t->warmup_end.tsc)
        put_moment(r, "Warmup end", "Warmup-end", &t->warmup_end, &t->warmup_place);
    if (t->end.tsc)
        put_moment(r, "Simulation end", "Sim-end", &t->end, &t->end_place);
    else
        put_not_reached(r, thread, values);
    if (t->end.tsc && elfie_went_on(thread))
        elfie_put(&r->line, "Went on past its end: other threads could not come to theirs\n");
    put_tsc(r, "Thread end", t->end.tsc && !elfie_went_on(thread) ? t->end.tsc : end_tsc);
    put_tsc(r, "ROI end", end_tsc);
    put_values(r, values);
    flush(r);
}

void elfie_write_reports(void)
{
    uint64_t end_tsc = elfie_tsc();
    for (uint64_t t = 0; t < elfie_config.num_threads; t++) {
        struct elfie_line unfinished, path;
        struct report r = {.line.length = 0};
        path_of(&unfinished, t, ".tmp");
        path_of(&path, t, "");
        r.fd =
            elfie_syscall(__NR_openat, AT_FDCWD, unfinished.text, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (r.fd >= 0)
            put_report(&r, t, end_tsc);
        if (r.fd < 0 || r.failed || elfie_syscall(__NR_close, r.fd) ||
            elfie_syscall(__NR_rename, unfinished.text, path.text)) {
            say_cannot_write(t);
            remove_unfinished();
            elfie_fail("the region was run, and not all of its reports could be written", 0);
        }
    }
}
