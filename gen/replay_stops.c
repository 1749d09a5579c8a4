/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the records, writes and orders of all threads, gives for each thread the instructions
 * before which it has to stop so that the others can be ordered: where it waits, behind what others
 * wait for, where a write of the log is due, and its end. A system call or RDTSC before the
 * instruction is a stop by itself. BASE.schedule, which the ELFie writes while it is stepped, says
 * where they are: a line "THREAD INSTRUCTION 0xADDRESS OCCURRENCE" for each stop. */
#include "error.h"
#include "replay.h"
#include "scan.h"

#include <stdlib.h>

/* A thread that is stepped keeps the addresses since the last stop: REPLAY_TRACE of them. */
enum { FARTHEST = REPLAY_TRACE - 1 };

struct list {
    uint64_t *list;
    size_t count;
};

static void add(struct list *l, uint64_t icount)
{
    if ((l->count & (l->count - 1)) == 0)
        l->list = xreallocarray(l->list, l->count ? 2 * l->count : 1, sizeof *l->list);
    l->list[l->count++] = icount;
}

static int rising(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void read_back(FILE *from, uint64_t offset, void *to, size_t size)
{
    if (fseeko(from, (off_t)offset, SEEK_SET) || fread(to, size, 1, from) != 1)
        fail("replay.bin cannot be read back");
}

/* Where each thread waits, and behind what: from the orders of thread T. */
static void add_orders(struct list *stops, const struct replay *replay, uint32_t t, FILE *log)
{
    struct replay_order o;
    const struct replay_thread *p = &replay->threads[t];
    for (uint64_t i = 0; i < p->orders_size; i += sizeof o) {
        read_back(log, p->orders + i, &o, sizeof o);
        add(&stops[t], o.icount);
        add(&stops[o.thread], o.other + 1);
    }
}

static void add_writes(struct list *stops, const struct replay *replay, uint32_t t, FILE *log)
{
    struct replay_write w;
    const struct replay_thread *p = &replay->threads[t];
    for (uint64_t i = 0; i < p->writes_size; i += sizeof w + (w.size + 7) / 8 * 8) {
        read_back(log, p->writes + i, &w, sizeof w);
        add(&stops[t], w.icount);
    }
}

/* Instructions behind which the thread stops by itself. */
static struct list records_of(const struct replay *replay, uint32_t t, FILE *log)
{
    struct list l = {0};
    struct replay_record r;
    const struct replay_thread *p = &replay->threads[t];
    for (uint64_t i = 0; i < p->records_size; i += sizeof r) {
        read_back(log, p->records + i, &r, sizeof r);
        add(&l, r.icount);
    }
    return l;
}

/* The last instruction is none that ends the thread: it has to be stopped behind it. */
static bool ends_between_calls(const struct checkpoint *c, uint32_t t)
{
    return c->threads[t].has_num_calls &&
           c->threads[t].num_calls == c->replay->threads[t].num_calls;
}

/* Numbers of instructions come from outside: they must not fill the disk. */
static void put_stop(const struct replay_stop *stop, FILE *to)
{
    if (fwrite(stop, sizeof *stop, 1, to) != 1)
        fail("replay.bin cannot be written");
    if ((uint64_t)ftello(to) > REPLAY_MAX)
        fail("the logs are more than %llu bytes when packed", (unsigned long long)REPLAY_MAX);
}

/* Writes the stops that are no record, and more where the way between two is long. */
static void put_stops(struct list *stops, const struct list *records, uint64_t end, FILE *to)
{
    uint64_t last = 1;
    size_t next_record = 0;
    struct replay_stop stop = {0}; /* occurrence 1: somebody is ordered there */
    if (!stops->count)
        return;
    qsort(stops->list, stops->count, sizeof *stops->list, rising);
    for (size_t i = 0; i < stops->count; i++) {
        uint64_t at = stops->list[i];
        if (at > end || at <= last)
            continue;
        for (; next_record < records->count && records->list[next_record] < at; next_record++) {
            for (; records->list[next_record] - last > FARTHEST; last = stop.icount) {
                stop.icount = last + FARTHEST;
                put_stop(&stop, to);
            }
            last = records->list[next_record] + 1;
        }
        for (; at > last && at - last > FARTHEST; last = stop.icount) {
            stop.icount = last + FARTHEST;
            put_stop(&stop, to);
        }
        if (at <= last)
            continue;
        stop.icount = last = at;
        stop.occurrence = 1;
        fwrite(&stop, sizeof stop, 1, to);
        stop.occurrence = 0;
    }
}

static void read_line(const struct replay *replay, uint32_t num_threads, struct input *in,
                      const char *line, uint64_t *filled, FILE *to)
{
    const char *at = line;
    uint64_t thread;
    struct replay_stop s, expected;
    if (!scan_decimal(&at, &thread) || !scan_blanks(&at) || !scan_decimal(&at, &s.icount) ||
        !scan_blanks(&at) || !scan_hex(&at, &s.rip) || !scan_blanks(&at) ||
        !scan_decimal(&at, &s.occurrence) || !scan_end(at))
        input_fail(in, "not 'THREAD INSTRUCTION 0xADDRESS OCCURRENCE': '%.80s'", line);
    if (thread >= num_threads || s.rip >= USER_SPACE_END || !s.rip || !s.occurrence)
        input_fail(in, "no thread, address or occurrence of the region: '%.80s'", line);
    const struct replay_thread *p = &replay->threads[thread];
    uint64_t offset = p->stops + filled[thread] * sizeof s;
    if (filled[thread] * sizeof s >= p->stops_size)
        input_fail(in, "thread %llu has only %llu stops: was the schedule made of this pinball?",
                   (unsigned long long)thread, (unsigned long long)filled[thread]);
    read_back(to, offset, &expected, sizeof expected);
    if (expected.icount != s.icount)
        input_fail(in,
                   "instruction %llu is no stop, %llu is: was the schedule made of this pinball?",
                   (unsigned long long)s.icount, (unsigned long long)expected.icount);
    filled[thread]++;
    if (fseeko(to, (off_t)offset, SEEK_SET) || fwrite(&s, sizeof s, 1, to) != 1)
        fail("replay.bin cannot be written");
}

/* BASE.schedule, where there is one. */
static void read_schedule(struct replay_reader *r)
{
    struct replay *replay = r->c->replay;
    struct input *in = input_open(r->c->base, "schedule");
    uint64_t *filled = xcalloc(r->c->num_static_threads, sizeof *filled);
    size_t length;
    if (!in)
        return;
    for (const char *line; (line = input_line(in, &length));)
        if (!scan_end(line))
            read_line(replay, r->c->num_static_threads, in, line, filled, r->to);
    for (uint32_t t = 0; t < r->c->num_static_threads; t++)
        if (filled[t] * sizeof(struct replay_stop) != replay->threads[t].stops_size)
            fail_at(
                input_path(in), input_line_number(in),
                "the schedule is cut short: %llu of %llu stops of thread %u",
                (unsigned long long)filled[t],
                (unsigned long long)(replay->threads[t].stops_size / sizeof(struct replay_stop)),
                t);
    replay->scheduled = true;
    input_close(in);
    free(filled);
}

void replay_add_stops(struct replay_reader *r)
{
    struct replay *replay = r->c->replay;
    uint32_t count = r->c->num_static_threads;
    struct list *stops = xcalloc(count, sizeof *stops);
    for (uint32_t t = 0; t < count && count > 1; t++) {
        add_orders(stops, replay, t, r->to);
        add_writes(stops, replay, t, r->to);
        add(&stops[t], r->ends[t] + 1);
    }
    for (uint32_t t = 0; t < count; t++) {
        struct replay_thread *p = &replay->threads[t];
        struct list records = records_of(replay, t, r->to);
        if (fseeko(r->to, 0, SEEK_END))
            fail("replay.bin cannot be written");
        p->stops = (uint64_t)ftello(r->to);
        put_stops(&stops[t], &records, r->ends[t] + ends_between_calls(r->c, t), r->to);
        p->stops_size = (uint64_t)ftello(r->to) - p->stops;
        free(records.list);
        free(stops[t].list);
    }
    free(stops);
    if (count > 1)
        read_schedule(r);
    if (fseeko(r->to, 0, SEEK_END))
        fail("replay.bin cannot be written");
}
