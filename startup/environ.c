/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments and environment, as far as the runtime needs them, copied out of the kernel's stack. */
#include "elfie.h"
#include "syscall.h"

enum { ARGS_MAX = 1024 };

struct elfie_process elfie_process;
static char args[ARGS_MAX];
static char sysstate[ELFIE_PATH_MAX], root[ELFIE_PATH_MAX];

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
    elfie_put_at_most(&line, value, 240);
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

/* Keeps a path, behind what is in TO already. NULL when the variable is empty. */
static const char *keep_path(const char *name, const char *value, char *to, size_t length)
{
    if (!*value)
        return NULL;
    for (const char *p = value; (to[length] = *p); p++)
        if (++length == ELFIE_PATH_MAX)
            fail_value(name, value, "shorter than 4096 bytes");
    return to;
}

/* The region may change the working directory. Gives how much of `root` is used. */
static size_t begin_root(const char *value)
{
    if (!*value || *value == '/')
        return 0;
    long length = elfie_syscall(__NR_getcwd, root, sizeof root - 1);
    if (length <= 0)
        elfie_fail("ELFIE_ROOT is relative, and the working directory is not known; the region was "
                   "not run",
                   length);
    root[length - 1] = '/'; /* in the place of the NUL */
    return (size_t)length;
}

static int is_recorded(const char *name, const char *value)
{
    if (*value && !equal(value, "recorded"))
        fail_value(name, value, "recorded");
    return *value != '\0';
}

/* What of the sysstate is restored, and how. */
static void read_sysstate_variable(const char *entry)
{
    const char *value;
    if ((value = value_of(entry, "ELFIE_SYSSTATE")))
        elfie_process.sysstate = keep_path("ELFIE_SYSSTATE", value, sysstate, 0);
    else if ((value = value_of(entry, "ELFIE_ROOT")))
        elfie_process.root = keep_path("ELFIE_ROOT", value, root, begin_root(value));
    else if ((value = value_of(entry, "ELFIE_STDIO")))
        elfie_process.stdio = *value && !equal(value, "0");
    else if ((value = value_of(entry, "ELFIE_SYSSTATE_WRITE")))
        elfie_process.sysstate_write = *value && !equal(value, "0");
    else if ((value = value_of(entry, "ELFIE_PID")))
        elfie_process.recorded_pid = is_recorded("ELFIE_PID", value);
    else if ((value = value_of(entry, "ELFIE_MMAP")))
        elfie_process.recorded_mmap = is_recorded("ELFIE_MMAP", value);
}

void elfie_read_environ(const uint64_t *block)
{
    uint64_t argc = block[0];
    const uint64_t *argv = block + 1;
    copy_args(argv, argc);
    for (const uint64_t *envp = argv + argc + 1; *envp; envp++) {
        read_variable((const char *)*envp);
        read_sysstate_variable((const char *)*envp);
    }
}
