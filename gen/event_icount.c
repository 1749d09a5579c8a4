/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.event_icount.T.txt: where the warm-up of thread T ends and where its simulation ends,
 * as a number of instructions and, if there are markers, as an address and how often it had run.
 *
 *     Sim-Start global_icount: 1597134619
 *     Sim-Start tid: 3 icount 217651514
 *             Marker  814187  global_addrcount: 84737
 *             Marker  814187 tid: 3 addrcount 12816
 *
 * An event names two addresses, or one twice: where the simulation starts, then where it ends. So
 * the first one marks the end of the warm-up, and the second one the end of the simulation. Where
 * it names one only, that is where the simulation ends: there was no warm-up to mark. Newer
 * tools also write Warmup-Start and Warmup-Stop, and counts that leave something out
 * (filtered_addrcount); the plain ones are there as well. Each of the files
 * may be missing. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum event {
    SIM_START,
    WARMUP_STOP,
    SIM_END,
    FINI,
    NUM_EVENTS,
    OTHER_EVENT = NUM_EVENTS,
    NO_EVENT
};

static const char *const event_names[NUM_EVENTS] = {"Sim-Start", "Warmup-Stop", "Sim-End", "Fini"};

struct reader {
    struct input *in;
    uint32_t thread;
    enum event event; /* of the line read last */
    struct mark marks[NUM_EVENTS];
    unsigned addresses[NUM_EVENTS]; /* of this thread, so far */
};

/* "global_icount: 5" or "tid: 3 icount 5", and others like these. */
struct counts {
    bool has_tid, has_icount, has_addrcount, has_global;
    uint64_t tid, icount, addrcount;
};

static const char *skip_word(const char *at)
{
    while (*at && !isspace((unsigned char)*at))
        at++;
    return at;
}

static bool is_word(const char *at, const char *end, const char *word)
{
    return strlen(word) == (size_t)(end - at) && !memcmp(at, word, (size_t)(end - at));
}

static void set_count(struct counts *c, const char *at, const char *end, uint64_t value)
{
    end -= end > at && end[-1] == ':';
    if (is_word(at, end, "tid")) {
        c->has_tid = true;
        c->tid = value;
    } else if (is_word(at, end, "icount")) {
        c->has_icount = true;
        c->icount = value;
    } else if (is_word(at, end, "addrcount")) {
        c->has_addrcount = true;
        c->addrcount = value;
    } else if (is_word(at, end, "global_icount") || is_word(at, end, "global_addrcount")) {
        c->has_global = true;
    }
}

static struct counts read_counts(struct reader *r, const char *at, const char *line)
{
    struct counts c = {0};
    while (!scan_end(at)) {
        scan_blanks(&at);
        const char *word = at, *end = skip_word(at);
        uint64_t value;
        at = end;
        if (!scan_blanks(&at) || !scan_decimal(&at, &value) ||
            (*at && !isspace((unsigned char)*at)))
            input_fail(r->in, "no decimal number of 64 bits behind '%.*s': '%.80s'",
                       (int)(end - word < 40 ? end - word : 40), word, line);
        set_count(&c, word, end, value);
    }
    return c;
}

static enum event event_of(const char *at, const char *end)
{
    for (int e = 0; e < NUM_EVENTS; e++)
        if (is_word(at, end, event_names[e]))
            return (enum event)e;
    return OTHER_EVENT;
}

static void read_event(struct reader *r, const char *at, const char *end, const char *line)
{
    struct counts c = read_counts(r, end, line);
    if (!(c.has_tid ? c.has_icount : c.has_global))
        input_fail(r->in,
                   "neither an event 'NAME global_icount: N' or 'NAME tid: T icount N' nor a "
                   "marker: '%.80s'",
                   line);
    r->event = event_of(at, end);
    if (!c.has_tid || c.tid != r->thread || r->event == OTHER_EVENT)
        return;
    struct mark *m = &r->marks[r->event];
    if (m->has_icount)
        input_fail(r->in, "%s of thread %u is there twice", event_names[r->event], r->thread);
    m->has_icount = true;
    m->icount = c.icount;
}

/* An address that had not run yet says nothing. */
static void read_marker(struct reader *r, const char *at, const char *line)
{
    scan_blanks(&at);
    const char *digits = at + (at[0] == '0' && (at[1] == 'x' || at[1] == 'X') ? 2 : 0);
    const char *word_end = skip_word(digits);
    size_t length = (size_t)(word_end - digits);
    if (!length || length > 16 || strspn(digits, "0123456789abcdefABCDEF") != length)
        input_fail(r->in, "a marker's address is not a hexadecimal number of 64 bits: '%.80s'",
                   line);
    struct counts c = read_counts(r, word_end, line);
    if (!(c.has_tid ? c.has_addrcount : c.has_global))
        input_fail(r->in,
                   "neither 'global_addrcount: N' nor 'tid: T addrcount N' stands behind a "
                   "marker's address: '%.80s'",
                   line);
    if (r->event == NO_EVENT)
        input_fail(r->in, "a marker stands before the first event: '%.80s'", line);
    if (!c.has_tid || c.tid != r->thread || r->event == OTHER_EVENT)
        return;
    bool is_end = r->event == SIM_END || r->event == FINI;
    struct mark *m = &r->marks[r->event];
    if (r->addresses[r->event]++ > (is_end ? 1 : 0))
        return;
    m->has_pc = c.addrcount != 0;
    m->pc = m->has_pc ? strtoull(digits, NULL, 16) : 0;
    m->count = c.addrcount;
}

static void read_events(struct reader *r)
{
    size_t length;
    for (const char *line; (line = input_line(r->in, &length));) {
        const char *at = line;
        scan_blanks(&at);
        const char *end = skip_word(at);
        if (is_word(at, end, "Marker") || is_word(at, end, "Addr"))
            read_marker(r, end, line);
        else if (!scan_end(at))
            read_event(r, at, end, line);
    }
}

/* The mark of event FIRST, or where there is none of event SECOND. */
static enum event either(const struct reader *r, enum event first, enum event second)
{
    return r->marks[first].has_icount ? first : second;
}

/* There is no warm-up where the simulation starts with the region. */
static void set_marks(struct thread *t, struct reader *r)
{
    enum event start_event = either(r, SIM_START, WARMUP_STOP);
    struct mark *start = &r->marks[start_event], *end = &r->marks[either(r, SIM_END, FINI)];
    if (start->has_icount && end->has_icount && start->icount > end->icount)
        fail_at(input_path(r->in), 0,
                "the simulation of thread %u ends at instruction %llu, before it starts at %llu",
                r->thread, (unsigned long long)end->icount, (unsigned long long)start->icount);
    if (!start->has_icount && !end->has_icount)
        warn_at(input_path(r->in), 0, "no Sim-Start, Sim-End or Fini of thread %u", r->thread);
    if (start->has_icount && start->icount) {
        t->warmup = *start;
        if (r->addresses[start_event] == 1) {
            t->warmup.has_pc = false;
            t->warmup.pc = t->warmup.count = 0;
        }
    }
    if (end->has_icount)
        t->end = *end;
}

void event_icount_read(struct checkpoint *c)
{
    for (uint32_t t = 0; t < c->num_threads; t++) {
        char *suffix = xasprintf("event_icount.%u.txt", t);
        struct reader r = {
            .in = input_open(c->base, suffix),
            .thread = t,
            .event = NO_EVENT,
        };
        if (r.in) {
            read_events(&r);
            set_marks(&c->threads[t], &r);
        }
        input_close(r.in);
        free(suffix);
    }
}
