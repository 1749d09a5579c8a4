/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes registers by name, gives what ptrace sets. */
#include "replay_state.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "final_registers.h"
#include "memory.h"
#include "message.h"
#include "xstate.h"

enum { XCR0 = 464, XSTATE_BV = 512, HEADER_END = 576 };

static struct iovec vector(const struct replay_state *state)
{
    return (struct iovec){.iov_base = state->extended, .iov_len = state->size};
}

struct replay_state replay_state_new(int pid)
{
    struct xstate now = xstate_read(pid);
    struct replay_state state = {.extended = now.area, .size = now.size};
    if (ptrace(PTRACE_GETREGS, pid, 0, &state.general) != 0)
        fail("the check's process is gone");
    /* Everything that is saved by XSAVE and that a pinball can have, as values, not as "initial".
     */
    uint64_t xcr0 = xstate_xcr0(&now), features = xcr0 & 0xe7;
    memset(state.extended, 0, XCR0);
    memset(state.extended + HEADER_END, 0, state.size - HEADER_END);
    memcpy(state.extended + XSTATE_BV, &features, sizeof features);
    memcpy(state.extended, "\x7f\x03", 2);
    memcpy(state.extended + 24, "\x80\x1f", 2);
    return state;
}

static void put(struct replay_state *state, enum xstate_component component, size_t offset,
                const uint8_t *value, size_t size)
{
    unsigned length = 0, start = 0, flags, reserved;
    if (component > XSTATE_SSE &&
        (!__get_cpuid_count(0xd, (unsigned)component, &length, &start, &flags, &reserved) ||
         start == 0))
        return;
    if (start + offset + size <= state->size)
        memcpy(state->extended + start + offset, value, size);
}

static void put_vector(struct replay_state *state, unsigned n, const uint8_t *value, size_t size)
{
    if (n >= 16) {
        put(state, XSTATE_ZMM_16_31, (size_t)(n - 16) * 64, value, size);
        return;
    }
    put(state, XSTATE_SSE, 160 + (size_t)n * 16, value, 16);
    if (size >= 32)
        put(state, XSTATE_YMM_HIGH, (size_t)n * 16, value + 16, 16);
    if (size >= 64)
        put(state, XSTATE_ZMM_HIGH, (size_t)n * 32, value + 32, 32);
}

/* Offsets in the FXSAVE area. */
static const struct {
    const char *name;
    size_t offset, size;
} x87[] = {{"fcw", 0, 2},    {"fsw", 2, 2},    {"ftw", 4, 1},    {"fop", 6, 2},   {"fpuip", 8, 4},
           {"x87cs", 12, 2}, {"fpudp", 16, 4}, {"x87ds", 20, 2}, {"mxcsr", 24, 4}};

void replay_state_store(struct replay_state *state, const char *name, const uint8_t *value)
{
    unsigned n;
    char rest;
    for (const struct final_register *each = final_registers; each->name; each++)
        if (strcasecmp(name, each->name) == 0)
            memcpy((char *)&state->general + each->offset, value, 8);
    if (strcasecmp(name, "fs-base") == 0 || strcasecmp(name, "fs_base") == 0)
        memcpy(&state->general.fs_base, value, 8);
    if (strcasecmp(name, "gs-base") == 0 || strcasecmp(name, "gs_base") == 0)
        memcpy(&state->general.gs_base, value, 8);
    for (size_t i = 0; i < sizeof x87 / sizeof *x87; i++)
        if (strcasecmp(name, x87[i].name) == 0)
            put(state, XSTATE_X87, x87[i].offset, value, x87[i].size);
    if (sscanf(name, "%*[sS]%*[tT]%u%c", &n, &rest) == 1 && n < 8)
        put(state, XSTATE_X87, 32 + (size_t)n * 16, value, 10);
    if (sscanf(name, "%*[kK]%u%c", &n, &rest) == 1 && n < 8)
        put(state, XSTATE_OPMASK, (size_t)n * 8, value, 8);
    if (strlen(name) > 3 && sscanf(name + 3, "%u%c", &n, &rest) == 1 && n < 32) {
        if (strncasecmp(name, "xmm", 3) == 0)
            put_vector(state, n, value, 16);
        if (strncasecmp(name, "ymm", 3) == 0)
            put_vector(state, n, value, 32);
        if (strncasecmp(name, "zmm", 3) == 0)
            put_vector(state, n, value, 64);
    }
}

void replay_state_load(const struct replay_state *state, int pid)
{
    struct iovec area = vector(state);
    if (ptrace(PTRACE_SETREGS, pid, 0, &state->general) != 0)
        fail("the registers in the pinball cannot be set: %s", strerror(errno));
    if (ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &area) != 0)
        fail("the vector registers in the pinball cannot be set on this processor: %s",
             strerror(errno));
}

void replay_state_save(struct replay_state *state, int pid)
{
    struct iovec area = vector(state);
    if (ptrace(PTRACE_GETREGS, pid, 0, &state->general) != 0 ||
        ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &area) != 0)
        fail("the check's process is gone");
}
