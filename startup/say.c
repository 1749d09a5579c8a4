/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of the runtime. */
#include "elfie.h"
#include "syscall.h"

void elfie_put(struct elfie_line *line, const char *s)
{
    while (*s && line->length < sizeof line->text)
        line->text[line->length++] = *s++;
}

static void put_number(struct elfie_line *line, uint64_t value, unsigned radix)
{
    char digits[24];
    char *p = digits + sizeof digits;
    *--p = '\0';
    do {
        *--p = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value);
    elfie_put(line, p);
}

void elfie_put_decimal(struct elfie_line *line, uint64_t value)
{
    put_number(line, value, 10);
}

void elfie_put_hex(struct elfie_line *line, uint64_t value)
{
    elfie_put(line, "0x");
    put_number(line, value, 16);
}

void elfie_put_at_most(struct elfie_line *line, const char *s, size_t most)
{
    for (; *s && most && line->length < sizeof line->text; most--)
        line->text[line->length++] = *s++;
    if (*s)
        elfie_put(line, "...");
}

void elfie_write(struct elfie_line *line)
{
    if (line->length == sizeof line->text)
        line->text[line->length - 1] = '\n';
    elfie_syscall(__NR_write, 2, line->text, line->length);
}

void elfie_put_name(struct elfie_line *line)
{
    elfie_put(line, elfie_config.name);
    elfie_put(line, ": ");
}

void elfie_begin(struct elfie_line *line)
{
    line->length = 0;
    elfie_put_name(line);
}

void elfie_fail(const char *what, long error)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, what);
    if (error) {
        elfie_put(&line, ": error ");
        elfie_put_decimal(&line, (uint64_t)(error < 0 ? -error : error));
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
    elfie_not_counted = 1; /* a thread fails behind the barrier: reports do not make it good */
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_STARTUP_FAILED);
}
