/* SPDX-License-Identifier: BSD-3-Clause */
/* See checkpoint.h. */
#include "checkpoint.h"

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

static unsigned thread_needs(const struct thread *t)
{
    unsigned needs = 0;
    for (int n = 0; n < 32; n++) {
        if (n < 16 && any(t->vector[n] + 16, 16))
            needs |= NEEDS_AVX;
        if (any(t->vector[n] + 32, 32) || (n >= 16 && any(t->vector[n], 32)))
            needs |= NEEDS_AVX | NEEDS_AVX512F;
    }
    for (int n = 0; n < 8; n++)
        if (t->k[n])
            needs |= NEEDS_AVX512F | (t->k[n] >> 16 ? NEEDS_AVX512BW : 0);
    return needs | (t->amx ? NEEDS_AMX : 0);
}

unsigned checkpoint_needs(const struct checkpoint *c)
{
    unsigned needs = 0;
    for (uint32_t t = 0; t < c->num_threads; t++)
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

const char *needs_level(unsigned needs)
{
    if (needs & NEEDS_AMX)
        return "x86-64-v4 with AMX";
    if (needs & (NEEDS_AVX512F | NEEDS_AVX512BW))
        return "x86-64-v4";
    return needs & NEEDS_AVX ? "x86-64-v3" : "x86-64-v1";
}
