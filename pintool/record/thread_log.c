/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what happened to a thread in the region, gives the lines of its logs. */
#include "thread_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "pinball.h"
#include "write.h"

/* A register that records hold, and its value in the last one. */
struct logged {
    const char *name;
    size_t offset; /* in struct user_regs_struct */
    unsigned index;
    unsigned size;
    uint64_t last;
};

#define LOGGED(text, member)                                                                       \
    {                                                                                              \
        .name = text, .offset = offsetof(struct user_regs_struct, member)                          \
    }

/* The first 16 as instructions number them. */
static const struct logged logged_registers[] = {
    LOGGED("rax", rax), LOGGED("rcx", rcx),         LOGGED("rdx", rdx),
    LOGGED("rbx", rbx), LOGGED("rsp", rsp),         LOGGED("rbp", rbp),
    LOGGED("rsi", rsi), LOGGED("rdi", rdi),         LOGGED("r8", r8),
    LOGGED("r9", r9),   LOGGED("r10", r10),         LOGGED("r11", r11),
    LOGGED("r12", r12), LOGGED("r13", r13),         LOGGED("r14", r14),
    LOGGED("r15", r15), LOGGED("rip", rip),         LOGGED("rflags", eflags),
    LOGGED("fs", fs),   LOGGED("fs-base", fs_base), LOGGED("gs-base", gs_base),
};

enum { NUM_LOGGED = sizeof logged_registers / sizeof *logged_registers };

struct thread_log {
    enum log_format format;
    struct output *reg, *sel, *race;
    struct logged registers[NUM_LOGGED];
    uint64_t last_record; /* instruction of the last one in .reg */
    struct {
        uint64_t entries;
        uint64_t icount, size, value, address; /* of the last line */
    } memory;
};

static struct output *create(unsigned number, const char *extension, enum compression compression)
{
    char *suffix = memory_format("%u.%s", number, extension);
    struct output *output = pinball_create(suffix, compression);
    free(suffix);
    return output;
}

static uint64_t value_in(const struct user_regs_struct *registers, const struct logged *logged)
{
    uint64_t value = 0;
    memcpy(&value, (const char *)registers + logged->offset, logged->size);
    return value;
}

struct thread_log *thread_log_open(unsigned number, const struct reg_table *table,
                                   const struct thread_regs *entry, enum log_format format,
                                   enum compression compression)
{
    struct thread_log *log = memory_new(sizeof *log);
    log->format = format;
    log->reg = create(number, "reg", compression);
    log->sel = create(number, "sel", compression);
    log->race = create(number, "race", compression);
    write_initial_state(table, entry, log->reg);
    memcpy(log->registers, logged_registers, sizeof logged_registers);
    for (unsigned i = 0; i < NUM_LOGGED; i++) {
        struct logged *logged = &log->registers[i];
        for (unsigned k = 0; k < table->count; k++)
            if (strcmp(table->list[k].name, logged->name) == 0) {
                logged->index = k;
                logged->size = table->list[k].size;
            }
        logged->last = value_in(&entry->general, logged);
    }
    return log;
}

/* --- .reg ------------------------------------------------------------------------------------- */

/* Log format 2.6 writes every value, as pinball st has it; 2.11 writes ":" for one that has not
 * changed, and one ":" for all of them, as mt has it: FOR_ALL, if a reader knows which these are.
 */
static void put_record(struct thread_log *log, const char *kind, uint64_t icount,
                       const struct user_regs_struct *registers, const bool which[NUM_LOGGED],
                       bool for_all)
{
    unsigned count = 0, same = 0;
    for (unsigned i = 0; i < NUM_LOGGED; i++) {
        count += which[i];
        same += which[i] && value_in(registers, &log->registers[i]) == log->registers[i].last;
    }
    bool may_repeat = log->format != LOG_FORMAT_2_6;
    output_printf(log->reg, "%s ;%lu %u\n", kind, icount - log->last_record, count);
    log->last_record = icount;
    if (may_repeat && same == count && for_all) {
        output_printf(log->reg, ":\n");
        return;
    }
    for (unsigned i = 0; i < NUM_LOGGED; i++) {
        struct logged *logged = &log->registers[i];
        if (!which[i])
            continue;
        uint64_t value = value_in(registers, logged);
        if (may_repeat && value == logged->last)
            output_printf(log->reg, "%u :\n", logged->index);
        else
            write_reg_value(log->reg, logged->index, (const uint8_t *)&value, logged->size);
        logged->last = value;
    }
}

static void choose(bool which[NUM_LOGGED], const char *const names[])
{
    memset(which, 0, NUM_LOGGED * sizeof *which);
    for (; *names; names++)
        for (unsigned i = 0; i < NUM_LOGGED; i++)
            if (strcmp(logged_registers[i].name, *names) == 0)
                which[i] = true;
}

