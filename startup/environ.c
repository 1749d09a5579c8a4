/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments and environment, as far as the runtime needs them, copied out of the kernel's stack. */
#include "../instrumentation/replay.h"
#include "elfie.h"

enum { ARGS_MAX = 1024 };

struct elfie_process elfie_process;
static char args[ARGS_MAX];

static const char *value_of(const char *entry, const char *name)
{
    while (*name && *entry == *name) {
        entry++;
        name++;
    }
    return *name == '\0' && *entry == '=' ? entry + 1 : NULL;
}

/* Keeps the arguments, so that `ps` shows them after the kernel's stack has gone. */
static void copy_args(const uint64_t *argv, uint64_t argc)
{
    size_t size = 0;
    for (uint64_t i = 0; i < argc; i++) {
        const char *arg = (const char *)argv[i];
        do {
            if (size == ARGS_MAX - 1)
                goto full;
            args[size++] = *arg;
        } while (*arg++);
    }
full:
    args[size] = '\0';
    elfie_process.args = args;
    elfie_process.args_size = size;
}

static int equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static _Noreturn void fail_value(const char *name, const char *value, const char *should)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, name);
    elfie_put(&line, " is '");
    elfie_put(&line, value);
    elfie_put(&line, "', should be ");
    elfie_put(&line, should);
    elfie_put(&line, "\n");
    elfie_write(&line);
    elfie_fail("the region was not run", 0);
}

static uint64_t number(const char *name, const char *value)
{
    uint64_t n = 0;
    const char *p = value;
    for (; *p >= '0' && *p <= '9' && n < UINT64_MAX / 16; p++)
        n = n * 10 + (uint64_t)(*p - '0');
    if (*p || p == value)
        fail_value(name, value, "a decimal number");
    return n;
}

static void read_variable(const char *entry)
{
    const char *value;
    if (elfie_config.replay && elfie_config.replay->variable(entry))
        return;
    if ((value = value_of(entry, "ELFIE_VERBOSE"))) {
        elfie_process.verbose = *value && !equal(value, "0");
    } else if ((value = value_of(entry, "ELFIE_IGNORE_CPU"))) {
        elfie_process.ignore_cpu = *value && !equal(value, "0");
    } else if ((value = value_of(entry, "ELFIE_COUNT_CALLS"))) {
        elfie_process.count_calls = *value && !equal(value, "0");
    } else if ((value = value_of(entry, "ELFIE_REPORT"))) {
        if (equal(value, "text"))
            elfie_process.report = REPORT_TEXT;
        else if (equal(value, "json"))
            elfie_process.report = REPORT_JSON;
        else if (equal(value, "off"))
            elfie_process.report = REPORT_OFF;
        else
            fail_value("ELFIE_REPORT", value, "text, json or off");
    } else if ((value = value_of(entry, "ELFIE_DEMAND_ZERO"))) {
        elfie_process.demand_zero = number("ELFIE_DEMAND_ZERO", value);
    }
}

void elfie_read_environ(const uint64_t *block)
{
    uint64_t argc = block[0];
    const uint64_t *argv = block + 1;
    copy_args(argv, argc);
    for (const uint64_t *envp = argv + argc + 1; *envp; envp++)
        read_variable((const char *)*envp);
}
