/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.T.reg behind the initial state, which is reg.c's: what each system call, "sc ;D N",
 * and each RDTSC and the like, "rd ;D N", left in the registers: N lines. D instructions after the
 * record before. */
#include "error.h"
#include "replay.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

enum { LOWEST_GIVEN = 0x10000 }; /* vm.mmap_min_addr: what is below is no address */
enum { CALL_LENGTH = 2 };        /* of the instruction */

_Static_assert((int)NUM_GPRS == (int)NUM_REPLAY_REGISTERS && (int)R15 == (int)REPLAY_R15 &&
                   (int)GS_BASE == (int)REPLAY_GS_BASE,
               "checkpoint.h and replay_log.h have the same order");
enum { BIT_RAX = 1 << RAX, BIT_RDX = 1 << RDX, BIT_RIP = 1 << RIP };
enum { CALL_SETS = BIT_RAX | BIT_RIP, RDTSC_SETS = CALL_SETS | BIT_RDX };

struct state {
    struct input *in;
    struct replay_reader *r;
    struct replay_record record;
    uint64_t last[NUM_GPRS]; /* what ':' repeats */
    uint32_t last_set;       /* registers of the record before */
    uint64_t *values;        /* of registers, as replay_log.h has them */
    size_t num_values;
    uint64_t num_calls;
};

/* The line behind which the records begin. */
static void skip_initial_state(struct state *s)
{
    size_t length;
    const char *at = input_line(s->in, &length);
    uint64_t instruction, count = 0;
    if (at)
        at += 2;
    if (!at || !scan_blanks(&at) || *at++ != ';' || !scan_decimal(&at, &instruction) ||
        !scan_blanks(&at) || !scan_decimal(&at, &count))
        input_fail(s->in, "the initial state ('ic ;0 N') is missing");
    while (count--)
        if (!input_line(s->in, &length))
            input_fail(s->in, "the initial state is cut short");
}

/* The register's number in enum gpr, or NUM_GPRS for one that need not be set: the selectors are
 * the same in all 64-bit programs. */
static int register_number(const struct state *s, const char *line, uint64_t index)
{
    static const char *const passed_over[] = {"cs", "ds", "es", "ss", "fs", "gs"};
    const struct checkpoint *c = s->r->c;
    const char *name = index < c->num_registers ? c->registers[index].name : NULL;
    if (!name)
        input_fail(s->in, "register %llu does not exist: it is not in %s.global.log",
                   (unsigned long long)index, c->base);
    for (int i = 0; i < NUM_GPRS; i++)
        if (!strcmp(name, gpr_names[i]))
            return i;
    for (size_t i = 0; i < sizeof passed_over / sizeof *passed_over; i++)
        if (!strcmp(name, passed_over[i]))
            return NUM_GPRS;
    input_fail(s->in, "a record sets register %s, which cannot be replayed: '%.80s'", name, line);
}

/* "NUMBER VALUE" or "NUMBER :". Gives the register's bit. */
static uint32_t read_register(struct state *s, const char *line)
{
    const char *at = line;
    uint64_t index, value = 0;
    uint8_t bytes[8];
    if (!scan_decimal(&at, &index) || !scan_blanks(&at))
        input_fail(s->in, "not a register's NUMBER VALUE: '%.80s'", line);
    int number = register_number(s, line, index);
    uint32_t bit = number == NUM_GPRS ? 0 : UINT32_C(1) << number;
    if (*at == ':' && scan_end(at + 1))
        return bit;
    if (!scan_bytes(&at, bytes, sizeof bytes) || !scan_end(at))
        input_fail(s->in, "not 1 to 8 bytes of two hex digits: '%.80s'", line);
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    if (bit)
        s->last[number] = value;
    return bit;
}

/* Gives the registers that are set. Those of a first record that is only ':' are FIRST; later ones
 * have the rip of the record before, so it is the same instruction. */
static uint32_t read_registers(struct state *s, uint64_t count, uint32_t needed, uint32_t first)
{
    size_t length;
    uint32_t seen = 0;
    for (uint64_t i = 0; i < count; i++) {
        const char *line = input_line(s->in, &length);
        if (!line)
            input_fail(s->in, "a record is cut short: %llu of %llu registers",
                       (unsigned long long)i, (unsigned long long)count);
        if (i == 0 && line[0] == ':' && scan_end(line + 1)) { /* all as in the record before */
            seen = s->last_set ? s->last_set | needed : first;
            break;
        }
        uint32_t bit = read_register(s, line);
        if (seen & bit)
            input_fail(s->in, "a register is there twice: '%.80s'", line);
        seen |= bit;
    }
    if ((seen & needed) != needed)
        input_fail(s->in, "a record without %s", seen & BIT_RIP ? "rax" : "rip");
    s->last_set = seen;
    return seen;
}

static void add_value(struct state *s, uint64_t value)
{
    if ((s->num_values & (s->num_values - 1)) == 0)
        s->values =
            xreallocarray(s->values, s->num_values ? 2 * s->num_values : 1, sizeof *s->values);
    s->values[s->num_values++] = value;
}

static void put_record(struct state *s, uint32_t registers)
{
    struct replay_record *r = &s->record;
    registers &= ~(uint32_t)(r->kind == REPLAY_OTHER ? BIT_RIP : BIT_RIP | BIT_RAX);
    r->rax = s->last[RAX];
    r->rip = s->last[RIP];
    r->registers = registers;
    r->first = s->num_values;
    for (int i = 0; i < NUM_GPRS; i++)
        if (registers >> i & 1)
            add_value(s, s->last[i]);
    fwrite(r, sizeof *r, 1, s->r->to);
}

