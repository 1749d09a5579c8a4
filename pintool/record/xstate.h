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
    size_t size;   /* bytes, at least 576 */
    bool complete; /* all components that the machine had, not only x87 and SSE */
    bool placed;   /* where[] tells where components lie, not the processor */
    struct {
        uint32_t offset, size; /* 0: not there */
    } where[XSTATE_TILEDATA + 1];
};

/* The state of thread TID. On a machine without XSAVE it is made of the FXSAVE area. */
struct xstate xstate_read(pid_t tid);

/* The state in SIZE bytes at DATA (foreign), of a machine that may not be this one: as FXSAVE, or
 * as NT_X86_XSTATE has it. False if they are too few. For the latter, components beyond SSE are
 * taken to lie where makers put them, until xstate_place() says better. */
bool xstate_of_fxsave(const void *data, size_t size, struct xstate *state);
bool xstate_of_xsave(const void *data, size_t size, struct xstate *state);

/* Component NUMBER lies at OFFSET and has SIZE bytes (all foreign). */
void xstate_place(struct xstate *state, uint32_t number, uint32_t offset, uint32_t size);

/* Component bits that machine and kernel have switched on. */
uint64_t xstate_xcr0(const struct xstate *state);

/* LENGTH bytes at OFFSET of a component; all zero if it is in its initial state. X87 and SSE both
 * are the 512-byte legacy area, whose initial state is not all zero and is filled in here. */
void xstate_get(const struct xstate *state, enum xstate_component component, size_t offset,
                size_t length, uint8_t *value);

/* True if the component holds anything but zero. Not for X87 and SSE. */
bool xstate_is_used(const struct xstate *state, enum xstate_component component);

#endif
