/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes stopped threads, gives register values under PinPlay's names, in PinPlay's order. */
#include "regs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_file.h"
#include "memory.h"
#include "message.h"

#define EFLAGS_TF UINT64_C(0x100)
#define EFLAGS_RF UINT64_C(0x10000)

/* What is in the kernel or the tracer's trace goes. */
static void make_ready(struct thread_regs *regs, const struct thread *thread)
{
    if (tracee_restart_call(thread, &regs->general))
        note("thread %d: in system call %llu, which the region will execute anew", regs->tid,
             regs->general.rax);
    regs->general.eflags &= ~(EFLAGS_TF | EFLAGS_RF);
}

struct thread_regs regs_of_core(const struct core *core, const struct core_thread *source)
{
    struct thread_regs regs = {
        .tid = source->tid, .general = source->general, .extended = source->extended};
    struct thread thread = {.tid = source->tid};
    uint8_t code[TRACEE_CALL_CODE];
    if (!regs.extended.area)
        fail("thread %d has no vector registers in the core", source->tid);
    if (core_read(core, regs.general.rip - sizeof code, code, sizeof code) == sizeof code)
        thread.call = tracee_guess_call(code);
    make_ready(&regs, &thread);
    return regs;
}

struct thread_regs regs_read(const struct thread *thread)
{
    struct thread_regs regs = {.tid = thread->tid, .extended = xstate_read(thread->tid)};
    tracee_get_registers(thread, &regs.general);
    make_ready(&regs, thread);
    return regs;
}

/* --- the table -------------------------------------------------------------------------------- */

static struct reg *add(struct reg_table *table, const char *name, unsigned size,
                       enum reg_source source, size_t where)
{
    table->list = memory_resize(table->list, table->count + 1, sizeof *table->list);
    struct reg *reg = &table->list[table->count++];
    *reg = (struct reg){.size = size, .source = source, .where = where};
    reg->listed = source != REG_PART;
    snprintf(reg->name, sizeof reg->name, "%s", name);
    return reg;
}

/* A register and its parts: 8, 4, 2 bytes and then of 1 byte each. */
struct family {
    const char *names[5];
    size_t where;
};

#define GENERAL(member) offsetof(struct user_regs_struct, member)

static const struct family families[] = {
    {{"rax", "eax", "ax", "ah", "al"}, GENERAL(rax)},
    {{"rcx", "ecx", "cx", "ch", "cl"}, GENERAL(rcx)},
    {{"rdx", "edx", "dx", "dh", "dl"}, GENERAL(rdx)},
    {{"rbx", "ebx", "bx", "bh", "bl"}, GENERAL(rbx)},
    {{"rsp", "esp", "sp", "spl"}, GENERAL(rsp)},
    {{"rbp", "ebp", "bp", "bpl"}, GENERAL(rbp)},
    {{"rsi", "esi", "si", "sil"}, GENERAL(rsi)},
    {{"rdi", "edi", "di", "dil"}, GENERAL(rdi)},
    {{"r8", "r8d", "r8w", "r8b"}, GENERAL(r8)},
    {{"r9", "r9d", "r9w", "r9b"}, GENERAL(r9)},
    {{"r10", "r10d", "r10w", "r10b"}, GENERAL(r10)},
    {{"r11", "r11d", "r11w", "r11b"}, GENERAL(r11)},
    {{"r12", "r12d", "r12w", "r12b"}, GENERAL(r12)},
    {{"r13", "r13d", "r13w", "r13b"}, GENERAL(r13)},
    {{"r14", "r14d", "r14w", "r14b"}, GENERAL(r14)},
    {{"r15", "r15d", "r15w", "r15b"}, GENERAL(r15)},
    {{"rip", "eip", "ip"}, GENERAL(rip)},
    {{"rflags", "eflags", "flags"}, GENERAL(eflags)},
};

/* Name, bytes, source, offset. x87 offsets are those of FXSAVE (64-bit form: FIP and FDP are eight
 * bytes, of which PinPlay shows bits 0-31 as fpuip and bits 32-47 as x87cs, likewise for data). */
static const struct reg singles[] = {
    {"cs", 2, true, REG_GENERAL, GENERAL(cs)},
    {"ds", 2, true, REG_GENERAL, GENERAL(ds)},
    {"es", 2, true, REG_GENERAL, GENERAL(es)},
    {"ss", 2, true, REG_GENERAL, GENERAL(ss)},
    {"fs", 2, true, REG_GENERAL, GENERAL(fs)},
    {"gs", 2, true, REG_GENERAL, GENERAL(gs)},
    {"fs-base", 8, true, REG_GENERAL, GENERAL(fs_base)},
    {"gs-base", 8, true, REG_GENERAL, GENERAL(gs_base)},
    {"fcw", 2, true, REG_X87, 0},
    {"fsw", 2, true, REG_X87, 2},
    {"ftw", 1, true, REG_X87, 4},
    {"fop", 2, true, REG_X87, 6},
    {"fpuip", 4, true, REG_X87, 8},
    {"x87cs", 2, true, REG_X87, 12},
    {"fpudp", 4, true, REG_X87, 16},
    {"x87ds", 2, true, REG_X87, 20},
    {"st0", 10, true, REG_X87, 32},
    {"st1", 10, true, REG_X87, 48},
    {"st2", 10, true, REG_X87, 64},
    {"st3", 10, true, REG_X87, 80},
    {"st4", 10, true, REG_X87, 96},
    {"st5", 10, true, REG_X87, 112},
    {"st6", 10, true, REG_X87, 128},
    {"st7", 10, true, REG_X87, 144},
    {"mxcsr", 4, true, REG_MXCSR, 24},
    {"xcr0", 8, true, REG_XCR0, 0},
};

