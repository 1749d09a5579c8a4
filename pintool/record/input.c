/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a file, gives its lines. */
#include "input.h"

#include <bzlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "memory.h"
#include "message.h"

enum { MAX_LINE = 1 << 16, BUFFER = 1 << 16 };

struct input {
    char *path;
    BZFILE *bzip2;
    gzFile gzip; /* plain files, too */
    unsigned long number;
    size_t at, filled;
    char buffer[BUFFER];
    char line[MAX_LINE + 1];
};

struct input *input_open(const char *base, const char *suffix)
{
    static const char *const extensions[] = {"", ".bz2", ".gz"};
    for (unsigned i = 0; i < 3; i++) {
        char *path = memory_format("%s.%s%s", base, suffix, extensions[i]);
        if (access(path, R_OK) != 0) {
            free(path);
            continue;
        }
        struct input *input = memory_new(sizeof *input);
        input->path = path;
        if (i == 1)
            input->bzip2 = BZ2_bzopen(path, "rb");
        else
            input->gzip = gzopen(path, "rb");
        if (!input->bzip2 && !input->gzip)
            fail("%s: cannot be read: %s", path, strerror(errno));
        return input;
    }
    return NULL;
}

static void fill(struct input *input)
{
    int got = input->bzip2 ? BZ2_bzread(input->bzip2, input->buffer, BUFFER)
                           : gzread(input->gzip, input->buffer, BUFFER);
    if (got < 0)
        fail("%s: damaged: it cannot be unpacked behind line %lu", input->path, input->number);
    input->at = 0;
    input->filled = (size_t)got;
}

char *input_line(struct input *input)
{
    size_t length = 0;
    for (;;) {
        if (input->at == input->filled)
            fill(input);
        if (input->filled == 0 && length == 0)
            return NULL;
        char c = input->filled ? input->buffer[input->at++] : '\n';
        if (c == '\n')
            break;
        if (length == MAX_LINE)
            fail("%s:%lu: a line of more than %d bytes", input->path, input->number + 1, MAX_LINE);
        input->line[length++] = c;
    }
    input->line[length] = '\0';
    input->number++;
    return input->line;
}

_Noreturn void input_fail(const struct input *input, const char *what)
{
    fail("%s:%lu: %s: '%.80s'", input->path, input->number, what, input->line);
}

void input_close(struct input *input)
{
    if (!input)
        return;
    if (input->bzip2)
        BZ2_bzclose(input->bzip2);
    else
        gzclose(input->gzip);
    free(input->path);
    free(input);
}