void thread_log_call(struct thread_log *log, uint64_t icount,
                     const struct user_regs_struct *registers, bool is_clone, bool all_registers)
{
    static const char *const usual[] = {"rax", "rip", NULL};
    bool which[NUM_LOGGED];
    choose(which, usual);
    for (unsigned i = 0; all_registers && i < NUM_LOGGED; i++)
        which[i] |= log->registers[i].size > 0;
    if (is_clone)
        output_printf(log->reg, "scs 3\n"); /* what pinball mt has; readers skip it */
    put_record(log, "sc", icount, registers, which, true);
}

void thread_log_instruction(struct thread_log *log, uint64_t icount,
                            const struct user_regs_struct *registers, enum instruction kind,
                            unsigned destination)
{
    static const char *const rdtsc[] = {"rax", "rdx", "rip", NULL};
    static const char *const rdtscp[] = {"rax", "rcx", "rdx", "rip", NULL};
    static const char *const cpuid[] = {"rax", "rbx", "rcx", "rdx", "rip", NULL};
    static const char *const random[] = {"rip", "rflags", NULL};
    static const char *const rdpid[] = {"rip", NULL};
    /* The flags, which do not change, tell it from an RDTSC where a reader has no code. */
    static const char *const xgetbv[] = {"rax", "rdx", "rip", "rflags", NULL};
    const uint64_t tracers = 0x10100; /* RF, TF */
    struct user_regs_struct behind = *registers;
    bool which[NUM_LOGGED];
    bool has_destination = kind == INSTRUCTION_RANDOM || kind == INSTRUCTION_RDPID;
    behind.eflags &= ~tracers;
    choose(which, kind == INSTRUCTION_RDTSC    ? rdtsc
                  : kind == INSTRUCTION_RDTSCP ? rdtscp
                  : kind == INSTRUCTION_CPUID  ? cpuid
                  : kind == INSTRUCTION_RANDOM ? random
                  : kind == INSTRUCTION_XGETBV ? xgetbv
                                               : rdpid);
    if (has_destination)
        which[destination] = true;
    put_record(log, "rd", icount, &behind, which,
               kind == INSTRUCTION_RDTSC || kind == INSTRUCTION_RDTSCP);
}

/* --- .sel ------------------------------------------------------------------------------------- */

static unsigned length_of(const char *format, uint64_t value)
{
    return (unsigned)snprintf(NULL, 0, format, value);
}

/* VALUE, or how far it is from LAST where that is shorter. */
static int put_number(char *text, uint64_t value, uint64_t last, bool first)
{
    uint64_t difference = value - last;
    bool negative = difference >> 63;
    if (negative)
        difference = -difference;
    if (first || 1 + negative + length_of("%lu", difference) >= length_of("0x%lx", value))
        return sprintf(text, " 0x%lx", value);
    return sprintf(text, negative ? " ;-%lu" : " ;%lu", difference);
}

/* One line, for up to 8 bytes. */
static void put_piece(struct thread_log *log, uint64_t icount, uint64_t address, uint64_t value,
                      uint64_t size)
{
    char line[128];
    bool first = log->memory.entries == 0;
    bool same_size = !first && size == log->memory.size;
    int length = sprintf(line, "/%c", same_size ? 'y' : 'x');
    length += first ? sprintf(line + length, "%lu", icount)
                    : sprintf(line + length, ";%lu", icount - log->memory.icount);
    if (!same_size)
        length += sprintf(line + length, " %lu", size);
    length += put_number(line + length, value, log->memory.value, first);
    length += put_number(line + length, address, log->memory.address, first);
    length += sprintf(line + length, " \n");
    output_write(log->sel, line, (size_t)length);
    log->memory.entries++;
    log->memory.icount = icount;
    log->memory.size = size;
    log->memory.value = value;
    log->memory.address = address;
}

void thread_log_memory(struct thread_log *log, uint64_t icount, uint64_t address,
                       const uint8_t *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        uint64_t value = 0;
        size_t piece = size - done < sizeof value ? size - done : sizeof value;
        memcpy(&value, bytes + done, piece);
        put_piece(log, icount, address + done, value, piece);
        done += piece;
    }
}

uint64_t thread_log_entries(const struct thread_log *log)
{
    return log->memory.entries;
}

/* --- .race ------------------------------------------------------------------------------------ */

void thread_log_order(struct thread_log *log, uint64_t icount, unsigned thread, uint64_t other)
{
    output_printf(log->race, "%lu %u %lu\n", icount, thread, other);
}

void thread_log_close(struct thread_log *log, uint64_t icount)
{
    const char *end = log->format == LOG_FORMAT_2_6 ? " 0" : "";
    output_printf(log->reg, "end_marker %lu%s\n", icount, end);
    output_printf(log->sel, "end_marker %lu%s\n", icount, end);
    output_close(log->reg);
    output_close(log->sel);
    output_close(log->race);
    free(log);
}