static void add_general(struct reg_table *table)
{
    static const unsigned sizes[] = {8, 4, 2, 1, 1};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (size_t part = 0; part < 5 && families[i].names[part]; part++)
            add(table, families[i].names[part], sizes[part], part ? REG_PART : REG_GENERAL,
                families[i].where);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        add(table, singles[i].name, singles[i].size, singles[i].source, singles[i].where);
}

static void add_numbered(struct reg_table *table, const char *prefix, unsigned count, unsigned size,
                         enum reg_source source)
{
    for (unsigned i = 0; i < count; i++) {
        char name[12];
        snprintf(name, sizeof name, "%s%u", prefix, i);
        add(table, name, size, source, i);
    }
}

static bool any_uses(const struct thread_regs *threads, size_t count,
                     enum xstate_component component)
{
    for (size_t i = 0; i < count; i++)
        if (xstate_is_used(&threads[i].extended, component))
            return true;
    return false;
}

struct reg_table regs_table(const struct thread_regs *threads, size_t count)
{
    struct reg_table table = {0};
    bool has_ymm = xstate_xcr0(&threads[0].extended) >> XSTATE_YMM_HIGH & 1;
    bool has_zmm = any_uses(threads, count, XSTATE_OPMASK) ||
                   any_uses(threads, count, XSTATE_ZMM_HIGH) ||
                   any_uses(threads, count, XSTATE_ZMM_16_31);
    bool has_tmm = any_uses(threads, count, XSTATE_TILECFG);

    add_general(&table);
    for (unsigned i = 0; i < 16; i++) {
        char name[12];
        snprintf(name, sizeof name, "XMM%u", i);
        add(&table, name, 16, REG_XMM, i)->listed = !has_ymm;
        if (!has_ymm)
            continue;
        name[0] = 'Y';
        add(&table, name, 32, REG_YMM, i)->listed = !has_zmm;
    }
    if (has_zmm) {
        add_numbered(&table, "ZMM", 32, 64, REG_ZMM);
        add_numbered(&table, "K", 8, 8, REG_OPMASK);
    }
    if (has_tmm) {
        add(&table, "TILECFG", 64, REG_TILECFG, 0);
        add_numbered(&table, "TMM", 8, 1024, REG_TMM);
    }
    for (unsigned i = 0; i < table.count; i++)
        table.num_listed += table.list[i].listed;
    return table;
}

bool regs_fit(const struct reg_table *table, const struct thread_regs *thread)
{
    struct reg_table needed = regs_table(thread, 1);
    bool fits = needed.count <= table->count;
    free(needed.list);
    return fits;
}

pid_t regs_inner_tid(pid_t tid)
{
    char *path = memory_format("/proc/%d/status", tid);
    char line[512];
    pid_t result = tid;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "NSpid:", 6) == 0)
            result = atoi(strrchr(line, '\t') + 1); /* the innermost is last */
    if (file)
        fclose(file);
    free(path);
    return result;
}

/* --- values ----------------------------------------------------------------------------------- */

/* SIZE bytes (16, 32 or 64) of vector register N, put together of its components. */
static void get_vector(const struct xstate *state, size_t n, unsigned size, uint8_t *value)
{
    if (n >= 16) {
        xstate_get(state, XSTATE_ZMM_16_31, (n - 16) * 64, size, value);
        return;
    }
    xstate_get(state, XSTATE_SSE, 160 + n * 16, 16, value);
    if (size >= 32)
        xstate_get(state, XSTATE_YMM_HIGH, n * 16, 16, value + 16);
    if (size >= 64)
        xstate_get(state, XSTATE_ZMM_HIGH, n * 32, 32, value + 32);
}

void regs_value(const struct thread_regs *thread, const struct reg *reg,
                uint8_t value[REG_MAX_BYTES])
{
    const struct xstate *state = &thread->extended;
    uint64_t xcr0 = xstate_xcr0(state);
    memset(value, 0, reg->size);
    switch (reg->source) {
    case REG_PART:
        break;
    case REG_GENERAL:
        memcpy(value, (const char *)&thread->general + reg->where, reg->size);
        break;
    case REG_X87:
        xstate_get(state, XSTATE_X87, reg->where, reg->size, value);
        break;
    case REG_MXCSR:
        xstate_get(state, XSTATE_SSE, reg->where, reg->size, value);
        break;
    case REG_XCR0:
        memcpy(value, &xcr0, sizeof xcr0);
        break;
    case REG_XMM:
    case REG_YMM:
    case REG_ZMM:
        get_vector(state, reg->where, reg->size, value);
        break;
    case REG_OPMASK:
        xstate_get(state, XSTATE_OPMASK, reg->where * 8, 8, value);
        break;
    case REG_TILECFG:
        xstate_get(state, XSTATE_TILECFG, 0, 64, value);
        break;
    case REG_TMM:
        xstate_get(state, XSTATE_TILEDATA, reg->where * 1024, 1024, value);
        break;
    }
}
