/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.T.race: lines "A U B": instruction A of thread T runs when thread U has completed its
 * instruction B. A region of one thread needs none. */
#include "error.h"
#include "replay.h"
#include "scan.h"

#include <stdlib.h>

static void read_line(const struct replay_reader *r, struct input *in, uint32_t thread,
                      const char *line, struct replay_order *last)
{
    const char *at = line;
    struct replay_order o;
    if (!scan_decimal(&at, &o.icount) || !scan_blanks(&at) || !scan_decimal(&at, &o.thread) ||
        !scan_blanks(&at) || !scan_decimal(&at, &o.other) || !scan_end(at))
        input_fail(in, "not 'INSTRUCTION THREAD INSTRUCTION': '%.80s'", line);
    if (o.thread >= r->c->num_static_threads || o.thread == thread)
        input_fail(in, "thread %u waits for thread %llu, of %u", thread,
                   (unsigned long long)o.thread, r->c->num_static_threads);
    if (o.icount == 0 || o.icount < last->icount)
        input_fail(in, "lines in the wrong order: instruction %llu behind %llu",
                   (unsigned long long)o.icount, (unsigned long long)last->icount);
    if (o.icount > r->ends[thread] || o.other > r->ends[o.thread])
        input_fail(in, "instruction %llu of thread %llu: the thread has %llu in the region",
                   (unsigned long long)(o.icount > r->ends[thread] ? o.icount : o.other),
                   (unsigned long long)(o.icount > r->ends[thread] ? thread : o.thread),
                   (unsigned long long)r->ends[o.icount > r->ends[thread] ? thread : o.thread]);
    *last = o;
    fwrite(&o, sizeof o, 1, r->to);
}

void replay_read_race(struct replay_reader *r, uint32_t thread)
{
    char *suffix = xasprintf("%u.race", thread);
    struct input *in = r->c->num_static_threads == 1
                           ? input_open(r->c->base, suffix)
                           : input_require(r->c->base, suffix, "order of the threads");
    struct replay_order last = {0};
    size_t length;
    for (const char *line; in && (line = input_line(in, &length));)
        if (!scan_end(line))
            read_line(r, in, thread, line, &last);
    input_close(in);
    free(suffix);
}
