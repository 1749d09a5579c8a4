/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes .reg, .sel and .race of a thread, gives what is to be injected, in the order of its
 * instructions. */
#include "replay_log.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "final_registers.h"
#include "input.h"
#include "memory.h"
#include "message.h"

struct replay_log {
    const struct register_names *names;
    struct input *reg, *sel, *race;
    uint8_t (*last)[8]; /* of each register: its low 8 bytes in the last record */
    struct replay_record record;
    bool has_record;
    uint64_t record_base; /* instruction of the record before */
    unsigned long num_registers;
    struct {
        bool filled, ended;
        uint64_t icount, size, value, address;
    } memory;
    struct {
        bool filled, ended;
        uint64_t icount, other;
        unsigned thread;
    } order;
};

/* --- numbers ---------------------------------------------------------------------------------- */

static uint64_t decimal(const struct input *input, char **at)
{
    char *end;
    while (**at == ' ')
        ++*at;
    if (!isdigit((unsigned char)**at))
        input_fail(input, "a number is missing");
    uint64_t value = strtoull(*at, &end, 10);
    *at = end;
    return value;
}

/* "0x1f" or ";N" or ";-N" from LAST. */
static uint64_t value_or_difference(const struct input *input, char **at, uint64_t last)
{
    char *end;
    while (**at == ' ')
        ++*at;
    if (strncmp(*at, "0x", 2) == 0) {
        uint64_t value = strtoull(*at, &end, 16);
        *at = end;
        return value;
    }
    if (**at != ';')
        input_fail(input, "neither 0xVALUE nor ;DIFFERENCE");
    ++*at;
    bool negative = **at == '-';
    *at += negative;
    uint64_t difference = decimal(input, at);
    return negative ? last - difference : last + difference;
}

/* Two digits a byte, least significant byte first; "0". Gives the number of bytes. */
static size_t bytes(const struct input *input, const char *text, uint8_t *value, size_t room)
{
    size_t size = 0;
    memset(value, 0, room);
    if (strcmp(text, "0") == 0)
        return 0;
    for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); text += 2) {
        unsigned byte;
        if (size == room || sscanf(text, "%2x", &byte) != 1)
            input_fail(input, "a register's value is too long");
        value[size++] = (uint8_t)byte;
    }
    if (*text && *text != ' ')
        input_fail(input, "not a register's value");
    return size;
}

/* --- .reg ------------------------------------------------------------------------------------- */

/* "NUMBER VALUE": gives the number; VALUE is what follows. */
static size_t register_number(const struct replay_log *log, char *line, char **value)
{
    uint64_t number = decimal(log->reg, &line);
    if (number >= log->names->count || log->names->names[number][0] == '\0')
        input_fail(log->reg, "no such register in the global log");
    if (*line++ != ' ')
        input_fail(log->reg, "a register without a value");
    *value = line;
    return (size_t)number;
}

static void read_record_head(struct replay_log *log)
{
    char *line = input_line(log->reg);
    while (line && strncmp(line, "scs", 3) == 0)
        line = input_line(log->reg);
    log->has_record = false;
    log->record = (struct replay_record){.icount = UINT64_MAX};
    if (!line || strncmp(line, "end_marker", 10) == 0)
        return;
    unsigned long distance;
    char kind[3];
    if (sscanf(line, "%2s ;%lu %lu", kind, &distance, &log->num_registers) != 3 ||
        (strcmp(kind, "sc") != 0 && strcmp(kind, "rd") != 0))
        input_fail(log->reg, "neither a record nor the end");
    log->record_base += distance;
    log->record = (struct replay_record){.icount = log->record_base, .is_call = kind[0] == 's'};
    log->has_record = true;
}

struct replay_record replay_log_next_record(struct replay_log *log)
{
    return log->record;
}

static void set(struct user_regs_struct *registers, const char *name, const uint8_t *value)
{
    for (const struct final_register *each = final_registers; each->name; each++)
        if (strcasecmp(name, each->name) == 0)
            memcpy((char *)registers + each->offset, value, 8);
    if (strcasecmp(name, "fs-base") == 0 || strcasecmp(name, "fs_base") == 0)
        memcpy(&registers->fs_base, value, 8);
    if (strcasecmp(name, "gs-base") == 0 || strcasecmp(name, "gs_base") == 0)
        memcpy(&registers->gs_base, value, 8);
}

