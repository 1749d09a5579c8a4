/* SPDX-License-Identifier: BSD-3-Clause */
/* See checkpoint.h. */
#include "checkpoint.h"
#include "../startup/needs.h"

#include <string.h>

const char *const gpr_names[NUM_GPRS] = {
    [R15] = "r15", [R14] = "r14", [R13] = "r13",       [R12] = "r12",         [R11] = "r11",
    [R10] = "r10", [R9] = "r9",   [R8] = "r8",         [RDI] = "rdi",         [RSI] = "rsi",
    [RBP] = "rbp", [RBX] = "rbx", [RDX] = "rdx",       [RCX] = "rcx",         [RAX] = "rax",
    [RSP] = "rsp", [RIP] = "rip", [RFLAGS] = "rflags", [FS_BASE] = "fs_base", [GS_BASE] = "gs_base",
};

static bool any(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return true;
    return false;
}

int thread_vector_bytes(const struct thread *t, int n)
{
    if (any(t->vector[n] + 32, 32) || (n >= 16 && any(t->vector[n], 32)))
        return 64;
    return n < 16 && any(t->vector[n] + 16, 16) ? 32 : 0;
}

static uint64_t thread_needs(const struct thread *t)
{
    uint64_t needs = 0;
    for (int n = 0; n < 32; n++) {
        int bytes = thread_vector_bytes(t, n);
        needs |= bytes == 64 ? NEEDS(AVX) | NEEDS(AVX512F) : bytes == 32 ? NEEDS(AVX) : 0;
    }
    for (int n = 0; n < 8; n++)
        if (t->k[n])
            needs |= NEEDS(AVX512F) | (t->k[n] >> 16 ? NEEDS(AVX512BW) : 0);
    return needs | (t->amx ? NEEDS(AMX_TILE) : 0);
}

uint64_t checkpoint_needs(const struct checkpoint *c)
{
    uint64_t needs = 0;
    for (uint32_t t = 0; t < c->num_contexts; t++)
        needs |= thread_needs(&c->threads[t]);
    return needs;
}

bool is_executed(const struct checkpoint *c, uint64_t begin, uint64_t end)
{
    size_t low = 0, high = c->num_ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->ranges[middle].end <= begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->num_ranges && c->ranges[low].begin < end;
}

static const struct {
    const char *name;
    int level;
} features[] = {
#define ROW(name, level, leaf, reg, bit, xcr0) {#name, level},
    ELFIE_NEEDS(ROW)
#undef ROW
};

static int needs_level(uint64_t needs)
{
    int level = 1;
    for (int i = 0; i < NUM_NEEDS; i++)
        if (needs >> i & 1) {
            /* What is in no level comes with registers of one. */
            int least = features[i].level <= 4                    ? features[i].level
                        : !strncmp(features[i].name, "AVX512", 6) ? 4
                                                                  : 1;
            level = least > level ? least : level;
        }
    return level;
}

void needs_print(FILE *to, uint64_t needs)
{
    fprintf(to, "x86-64-v%d", needs_level(needs));
    for (int i = 0; i < NUM_NEEDS; i++)
        if (needs >> i & 1 && features[i].level > 4)
            fprintf(to, " %s", features[i].name);
}

const char *needs_name(int index)
{
    return features[index].name;
}

const struct symbol *symbol_at(const struct checkpoint *c, uint64_t address)
{
    size_t low = 0, high = c->num_symbols;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->symbols[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct symbol *s = low ? &c->symbols[low - 1] : NULL;
    uint64_t end = !s ? 0 : s->size ? s->address + s->size : c->modules[s->module].end;
    return address < end ? s : NULL;
}