static void check_addresses(const struct state *s, uint32_t registers)
{
    static const enum gpr addresses[] = {RIP, FS_BASE, GS_BASE};
    registers |= BIT_RIP;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (registers >> addresses[i] & 1 && s->last[addresses[i]] >= USER_SPACE_END)
            input_fail(s->in, "%s is 0x%llx: not an address of a user's program",
                       gpr_names[addresses[i]], (unsigned long long)s->last[addresses[i]]);
    if (s->last[RIP] < CALL_LENGTH)
        input_fail(s->in, "rip is %llu: no instruction is before it",
                   (unsigned long long)s->last[RIP]);
}

/* Memory that the kernel has given may be named by later logs. */
static void note_given(struct state *s)
{
    uint64_t address = s->last[RAX];
    if (address < LOWEST_GIVEN || address >= USER_SPACE_END)
        return;
    long gap = replay_gap(s->r->l, address);
    if (gap >= 0)
        s->r->given[gap] = true;
    else if (address % PAGE_SIZE) /* a program break in captured memory: it may rise above it */
        s->r->given[region_at(s->r->l, address) - s->r->l->regions + 1] = true;
}

/* "sc ;D N" and what belongs to it. */
static void read_record(struct state *s, const char *line)
{
    const char *at = line + 2;
    uint64_t number, count;
    bool is_call = line[0] == 's';
    bool relative = scan_blanks(&at) && *at == ';';
    at += relative;
    if (!scan_decimal(&at, &number) || !scan_blanks(&at) || !scan_decimal(&at, &count) ||
        !scan_end(at))
        input_fail(s->in, "not a record's '%.2s ;INSTRUCTIONS REGISTERS': '%.80s'", line, line);
    if (count < 1 || count > s->r->c->num_registers)
        input_fail(s->in, "%llu registers in a record: 1 to %zu are possible",
                   (unsigned long long)count, s->r->c->num_registers);
    if (relative ? number == 0 || __builtin_add_overflow(number, s->record.icount, &number)
                 : number <= s->record.icount)
        input_fail(s->in, "records in the wrong order: '%.80s' behind instruction %llu", line,
                   (unsigned long long)s->record.icount);
    s->record.icount = number;
    uint32_t registers = is_call ? read_registers(s, count, CALL_SETS, CALL_SETS)
                                 : read_registers(s, count, BIT_RIP, RDTSC_SETS);
    check_addresses(s, registers);
    if (is_call) {
        s->record.kind = REPLAY_CALL;
        s->num_calls++;
        note_given(s);
        replay_add_site(s->r->c->replay, s->last[RIP] - CALL_LENGTH);
    } else {
        s->record.kind = replay_instruction_kind(s->r, s->in, s->last[RIP], registers);
    }
    put_record(s, registers);
}

/* Reads up to the end_marker; false when there is none. */
static bool read_records(struct state *s, uint64_t *icount)
{
    bool of_clone = false;
    size_t length;
    for (const char *line; (line = input_line(s->in, &length));) {
        bool is_call = !strncmp(line, "sc ", 3);
        if (of_clone && !is_call)
            input_fail(s->in, "no 'sc' behind a 'scs': '%.80s'", line);
        of_clone = !strncmp(line, "scs ", 4);
        if (is_call || !strncmp(line, "rd ", 3))
            read_record(s, line);
        else if (replay_end_marker(s->in, line, s->record.icount, icount))
            return true;
        else if (!of_clone && !scan_end(line))
            input_fail(s->in, "neither a record (sc, scs, rd) nor the end_marker: '%.80s'", line);
    }
    return false;
}

/* A call that ends the thread or the program has no record. */
static void check_calls(const struct state *s, uint32_t thread)
{
    const struct thread *t = &s->r->c->threads[thread];
    if (t->has_num_calls && t->num_calls != s->num_calls && t->num_calls != s->num_calls + 1)
        fail_at(input_path(s->in), input_line_number(s->in),
                "records of %llu system calls; %s.%u.result says %llu",
                (unsigned long long)s->num_calls, s->r->c->base, thread,
                (unsigned long long)t->num_calls);
}

void replay_read_reg(struct replay_reader *r, uint32_t thread)
{
    char *suffix = xasprintf("%u.reg", thread);
    struct replay_thread *p = &r->c->replay->threads[thread];
    struct state s = {.r = r, .in = input_require(r->c->base, suffix, "results of system calls")};
    memcpy(s.last, r->c->threads[thread].gpr, sizeof s.last);
    skip_initial_state(&s);
    p->records = (uint64_t)ftello(r->to);
    if (!read_records(&s, &r->ends[thread]))
        fail_at(input_path(s.in), input_line_number(s.in),
                "there is no end_marker, which says where the region ends: the log is cut short, "
                "or the "
                "pinball was recorded without its region (elfie-record --length)");
    check_calls(&s, thread);
    p->num_calls = s.num_calls;
    p->values = (uint64_t)ftello(r->to);
    p->records_size = p->values - p->records;
    if (s.num_values)
        fwrite(s.values, sizeof *s.values, s.num_values, r->to);
    free(s.values);
    input_close(s.in);
    free(suffix);
}