void replay_log_take_record(struct replay_log *log, struct user_regs_struct *registers)
{
    /* ":" alone stands for all: rax and rip, and rdx of an RDTSC. */
    static const char *const usual[] = {"rax", "rip", "rdx"};
    for (unsigned long i = 0; i < log->num_registers; i++) {
        char *line = input_line(log->reg), *value;
        if (!line)
            fail("thread's .reg is cut short in a record");
        if (strcmp(line, ":") == 0) {
            for (size_t n = 0; n < log->names->count; n++)
                for (unsigned k = 0; k < (log->record.is_call ? 2 : 3); k++)
                    if (strcasecmp(log->names->names[n], usual[k]) == 0)
                        set(registers, usual[k], log->last[n]);
            break;
        }
        size_t number = register_number(log, line, &value);
        if (*value != ':')
            bytes(log->reg, value, log->last[number], 8);
        set(registers, log->names->names[number], log->last[number]);
    }
    read_record_head(log);
}

static void read_initial_state(struct replay_log *log,
                               void (*store)(void *, const char *, const uint8_t *, size_t),
                               void *context)
{
    unsigned long count;
    char *line = input_line(log->reg);
    if (!line || sscanf(line, "ic ;0 %lu", &count) != 1)
        fail("a .reg file does not begin with the initial state");
    while (count-- > 0) {
        uint8_t value[REG_MAX_BYTES];
        char *text;
        if (!(line = input_line(log->reg)))
            fail("the initial state in a .reg file is cut short");
        size_t number = register_number(log, line, &text);
        bytes(log->reg, text, value, sizeof value);
        memcpy(log->last[number], value, 8);
        store(context, log->names->names[number], value, sizeof value);
    }
}

/* --- .sel ------------------------------------------------------------------------------------- */

static void fill_memory(struct replay_log *log)
{
    char *line = log->sel ? input_line(log->sel) : NULL;
    log->memory.filled = true;
    if (!line || strncmp(line, "end_marker", 10) == 0) {
        log->memory.ended = true;
        return;
    }
    if (line[0] != '/' || (line[1] != 'x' && line[1] != 'y'))
        input_fail(log->sel, "neither /x, /y nor the end");
    char *at = line + 2;
    bool difference = *at == ';';
    at += difference;
    uint64_t icount = decimal(log->sel, &at);
    log->memory.icount = difference ? log->memory.icount + icount : icount;
    if (line[1] == 'x')
        log->memory.size = decimal(log->sel, &at);
    if (log->memory.size == 0 || log->memory.size > 8)
        input_fail(log->sel, "not 1 to 8 bytes");
    log->memory.value = value_or_difference(log->sel, &at, log->memory.value);
    log->memory.address = value_or_difference(log->sel, &at, log->memory.address);
}

bool replay_log_memory(struct replay_log *log, uint64_t icount, uint64_t *address, uint8_t value[8],
                       size_t *size)
{
    if (!log->memory.filled && !log->memory.ended)
        fill_memory(log);
    if (log->memory.ended || log->memory.icount > icount)
        return false;
    *address = log->memory.address;
    *size = log->memory.size;
    memcpy(value, &log->memory.value, 8);
    log->memory.filled = false;
    return true;
}

/* --- .race ------------------------------------------------------------------------------------ */

bool replay_log_order(struct replay_log *log, uint64_t icount, unsigned *thread, uint64_t *other)
{
    if (!log->order.filled && !log->order.ended) {
        char *line = log->race ? input_line(log->race) : NULL;
        if (!line) {
            log->order.ended = true;
        } else if (sscanf(line, "%lu %u %lu", &log->order.icount, &log->order.thread,
                          &log->order.other) != 3) {
            input_fail(log->race, "not INSTRUCTION THREAD INSTRUCTION");
        }
        log->order.filled = true;
    }
    if (log->order.ended || log->order.icount > icount)
        return false;
    *thread = log->order.thread;
    *other = log->order.other;
    return true;
}

void replay_log_waited(struct replay_log *log)
{
    log->order.filled = false;
}

/* --- all -------------------------------------------------------------------------------------- */

static struct input *open_one(const char *base, unsigned number, const char *extension)
{
    char *suffix = memory_format("%u.%s", number, extension);
    struct input *input = input_open(base, suffix);
    free(suffix);
    return input;
}

struct replay_log *replay_log_open(const char *base, unsigned number,
                                   const struct register_names *names,
                                   void (*store)(void *, const char *, const uint8_t *, size_t),
                                   void *context)
{
    struct replay_log *log = memory_new(sizeof *log);
    log->names = names;
    log->last = memory_new((names->count + 1) * sizeof *log->last);
    log->reg = open_one(base, number, "reg");
    log->sel = open_one(base, number, "sel");
    log->race = open_one(base, number, "race");
    if (!log->reg)
        fail("%s.%u.reg: there is none", base, number);
    read_initial_state(log, store, context);
    read_record_head(log);
    return log;
}
