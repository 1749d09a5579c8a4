/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments and environment, as far as the runtime needs them, copied out of the kernel's stack. */
#include "../instrumentation/replay.h"
#include "elfie.h"
#include "syscall.h"

enum { ARGS_MAX = 1024, PERF_LIST_MAX = 256, PATH_MAX = 4096, STEP_LIMIT = 50000000 };

struct elfie_process elfie_process = {.core_base = -1, .warmup = -1, .step_limit = STEP_LIMIT};
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

void elfie_fail_value(const char *name, const char *value, const char *should)
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
        elfie_fail_value(name, value, "a decimal number");
    return n;
}

/* Truth as the user has it: anything but nothing and 0. */
static int is_set(const char *value)
{
    return *value && !equal(value, "0");
}

static int flag(const char *name, const char *value)
{
    if (*value && !equal(value, "0") && !equal(value, "1"))
        elfie_fail_value(name, value, "0 or 1");
    return equal(value, "1");
}

/* Negative: no pinning. */
static int64_t core(const char *value)
{
    return *value == '-' ? (number("ELFIE_COREBASE", value + 1), -1)
                         : (int64_t)number("ELFIE_COREBASE", value);
}

static const char *copy_of_list(const char *value)
{
    static char list[PERF_LIST_MAX];
    size_t size = 0;
    while ((list[size] = value[size]))
        if (++size == sizeof list)
            elfie_fail_value("ELFIE_PERFLIST", value, "shorter than 256 characters");
    return list;
}

/* What runs around the region and where it ends. */
static void read_counting_variable(const char *entry)
{
    const char *value;
    if ((value = value_of(entry, "ELFIE_PERFLIST"))) {
        elfie_process.perf_list = copy_of_list(value);
    } else if ((value = value_of(entry, "ELFIE_COREBASE"))) {
        elfie_process.core_base = core(value);
    } else if ((value = value_of(entry, "ELFIE_WARMUP"))) {
        elfie_process.warmup = flag("ELFIE_WARMUP", value);
    } else if ((value = value_of(entry, "ELFIE_PCCOUNT"))) {
        elfie_process.pc_count = flag("ELFIE_PCCOUNT", value);
    } else if ((value = value_of(entry, "ELFIE_STEP_LIMIT"))) {
        elfie_process.step_limit = number("ELFIE_STEP_LIMIT", value);
    } else if ((value = value_of(entry, "ELFIE_COUNT_BY"))) {
        if (equal(value, "event"))
            elfie_process.count_by = COUNT_BY_EVENT;
        else if (equal(value, "signal"))
            elfie_process.count_by = COUNT_BY_SIGNAL;
        else if (equal(value, "step"))
            elfie_process.count_by = COUNT_BY_STEP;
        else
            elfie_fail_value("ELFIE_COUNT_BY", value, "event, signal or step");
    }
}

static void read_variable(const char *entry)
{
    const char *value;
    if (elfie_config.replay && elfie_config.replay->variable(entry))
        return;
    read_counting_variable(entry);
    if ((value = value_of(entry, "ELFIE_VERBOSE"))) {
        elfie_process.verbose = is_set(value);
    } else if ((value = value_of(entry, "ELFIE_IGNORE_CPU"))) {
        elfie_process.ignore_cpu = is_set(value);
    } else if ((value = value_of(entry, "ELFIE_COUNT_CALLS"))) {
        elfie_process.count_calls = is_set(value);
    } else if ((value = value_of(entry, "ELFIE_REPORT"))) {
        if (equal(value, "text"))
            elfie_process.report = REPORT_TEXT;
        else if (equal(value, "json"))
            elfie_process.report = REPORT_JSON;
        else if (equal(value, "off"))
            elfie_process.report = REPORT_OFF;
        else
            elfie_fail_value("ELFIE_REPORT", value, "text, json or off");
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
            elfie_fail_value(name, value, "shorter than 4096 bytes");
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
        elfie_fail_value(name, value, "recorded");
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

void elfie_remember_directory(void)
{
    static char directory[PATH_MAX];
    if (elfie_syscall(__NR_getcwd, directory, sizeof directory) < 0)
        directory[0] = '.';
    elfie_process.directory = directory;
}
