/* SPDX-License-Identifier: BSD-3-Clause */
/* x87, SSE, AVX, AVX-512 and AMX registers of a stopped thread, as PTRACE_GETREGSET gives them: the
 * XSAVE area in its standard (not compacted) form. Intel SDM volume 1, chapter 13. */
#ifndef XSTATE_H
#define XSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* State components, which are also the bits of XCR0. */
enum xstate_component {
    XSTATE_X87 = 0,
    XSTATE_SSE = 1,
    XSTATE_YMM_HIGH = 2,  /* bits 128-255 of YMM0-15 */
    XSTATE_OPMASK = 5,    /* K0-7 */
    XSTATE_ZMM_HIGH = 6,  /* bits 256-511 of ZMM0-15 */
    XSTATE_ZMM_16_31 = 7, /* ZMM16-31 */
    XSTATE_TILECFG = 17,
    XSTATE_TILEDATA = 18,
    XSTATE_COMPONENTS = 63
};

struct xstate {
    uint8_t *area;
    size_t size; /* bytes, at least 576 */
};

/* The state of thread TID. On a machine without XSAVE it is made of the FXSAVE area. */
struct xstate xstate_read(pid_t tid);

/* Component bits that machine and kernel have switched on. */
uint64_t xstate_xcr0(const struct xstate *state);

/* LENGTH bytes at OFFSET of a component; all zero if it is in its initial state. X87 and SSE both
 * are the 512-byte legacy area, whose initial state is not all zero and is filled in here. */
void xstate_get(const struct xstate *state, enum xstate_component component, size_t offset,
                size_t length, uint8_t *value);

/* True if the component holds anything but zero. Not for X87 and SSE. */
bool xstate_is_used(const struct xstate *state, enum xstate_component component);

#endif
