/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.T.reg: the registers of thread T at the start of the region. What follows there,
 * the results of system calls, is replay_reg.c's. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

/* A register's place in struct thread, for those that are stored as they come. */
struct field {
    const char *name;
    size_t offset, size;
};
#define FIELD(name, member)                                                                        \
    {                                                                                              \
        name, offsetof(struct thread, member), sizeof((struct thread *)0)->member                  \
    }

static const struct field fields[] = {
    FIELD("fcw", fcw),
    FIELD("fsw", fsw),
    FIELD("ftw", ftw),
    FIELD("fop", fop),
    {"fpuip", offsetof(struct thread, fip), 4},
    {"x87cs", offsetof(struct thread, fip) + 4, 2},
    {"fpudp", offsetof(struct thread, fdp), 4},
    {"x87ds", offsetof(struct thread, fdp) + 4, 2},
    FIELD("mxcsr", mxcsr),
};

/* PREFIX and a number below COUNT, without leading zeros; the number, or -1. */
static int numbered(const char *name, const char *prefix, int count)
{
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0)
        return -1;
    const char *at = name + length;
    uint64_t n;
    if ((at[0] == '0' && at[1]) || !scan_decimal(&at, &n) || *at || n >= (uint64_t)count)
        return -1;
    return (int)n;
}

static uint8_t *amx_state(struct thread *t)
{
    if (!t->amx)
        t->amx = xcalloc(1, TILECFG_SIZE + NUM_TMM * TMM_SIZE);
    return t->amx;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && !memcmp(bytes, bytes + 1, size - 1));
}

/* Where a register of this name is kept, and how many bytes are; NULL when it is not. */
static uint8_t *register_place(struct thread *t, const char *name, const uint8_t *value,
                               size_t size, size_t *room)
{
    int n;
    for (n = 0; n < NUM_GPRS; n++)
        if (!strcmp(name, gpr_names[n])) {
            *room = sizeof t->gpr[n];
            return (uint8_t *)&t->gpr[n];
        }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strcmp(name, fields[i].name)) {
            *room = fields[i].size;
            return (uint8_t *)t + fields[i].offset;
        }
    if ((n = numbered(name, "st", 8)) >= 0) {
        *room = 10;
        return t->st[n];
    }
    if ((n = numbered(name, "xmm", 32)) >= 0 || (n = numbered(name, "ymm", 32)) >= 0 ||
        (n = numbered(name, "zmm", 32)) >= 0) {
        *room = name[0] == 'x' ? 16 : name[0] == 'y' ? 32 : 64;
        return t->vector[n];
    }
    if ((n = numbered(name, "k", 8)) >= 0) {
        *room = sizeof t->k[n];
        return (uint8_t *)&t->k[n];
    }
    if (!strcmp(name, "tilecfg") && !all_zero(value, size)) {
        *room = TILECFG_SIZE;
        return amx_state(t);
    }
    if ((n = numbered(name, "tmm", NUM_TMM)) >= 0 && !all_zero(value, size)) {
        *room = TMM_SIZE;
        return amx_state(t) + TILECFG_SIZE + (size_t)n * TMM_SIZE;
    }
    return NULL;
}

/* Registers that are not restored: selectors, which are the same for all 64-bit programs; what the
 * system decides; and parts of others. */
