/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.T.sel: memory that system calls wrote, a line for each value: "/xI SIZE VALUE
 * ADDRESS", or "/yI VALUE ADDRESS" with the size of the line before; I, VALUE and ADDRESS may be
 * ";N", N more than in the line before. Values for the same instruction that lie side by side
 * become one write. */
#include "error.h"
#include "replay.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 64, MERGE_MAX = 1 << 16 };

struct state {
    struct input *in;
    const struct replay_reader *r;
    struct area stack_room;
    uint64_t icount, size, value, address; /* of the line before */
    bool any;
    struct replay_write write; /* being put together; size 0: none */
    uint8_t bytes[MERGE_MAX];
    uint8_t line[MAX_SIZE]; /* the value of this line */
};

static void flush(struct state *s)
{
    static const uint8_t fill[8];
    if (!s->write.size)
        return;
    fwrite(&s->write, sizeof s->write, 1, s->r->to);
    fwrite(s->bytes, 1, s->write.size, s->r->to);
    fwrite(fill, 1, -s->write.size & 7, s->r->to);
    s->write.size = 0;
}

/* A number, or ";N" or ";-N". */
static bool scan_next(const struct state *s, const char **at, uint64_t *value, bool hex)
{
    const char *p = *at;
    uint64_t n;
    if (*p != ';') {
        if (!(hex ? scan_hex(&p, &n) : scan_decimal(&p, &n)))
            return false;
        *value = n;
    } else {
        bool minus = p[1] == '-';
        p += 1 + minus;
        if (!s->any && hex)
            return false; /* there is no line before */
        if (!scan_decimal(&p, &n))
            return false;
        *value = minus ? *value - n : *value + n;
    }
    *at = p;
    return true;
}

/* Hex digits of a value over 64 bits, the most significant first. */
static bool scan_wide(struct state *s, const char **at)
{
    static const char digits[] = "0123456789abcdef";
    const char *p = *at;
    if (s->size <= 8 || p[0] != '0' || p[1] != 'x')
        return false;
    p += 2;
    size_t count = strspn(p, digits);
    if (count == 0 || count > 2 * s->size)
        return false;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = (unsigned)(strchr(digits, p[count - 1 - i]) - digits);
        s->line[i / 2] = (uint8_t)(s->line[i / 2] | digit << (i % 2 * 4));
    }
    *at = p + count;
    return true;
}

static bool scan_value(struct state *s, const char **at)
{
    memset(s->line, 0, sizeof s->line);
    if (scan_wide(s, at)) {
        memcpy(&s->value, s->line, sizeof s->value);
        return true;
    }
    if (!scan_next(s, at, &s->value, true))
        return false;
    memcpy(s->line, &s->value, sizeof s->value);
    return true;
}

/* Is there memory, or may the region have got some there? */
static bool is_possible(const struct state *s, uint64_t address)
{
    long gap = replay_gap(s->r->l, address);
    return gap < 0 || s->r->given[gap] || address - s->stack_room.origin < s->stack_room.length;
}

static void check(const struct state *s, uint64_t before)
{
    uint64_t end;
    if (s->icount < before || s->icount == 0)
        input_fail(s->in, "values in the wrong order: for instruction %llu behind %llu",
                   (unsigned long long)s->icount, (unsigned long long)before);
    if (__builtin_add_overflow(s->address, s->size, &end) || end > USER_SPACE_END)
        input_fail(s->in, "%llu bytes at 0x%llx: not in a user's address space",
                   (unsigned long long)s->size, (unsigned long long)s->address);
    if (!is_possible(s, s->address) || !is_possible(s, end - 1))
        input_fail(s->in,
                   "%llu bytes at 0x%llx: that is outside the image, and no system call has given "
                   "memory there",
                   (unsigned long long)s->size, (unsigned long long)s->address);
}

static void add(struct state *s)
{
    struct replay_write *w = &s->write;
    if (w->size && (w->icount != s->icount || w->address + w->size != s->address ||
                    w->size + s->size > MERGE_MAX))
        flush(s);
    if (!w->size)
        *w = (struct replay_write){.icount = s->icount, .address = s->address};
    memcpy(s->bytes + w->size, s->line, s->size);
    w->size += s->size;
}

static void read_line(struct state *s, const char *line)
{
    const char *at = line + 2;
    uint64_t before = s->icount;
    bool with_size = line[1] == 'x';
    if (!with_size && !s->any)
        input_fail(s->in, "'/y' takes the size of the line before, and there is none");
    if (!scan_next(s, &at, &s->icount, false) || !scan_blanks(&at) ||
        (with_size && (!scan_decimal(&at, &s->size) || !scan_blanks(&at))))
        input_fail(s->in, "not an instruction%s: '%.80s'", with_size ? " and a size" : "", line);
    if (s->size == 0 || s->size > MAX_SIZE)
        input_fail(s->in, "a value of %llu bytes: 1 to %d are possible",
                   (unsigned long long)s->size, MAX_SIZE);
    if (!scan_value(s, &at) || !scan_blanks(&at) || !scan_next(s, &at, &s->address, true) ||
        !scan_end(at))
        input_fail(s->in, "not a value and an address: '%.80s'", line);
    check(s, before);
    s->any = true;
    add(s);
}

void replay_read_sel(struct replay_reader *r, uint32_t thread)
{
    char *suffix = xasprintf("%u.sel", thread);
    struct state *s = xcalloc(1, sizeof *s);
    s->r = r;
    s->in = input_require(r->c->base, suffix, "memory that system calls wrote");
    s->stack_room = stack_room(r->l, r->c);
    bool ended = false;
    uint64_t end;
    size_t length;
    for (const char *line; !ended && (line = input_line(s->in, &length));) {
        if (line[0] == '/' && (line[1] == 'x' || line[1] == 'y')) {
            read_line(s, line);
            r->c->replay->threads[thread].num_writes++;
        } else if (!scan_end(line)) {
            ended = replay_end_marker(s->in, line, s->icount, &end);
            if (!ended)
                input_fail(s->in, "neither a value (/x, /y) nor the end_marker: '%.80s'", line);
        }
    }
    if (!ended)
        fail_at(input_path(s->in), input_line_number(s->in),
                "the log is cut short: there is no end_marker");
    if (end != r->ends[thread])
        fail_at(input_path(s->in), input_line_number(s->in),
                "the region ends at instruction %llu here, and at %llu in %s.%u.reg",
                (unsigned long long)end, (unsigned long long)r->ends[thread], r->c->base, thread);
    flush(s);
    input_close(s->in);
    free(s);
    free(suffix);
}
