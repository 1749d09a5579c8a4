/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the records, writes and orders of all threads, gives for each thread the instructions
 * before which it has to stop so that the others can be ordered: where it waits, behind what others
 * wait for, where a write of the log is due, and its end. A system call or RDTSC before the
 * instruction is a stop by itself. BASE.schedule, which the ELFie writes while it is stepped, says
 * where they are: a line "THREAD INSTRUCTION 0xADDRESS OCCURRENCE" for each stop, and for those
 * that make the way to it shorter. */
#include "error.h"
#include "replay.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

struct list {
    struct replay_stop *list;
    size_t count;
};

/* FNV-1a, of what a schedule depends on. It tells one of another recording under the same name. */
static void add_to_digest(struct replay *replay, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        replay->digest = (replay->digest ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void add_stop(struct list *l, struct replay_stop stop)
{
    if ((l->count & (l->count - 1)) == 0)
        l->list = xreallocarray(l->list, l->count ? 2 * l->count : 1, sizeof *l->list);
    l->list[l->count++] = stop;
}

static void add(struct list *l, uint64_t icount)
{
    add_stop(l, (struct replay_stop){.icount = icount});
}

static int rising(const void *a, const void *b)
{
    const struct replay_stop *x = a, *y = b;
    return x->icount < y->icount ? -1 : x->icount > y->icount;
}

static void read_back(FILE *from, uint64_t offset, void *to, size_t size)
{
    if (fseeko(from, (off_t)offset, SEEK_SET) || fread(to, size, 1, from) != 1)
        fail("replay.bin cannot be read back");
}

/* Where each thread waits, and behind what: from the orders of thread T. */
static void add_orders(struct list *stops, struct replay *replay, uint32_t t, FILE *log)
{
    struct replay_order o;
    const struct replay_thread *p = &replay->threads[t];
    for (uint64_t i = 0; i < p->orders_size; i += sizeof o) {
        read_back(log, p->orders + i, &o, sizeof o);
        add(&stops[t], o.icount);
        add(&stops[o.thread], o.other + 1);
        add_to_digest(replay, &o, sizeof o);
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
static struct list records_of(struct replay *replay, uint32_t t, FILE *log)
{
    struct list l = {0};
    struct replay_record r;
    const struct replay_thread *p = &replay->threads[t];
    for (uint64_t i = 0; i < p->records_size; i += sizeof r) {
        read_back(log, p->records + i, &r, sizeof r);
        add(&l, r.icount);
        add_to_digest(replay, &r, sizeof r);
    }
    return l;
}

/* The last instruction is none that ends the thread: it has to be stopped behind it. */
static bool ends_between_calls(const struct checkpoint *c, uint32_t t)
{
    return c->threads[t].has_num_calls &&
           c->threads[t].num_calls == c->replay->threads[t].num_calls;
}

/* Keeps one of each that lie up to END and behind no record. */
static void keep_stops(struct list *stops, const struct list *records, uint64_t end)
{
    uint64_t last = 1;
    size_t next_record = 0, kept = 0;
    if (!stops->count)
        return;
    qsort(stops->list, stops->count, sizeof *stops->list, rising);
    for (size_t i = 0; i < stops->count && stops->list[i].icount <= end; i++) {
        uint64_t at = stops->list[i].icount;
        while (next_record < records->count && records->list[next_record].icount < at)
            last = records->list[next_record++].icount + 1;
        if (at > last)
            stops->list[kept++].icount = last = at;
    }
    stops->count = kept;
}

/* --- BASE.schedule ---------------------------------------------------------------------------- */

struct schedule {
    struct input *in;
    uint32_t num_threads;
    uint64_t size;          /* of all stops, in bytes */
    const struct list *due; /* of each thread: the stops that have to be in it */
    size_t *met;            /* how many of them were */
    struct list *stops;     /* what is read */
};

static void read_line(struct schedule *s, const char *line)
{
    const char *at = line;
    uint64_t thread;
    struct replay_stop stop;
    if (!scan_decimal(&at, &thread) || !scan_blanks(&at) || !scan_decimal(&at, &stop.icount) ||
        !scan_blanks(&at) || !scan_hex(&at, &stop.rip) || !scan_blanks(&at) ||
        !scan_decimal(&at, &stop.occurrence) || !scan_end(at))
        input_fail(s->in, "not 'THREAD INSTRUCTION 0xADDRESS OCCURRENCE': '%.80s'", line);
    if (thread >= s->num_threads || stop.rip >= USER_SPACE_END || !stop.rip || !stop.occurrence)
        input_fail(s->in, "no thread, address or occurrence of the region: '%.80s'", line);
    struct list *stops = &s->stops[thread];
    const struct list *due = &s->due[thread];
    uint64_t last = stops->count ? stops->list[stops->count - 1].icount : 0;
    if (stop.icount <= last)
        input_fail(s->in, "instruction %llu of thread %llu is behind instruction %llu",
                   (unsigned long long)stop.icount, (unsigned long long)thread,
                   (unsigned long long)last);
    if (s->met[thread] == due->count)
        input_fail(s->in, "thread %llu has only %zu stops: was the schedule made of this pinball?",
                   (unsigned long long)thread, due->count);
    uint64_t next = due->list[s->met[thread]].icount;
    if (stop.icount > next)
        input_fail(s->in,
                   "no line for instruction %llu of thread %llu, before which it has to stop: was "
                   "the schedule made of this pinball?",
                   (unsigned long long)next, (unsigned long long)thread);
    s->met[thread] += stop.icount == next;
    add_stop(stops, stop);
    s->size += sizeof stop;
    if (s->size > REPLAY_MAX)
        input_fail(s->in, "more than %llu bytes of stops", (unsigned long long)REPLAY_MAX);
}

/* "schedule 0xDIGEST". Where it is of something else there is no schedule. */
static bool is_of_this_pinball(struct input *in, uint64_t digest)
{
    static const char word[] = "schedule";
    size_t length;
    uint64_t found;
    const char *line = input_line(in, &length);
    const char *at = line ? line + sizeof word - 1 : NULL;
    if (!line || strncmp(line, word, sizeof word - 1) != 0 || !scan_blanks(&at) ||
        !scan_hex(&at, &found) || !scan_end(at))
        input_fail(in, "not 'schedule 0xDIGEST': '%.80s'", line ? line : "");
    if (found != digest)
        warn_at(input_path(in), input_line_number(in),
                "made of another pinball, and not used: \"make ELFIE=... schedule\" makes one of "
                "this");
    return found == digest;
}

/* True at the last line of a schedule that is whole, "end". */
static bool is_end(struct input *in, const char *line)
{
    size_t length;
    if (strncmp(line, "end", 3) != 0 || !scan_end(line + 3))
        return false;
    for (const char *next; (next = input_line(in, &length));)
        if (!scan_end(next))
            input_fail(in, "a line behind the end: '%.80s'", next);
    return true;
}

static void read_lines(struct schedule *s)
{
    size_t length;
    for (const char *line; (line = input_line(s->in, &length));)
        if (is_end(s->in, line))
            return;
        else if (!scan_end(line))
            read_line(s, line);
    input_fail(s->in, "the schedule is cut short: it has no 'end'");
}

/* The stops of BASE.schedule instead of those that are due, where there is one. */
static void read_schedule(struct replay_reader *r, struct list *due)
{
    uint32_t count = r->c->num_static_threads;
    struct schedule s = {
        .in = input_open(r->c->base, "schedule"), .num_threads = count, .due = due};
    if (!s.in)
        return;
    if (!is_of_this_pinball(s.in, r->c->replay->digest)) {
        input_close(s.in);
        return;
    }
    s.stops = xcalloc(count, sizeof *s.stops);
    s.met = xcalloc(count, sizeof *s.met);
    read_lines(&s);
    for (uint32_t t = 0; t < count; t++) {
        if (s.met[t] != due[t].count)
            fail_at(input_path(s.in), input_line_number(s.in),
                    "the schedule is cut short: %zu of %zu stops of thread %u", s.met[t],
                    due[t].count, t);
        free(due[t].list);
        due[t] = s.stops[t];
    }
    r->c->replay->scheduled = true;
    input_close(s.in);
    free(s.stops);
    free(s.met);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void find_stops(struct replay_reader *r, struct list *stops)
{
    struct replay *replay = r->c->replay;
    uint32_t count = r->c->num_static_threads;
    for (uint32_t t = 0; t < count; t++) {
        if (count > 1) {
            add_orders(stops, replay, t, r->to);
            add_writes(stops, replay, t, r->to);
        }
        add(&stops[t], r->ends[t] + 1);
        add_to_digest(replay, &r->ends[t], sizeof r->ends[t]);
        add_to_digest(replay, r->c->threads[t].gpr, sizeof r->c->threads[t].gpr);
        add_to_digest(replay, &r->c->threads[t].last_pc, sizeof r->c->threads[t].last_pc);
    }
    for (uint32_t t = 0; t < count; t++) {
        struct list records = records_of(replay, t, r->to);
        keep_stops(&stops[t], &records, r->ends[t] + ends_between_calls(r->c, t));
        free(records.list);
    }
}

/* Numbers of instructions come from outside: they must not fill the disk. */
static void put_stops(const struct list *stops, FILE *to)
{
    if (stops->count && fwrite(stops->list, sizeof *stops->list, stops->count, to) != stops->count)
        fail("replay.bin cannot be written");
    if ((uint64_t)ftello(to) > REPLAY_MAX)
        fail("the logs are more than %llu bytes when packed", (unsigned long long)REPLAY_MAX);
}

void replay_add_stops(struct replay_reader *r)
{
    struct replay *replay = r->c->replay;
    uint32_t count = r->c->num_static_threads;
    struct list *stops = xcalloc(count, sizeof *stops);
    replay->digest = UINT64_C(0xcbf29ce484222325);
    find_stops(r, stops);
    read_schedule(r, stops);
    if (fseeko(r->to, 0, SEEK_END))
        fail("replay.bin cannot be written");
    for (uint32_t t = 0; t < count; t++) {
        struct replay_thread *p = &replay->threads[t];
        p->stops = (uint64_t)ftello(r->to);
        put_stops(&stops[t], r->to);
        p->stops_size = stops[t].count * sizeof *stops[t].list;
        free(stops[t].list);
    }
    free(stops);
}
