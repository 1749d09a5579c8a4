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

bool xstate_of_fxsave(const void *data, size_t size, struct xstate *state)
{
    const uint64_t components = 1u << XSTATE_X87 | 1u << XSTATE_SSE;
    if (size < LEGACY_SIZE)
        return false;
    *state = (struct xstate){.area = memory_new(LEGACY_SIZE + HEADER_SIZE),
                             .size = LEGACY_SIZE + HEADER_SIZE};
    memcpy(state->area, data, LEGACY_SIZE);
    put_quadword(state, XCR0, components);
    put_quadword(state, LEGACY_SIZE, components);
    return true;
}

void xstate_place(struct xstate *state, uint32_t number, uint32_t offset, uint32_t size)
{
    if (number >= sizeof state->where / sizeof *state->where)
        return;
    state->where[number].offset = offset;
    state->where[number].size = size;
}

bool xstate_of_xsave(const void *data, size_t size, struct xstate *state)
{
    if (size < LEGACY_SIZE + HEADER_SIZE)
        return false;
    *state = (struct xstate){.area = memory_new(size), .size = size, .complete = true};
    memcpy(state->area, data, size);
    /* AVX-512 lies at 832 on AMD, where nothing is before it, and at 1088 on Intel, where room for
     * MPX is. An area of Intel's is at least 2688 bytes, one of AMD's at most 2440 (with PKRU) or,
     * with shadow stacks, which this form does not hold, no more. */
    uint32_t first = size >= 2688 ? 1088 : 832;
    state->placed = true;
    xstate_place(state, XSTATE_YMM_HIGH, 576, 256);
    xstate_place(state, XSTATE_OPMASK, first, 64);
    xstate_place(state, XSTATE_ZMM_HIGH, first + 64, 512);
    xstate_place(state, XSTATE_ZMM_16_31, first + 64 + 512, 1024);
    xstate_place(state, XSTATE_TILECFG, 2752, 64);
    xstate_place(state, XSTATE_TILEDATA, 2816, 8192);
    return true;
}

static struct xstate read_fxsave(pid_t tid)
{
    uint8_t area[LEGACY_SIZE];
    struct xstate state = {0};
    struct iovec vector = {.iov_base = area, .iov_len = sizeof area};
    if (ptrace(PTRACE_GETREGSET, tid, NT_PRFPREG, &vector) != 0 ||
        !xstate_of_fxsave(area, vector.iov_len, &state))
        fail("the floating-point registers of thread %d cannot be read: %s", tid, strerror(errno));
    return state;
}

struct xstate xstate_read(pid_t tid)
{
    /* The kernel does not tell the size: it fills what there is. AMX makes it 11 KiB. */
    struct xstate state = {.complete = true};
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

/* Where a component lies differs from maker to maker: the processor is asked, or the core's notes.
 * Gives its offset, or 0 if the area does not hold it. */
static size_t offset_of(const struct xstate *state, enum xstate_component component, size_t *size)
{
    unsigned bytes = 0, offset = 0, flags, reserved;
    if (!state->placed) {
        if (!__get_cpuid_count(0xd, (unsigned)component, &bytes, &offset, &flags, &reserved))
            return 0;
    } else if ((size_t)component < sizeof state->where / sizeof *state->where) {
        offset = state->where[component].offset;
        bytes = state->where[component].size;
    }
    *size = bytes;
    return offset >= LEGACY_SIZE + HEADER_SIZE && (size_t)offset + bytes <= state->size ? offset
                                                                                        : 0;
}

void xstate_get(const struct xstate *state, enum xstate_component component, size_t offset,
                size_t length, uint8_t *value)
{
    if (component <= XSTATE_SSE) {
        get_legacy(state, component, offset, length, value);
        return;
    }
    size_t size = 0, start = offset_of(state, component, &size);
    memset(value, 0, length);
    if (is_live(state, component) && start != 0 && offset + length <= size)
        memcpy(value, state->area + start + offset, length);
}

bool xstate_is_used(const struct xstate *state, enum xstate_component component)
{
    size_t size = 0, start = offset_of(state, component, &size);
    if (!is_live(state, component) || start == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        if (state->area[start + i])
            return true;
    return false;
}
