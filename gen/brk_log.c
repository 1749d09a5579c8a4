/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.sysstate/BRK.log: the program break at the start of the region, then the one at its
 * end, a line each. Only the first matters: the region moves the break by itself. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <stdlib.h>

void brk_log_read(struct checkpoint *c)
{
    char *base = xasprintf("%s.sysstate/BRK", c->base);
    struct input *in = input_open(base, "log");
    if (in) {
        size_t length;
        const char *line = input_line(in, &length);
        if (!line)
            fail_at(input_path(in), 0, "the file is empty");
        const char *at = line;
        if (!scan_hex(&at, &c->program_break) || !scan_end(at) ||
            c->program_break >= USER_SPACE_END)
            input_fail(in, "not the address of a program break: '%.80s'", line);
        c->has_break = c->program_break != 0;
    }
    input_close(in);
    free(base);
}
