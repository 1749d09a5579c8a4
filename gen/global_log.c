/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.global.log: "key: value" lines, and the table of registers. Keys that an ELFie
 * does not need are passed over. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REGISTER_NUMBER = 4095, MAX_REGISTER_SIZE = 1024 };

/* Which keys came; all but the last must. */
enum { SEEN_ARCH = 1, SEEN_STATIC = 2, SEEN_DYNAMIC = 4, SEEN_VERSION = 8, SEEN_REGISTERS = 16 };

static uint64_t number(const struct input *in, const char *key, const char *value)
{
    const char *at = value;
    uint64_t n;
    if (!scan_decimal(&at, &n) || !scan_end(at))
        input_fail(in, "%s is not a number: '%.80s'", key, value);
    return n;
}

static void read_version(struct checkpoint *c, const struct input *in, const char *value)
{
    const char *at = value;
    uint64_t major, minor;
    if (!scan_decimal(&at, &major) || *at++ != '.' || !scan_decimal(&at, &minor) || !scan_end(at) ||
        major > 1000 || minor > 1000)
        input_fail(in, "log format version is not MAJOR.MINOR: '%s'", value);
    if (major != 2)
        input_fail(in, "log format version %s is not known: 2.6 to 2.16 are", value);
    c->version_minor = (unsigned)minor;
}

/* "fs-base" and "FS-BASE" become "fs_base": one spelling from here on. */
static char *canonical_name(const char *name, size_t length)
{
    char *s = xmalloc(length + 1);
    for (size_t i = 0; i < length; i++)
        s[i] = name[i] == '-' ? '_' : (char)tolower((unsigned char)name[i]);
    s[length] = '\0';
    return s;
}

static void read_register(struct checkpoint *c, struct input *in)
{
    size_t length;
    const char *line = input_line(in, &length);
    if (!line)
        input_fail(in, "the table of registers is cut short");
    const char *at = line + strcspn(line, " \t");
    size_t name_length = (size_t)(at - line);
    uint64_t index, size;
    if (!name_length || !scan_blanks(&at) || !scan_decimal(&at, &index) || !scan_blanks(&at) ||
        !scan_decimal(&at, &size) || !scan_end(at))
        input_fail(in, "not a register's NAME NUMBER SIZE: '%.80s'", line);
    if (index > MAX_REGISTER_NUMBER)
        input_fail(in, "register number %llu is over %d", (unsigned long long)index,
                   MAX_REGISTER_NUMBER);
    if (size == 0 || size > MAX_REGISTER_SIZE)
        input_fail(in, "register of %llu bytes: 1 to %d are possible", (unsigned long long)size,
                   MAX_REGISTER_SIZE);
    if (c->registers[index].name)
        input_fail(in, "register number %llu is there twice", (unsigned long long)index);
    char *name = canonical_name(line, name_length);
    for (size_t i = 0; i < c->num_registers; i++)
        if (c->registers[i].name && !strcmp(c->registers[i].name, name))
            input_fail(in, "register %s is there twice", name);
    c->registers[index].name = name;
    c->registers[index].size = (uint32_t)size;
    if (index >= c->num_registers)
        c->num_registers = index + 1;
}

static void read_registers(struct checkpoint *c, struct input *in, const char *value)
{
    uint64_t count = number(in, "num_reg_descs", value);
    if (count == 0 || count > MAX_REGISTER_NUMBER + 1)
        input_fail(in, "%llu registers: 1 to %d are possible", (unsigned long long)count,
                   MAX_REGISTER_NUMBER + 1);
    c->registers = xcalloc(MAX_REGISTER_NUMBER + 1, sizeof *c->registers);
    for (uint64_t i = 0; i < count; i++)
        read_register(c, in);
}

static uint32_t read_threads(const struct input *in, const char *key, const char *value)
{
    uint64_t n = number(in, key, value);
    if (n == 0 || n > MAX_THREADS)
        input_fail(in, "%s: %llu threads: 1 to %d are possible", key, (unsigned long long)n,
                   MAX_THREADS);
    return (uint32_t)n;
}

/* "0x7fffe3076996 L64" */
static void add_call_site(struct checkpoint *c, const struct input *in, const char *value)
{
    const char *at = value;
    uint64_t address;
    if (!scan_hex(&at, &address) || address >= USER_SPACE_END)
        input_fail(in, "not the address of a system call instruction: '%.80s'", value);
    if ((c->num_call_sites & (c->num_call_sites - 1)) == 0)
        c->call_sites = xreallocarray(c->call_sites, c->num_call_sites ? 2 * c->num_call_sites : 1,
                                      sizeof *c->call_sites);
    c->call_sites[c->num_call_sites++] = address;
}

/* Returns the SEEN_ bit of the key, 0 for one that is passed over. */
static unsigned read_key(struct checkpoint *c, struct input *in, const char *key, const char *value)
{
    if (!strcmp(key, "arch")) {
        if (strcmp(value, "x86_64") != 0)
            input_fail(in, "arch is %.40s: only x86_64 pinballs can become ELFies", value);
        return SEEN_ARCH;
    }
    if (!strcmp(key, "num_static_threads")) {
        c->num_static_threads = read_threads(in, key, value);
        return SEEN_STATIC;
    }
    if (!strcmp(key, "num_dynamic_threads")) {
        c->num_threads = read_threads(in, key, value);
        return SEEN_DYNAMIC;
    }
    if (!strcmp(key, "log format version")) {
        read_version(c, in, value);
        return SEEN_VERSION;
    }
    if (!strcmp(key, "num_reg_descs")) {
        if (c->registers)
            input_fail(in, "a second table of registers");
        read_registers(c, in, value);
        return SEEN_REGISTERS;
    }
    if (!strcmp(key, "fat"))
        c->fat = number(in, key, value) != 0;
    if (!strcmp(key, "pin-command-line") && strstr(value, "-log:pages_early 1"))
        c->pages_early = true;
    if (c->replay && !strcmp(key, "ip_entry") && !strncmp(value, "syscall:", 8))
        add_call_site(c, in, value + 8 + strspn(value + 8, " \t"));
    if (!strcmp(key, "app-command-line") && !c->command_line)
        c->command_line = xstrdup(value);
    return 0;
}

static void check_seen(const struct input *in, unsigned seen)
{
    static const char *const keys[] = {"arch", "num_static_threads", "num_dynamic_threads",
                                       "log format version", "num_reg_descs"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!(seen & 1u << i))
            fail_at(input_path(in), 0, "no line '%s:': is it the global.log of a pinball?",
                    keys[i]);
}

void global_log_read(struct checkpoint *c)
{
    struct input *in = input_require(c->base, "global.log", "process-wide facts");
    unsigned seen = 0;
    size_t length;
    c->fat = true; /* until the file says otherwise */
    for (char *line; (line = input_line(in, &length));) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        value[strcspn(value, "\r")] = '\0';
        seen |= read_key(c, in, line, value);
    }
    check_seen(in, seen);
    if (c->num_threads > c->num_static_threads)
        fail_at(input_path(in), 0, "num_dynamic_threads is %u, more than num_static_threads, %u",
                c->num_threads, c->num_static_threads);
    if (!c->fat)
        warn_at(input_path(in), 0,
                "fat: 0: only pages that the region touched were captured; whatever leaves them "
                "will fault");
    input_close(in);
}
