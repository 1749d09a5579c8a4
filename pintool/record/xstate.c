/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a stopped thread, gives its extended registers. */
#include "xstate.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "memory.h"
#include "message.h"

enum {
    FCW = 0,           /* offsets in the legacy area */
    ST0 = 32,          /* eight of 16 bytes */
    XMM0 = 160,        /* sixteen of 16 bytes */
    XCR0 = 464,        /* put there by the kernel (arch/x86/include/uapi/asm/sigcontext.h) */
    LEGACY_SIZE = 512, /* then the header, which begins with XSTATE_BV */
    HEADER_SIZE = 64
};

static uint64_t get_quadword(const struct xstate *state, size_t offset)
{
    uint64_t value;
    memcpy(&value, state->area + offset, sizeof value);
    return value;
}

static void put_quadword(struct xstate *state, size_t offset, uint64_t value)
{
    memcpy(state->area + offset, &value, sizeof value);
}

static struct xstate read_fxsave(pid_t tid)
{
    struct xstate state = {.area = memory_new(LEGACY_SIZE + HEADER_SIZE),
                           .size = LEGACY_SIZE + HEADER_SIZE};
    struct iovec vector = {.iov_base = state.area, .iov_len = LEGACY_SIZE};
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRFPREG, &vector) != 0)
        fail("the floating-point registers of thread %d cannot be read: %s", tid, strerror(errno));
    put_quadword(&state, XCR0, 1u << XSTATE_X87 | 1u << XSTATE_SSE);
    put_quadword(&state, LEGACY_SIZE, 1u << XSTATE_X87 | 1u << XSTATE_SSE);
    return state;
}

struct xstate xstate_read(pid_t tid)
{
    /* The kernel does not tell the size: it fills what there is. AMX makes it 11 KiB. */
    struct xstate state = {0};
    struct iovec vector = {0};
    for (size_t room = 1 << 14; vector.iov_len == state.size; room *= 2) {
        state.area = memory_resize(state.area, room, 1);
        state.size = room;
        vector = (struct iovec){.iov_base = state.area, .iov_len = room};
        if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &vector) != 0)
            return read_fxsave(tid);
    }
    if (vector.iov_len < LEGACY_SIZE + HEADER_SIZE)
        return read_fxsave(tid);
    state.size = vector.iov_len;
    state.area = memory_resize(state.area, state.size, 1);
    return state;
}

uint64_t xstate_xcr0(const struct xstate *state)
{
    return get_quadword(state, XCR0);
}

static bool is_live(const struct xstate *state, enum xstate_component component)
{
    return get_quadword(state, LEGACY_SIZE) >> component & 1;
}

/* An area whose XSTATE_BV bit is clear holds the initial state, whatever its bytes are. MXCSR does
 * not follow these bits (SDM 1, 13.7 and 13.8): it is always as the area has it. */
static void get_legacy(const struct xstate *state, enum xstate_component component, size_t offset,
                       size_t length, uint8_t *value)
{
    bool is_mxcsr = offset == 24;
    if (is_live(state, component) || is_mxcsr) {
        memcpy(value, state->area + offset, length);
        return;
    }
    memset(value, 0, length);
    if (component == XSTATE_X87 && offset == FCW && length >= 2) {
        value[0] = 0x7f; /* the control word after FNINIT is 0x37f */
        value[1] = 0x03;
    }
}

/* Where a component lies differs from maker to maker: the processor is asked. */
static size_t offset_of(enum xstate_component component)
{
    unsigned size, offset, flags, reserved;
    if (!__get_cpuid_count(0xd, (unsigned)component, &size, &offset, &flags, &reserved))
        return 0;
    return offset;
}

void xstate_get(const struct xstate *state, enum xstate_component component, size_t offset,
                size_t length, uint8_t *value)
{
    if (component <= XSTATE_SSE) {
        get_legacy(state, component, offset, length, value);
        return;
    }
    size_t start = offset_of(component);
    memset(value, 0, length);
    if (is_live(state, component) && start != 0 && start + offset + length <= state->size)
        memcpy(value, state->area + start + offset, length);
}

bool xstate_is_used(const struct xstate *state, enum xstate_component component)
{
    unsigned size, offset, flags, reserved;
    if (!is_live(state, component) ||
        !__get_cpuid_count(0xd, (unsigned)component, &size, &offset, &flags, &reserved) ||
        offset == 0 || (size_t)offset + size > state->size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (state->area[offset + i])
            return true;
    return false;
}