static bool is_known(const char *name)
{
    static const char *const names[] = {"cs", "ds",   "es",     "ss",   "fs",
                                        "gs", "xcr0", "eflags", "pkru", "tilecfg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/* Bit I is set when register I of struct thread's gpr came. */
static uint32_t gpr_bit(const char *name)
{
    for (int i = 0; i < NUM_GPRS; i++)
        if (!strcmp(name, gpr_names[i]))
            return UINT32_C(1) << i;
    return 0;
}

static void store_register(struct thread *t, const struct input *in, const char *name,
                           const uint8_t *value, size_t size)
{
    size_t room;
    uint8_t *place = register_place(t, name, value, size, &room);
    if (place) {
        if (size > room && !all_zero(value + room, size - room))
            input_fail(in, "register %s has %zu bytes, and not more than %zu are possible", name,
                       size, room);
        memcpy(place, value, size < room ? size : room);
    } else if (!all_zero(value, size) && !is_known(name)) {
        warn_at(input_path(in), input_line_number(in), "register %s is not known and not restored",
                name);
    }
    if (!strcmp(name, "cs") && (value[0] != 0x33 || !all_zero(value + 1, size - 1)))
        input_fail(in, "cs is 0x%x, not 0x33: the thread is not in 64-bit mode", value[0]);
    if (!strcmp(name, "mxcsr") && (t->mxcsr >> 16))
        input_fail(in, "mxcsr is 0x%x: bits 16 and up must be 0", t->mxcsr);
}

/* One "NUMBER VALUE" line. SEEN has a byte per register number. */
static uint32_t read_register(const struct checkpoint *c, struct thread *t, struct input *in,
                              uint8_t *seen)
{
    size_t length;
    const char *line = input_line(in, &length);
    if (!line)
        input_fail(in, "the initial state is cut short");
    const char *at = line;
    uint64_t index;
    if (!scan_decimal(&at, &index) || !scan_blanks(&at))
        input_fail(in, "not a register's NUMBER VALUE: '%.80s'", line);
    if (index >= c->num_registers || !c->registers[index].name)
        input_fail(in, "register %llu does not exist: it is not in %s.global.log",
                   (unsigned long long)index, c->base);
    if (seen[index]++)
        input_fail(in, "register %llu (%s) is there twice", (unsigned long long)index,
                   c->registers[index].name);
    uint8_t value[1024];
    size_t size = c->registers[index].size;
    if (!scan_bytes(&at, value, size) || !scan_end(at))
        input_fail(in, "register %llu (%s) is not 1 to %zu bytes of two hex digits: '%.80s'",
                   (unsigned long long)index, c->registers[index].name, size, line);
    store_register(t, in, c->registers[index].name, value, size);
    return gpr_bit(c->registers[index].name);
}

/* "ic ;0 N": returns N. */
static uint64_t read_head(struct input *in)
{
    size_t length;
    const char *line = input_line(in, &length);
    if (!line)
        fail_at(input_path(in), 0, "the file is empty");
    const char *at = line + 2;
    uint64_t instruction, count;
    if (strncmp(line, "ic", 2) != 0 || !scan_blanks(&at) || *at++ != ';' ||
        !scan_decimal(&at, &instruction) || !scan_blanks(&at) || !scan_decimal(&at, &count) ||
        !scan_end(at) || instruction)
        input_fail(in, "the initial state ('ic ;0 N') is missing: '%.80s'", line);
    return count;
}

static void check_addresses(const struct thread *t, const struct input *in)
{
    static const enum gpr addresses[] = {RIP, FS_BASE, GS_BASE};
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        uint64_t value = t->gpr[addresses[i]];
        bool vsyscall =
            addresses[i] == RIP && value >= VSYSCALL_PAGE && value < VSYSCALL_PAGE + PAGE_SIZE;
        if (value >= USER_SPACE_END && !vsyscall)
            fail_at(input_path(in), 0, "%s is 0x%llx: not an address of a user's program",
                    gpr_names[addresses[i]], (unsigned long long)value);
    }
}

/* Intel SDM volume 2, LDTILECFG: palette 1 has 16 rows of 64 bytes at most. */
static void check_tiles(const struct thread *t, const struct input *in)
{
    bool bad = false;
    if (!t->amx)
        return;
    const uint8_t *cfg = t->amx;
    for (int n = 0; n < 16; n++) {
        unsigned row_bytes = cfg[16 + 2 * n] | (unsigned)cfg[17 + 2 * n] << 8;
        bad |= row_bytes > (n < NUM_TMM ? 64 : 0) || cfg[48 + n] > (n < NUM_TMM ? 16 : 0);
    }
    if (bad || cfg[0] != 1 || !all_zero(cfg + 2, 14))
        fail_at(input_path(in), 0, "tilecfg is not a configuration of palette 1");
}

static void read_thread(const struct checkpoint *c, struct thread *t, struct input *in)
{
    t->fcw = 0x37f; /* initial state of what an old pinball may not list */
    t->mxcsr = 0x1f80;
    uint64_t count = read_head(in);
    uint8_t *seen = xcalloc(c->num_registers, 1);
    uint32_t gprs = 0;
    for (uint64_t i = 0; i < count; i++)
        gprs |= read_register(c, t, in, seen);
    free(seen);
    size_t length;
    const char *next = input_line(in, &length);
    if (next && next[0] >= '0' && next[0] <= '9')
        input_fail(in, "more registers than the %llu that the file announces",
                   (unsigned long long)count);
    for (int i = 0; i < NUM_GPRS; i++)
        if (!(gprs & UINT32_C(1) << i))
            fail_at(input_path(in), 0, "register %s is missing in the initial state", gpr_names[i]);
    check_tiles(t, in);
    check_addresses(t, in);
}

void reg_read(struct checkpoint *c)
{
    c->num_contexts = c->replay ? c->num_static_threads : c->num_threads;
    c->threads = xcalloc(c->num_contexts, sizeof *c->threads);
    for (uint32_t t = 0; t < c->num_contexts; t++)
        c->threads[t].number = t;
    for (uint32_t t = 0; t < c->num_static_threads; t++) {
        char *suffix = xasprintf("%u.reg", t);
        char *what = xasprintf("registers of thread %u (of %u)", t, c->num_static_threads);
        struct input *in = input_require(c->base, suffix, what);
        if (t < c->num_contexts)
            read_thread(c, &c->threads[t], in);
        input_close(in);
        free(what);
        free(suffix);
    }
}
