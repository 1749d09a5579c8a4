/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.T.result: "key: value" lines, of which the kernel's thread id, the numbers of
 * instructions and system calls, and the address of the last instruction matter. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

static bool value_of(struct input *in, const char *line, const char *key, uint64_t *value)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0 || line[length] != ':')
        return false;
    const char *at = line + length + 1;
    scan_blanks(&at);
    if (!scan_decimal(&at, value) || !scan_end(at))
        input_fail(in, "%s is not a number: '%.80s'", key, line);
    return true;
}

static bool is_last_pc(const char *line, uint64_t *value)
{
    static const char key[] = "ip_type:last_pc:";
    if (strncmp(line, key, sizeof key - 1) != 0)
        return false;
    line += sizeof key - 1;
    scan_blanks(&line);
    return scan_hex(&line, value) && scan_end(line);
}

static void read_result(struct thread *t, struct input *in)
{
    size_t length;
    uint64_t value;
    for (const char *line; (line = input_line(in, &length));) {
        if (value_of(in, line, "OSTid", &value)) {
            t->has_os_tid = true;
            t->os_tid = value;
        } else if (value_of(in, line, "inscount", &value)) {
            t->has_icount = true;
            t->icount = value;
        } else if (value_of(in, line, "num_syscalls", &value)) {
            t->has_num_calls = true;
            t->num_calls = value;
        } else if (is_last_pc(line, &value)) {
            t->last_pc = value;
        }
    }
}

void result_read(struct checkpoint *c)
{
    for (uint32_t t = 0; t < c->num_contexts; t++) {
        char *suffix = xasprintf("%u.result", t);
        struct input *in = input_open(c->base, suffix);
        if (in)
            read_result(&c->threads[t], in);
        input_close(in);
        if (!c->threads[t].has_os_tid && c->num_contexts > 1)
            warn("%s.%s: no OSTid: a pthread_join of thread %u cannot see its end", c->base, suffix,
                 t);
        free(suffix);
    }
}
