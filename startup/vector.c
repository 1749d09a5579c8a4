/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts the vector registers back into their initial state, behind callbacks that a compiler was
 * free to use them in. XRSTOR with an empty XSTATE_BV does that for every component that the
 * processor has, wherever its layout puts it (Intel SDM volume 1, 13.8.1); MXCSR it loads all the
 * same. Protection keys are no vector state: Linux has put other than initial values there. */
#include "elfie.h"

#include <cpuid.h>

enum { XSAVE_AREA = 512 + 64, MXCSR_AT = 24, PKRU = 1 << 9 };

static const struct {
    _Alignas(64) uint8_t bytes[XSAVE_AREA];
} initial = {.bytes = {[MXCSR_AT] = 0x80, [MXCSR_AT + 1] = 0x1f}};

void elfie_clear_vectors(void)
{
    uint32_t a, b, c, d;
    __cpuid(1, a, b, c, d);
    if (!(c & bit_OSXSAVE)) /* nothing beyond what FXRSTOR loads with the context */
        return;
    __asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(~PKRU), "d"(-1));
}
