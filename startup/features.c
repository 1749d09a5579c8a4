/* SPDX-License-Identifier: BSD-3-Clause */
/* Does this processor have the registers that the contexts need? A checkpoint that needs nothing
 * beyond SSE executes no CPUID at all. Bits: Intel SDM volume 2, CPUID; volume 1, 13.3 (XCR0). */
#include "elfie.h"
#include "syscall.h"

#include <cpuid.h>

enum { XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILEDATA = 18 };

static uint32_t xcr0(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static const char *missing(void)
{
    unsigned a, b, c, d, leaf7_b = 0, leaf7_d = 0;
    __cpuid(0, a, b, c, d);
    unsigned max = a;
    __cpuid(1, a, b, c, d);
    uint32_t state = c & bit_OSXSAVE ? xcr0() : 0;
    unsigned leaf1_c = c;
    if (max >= 7) {
        __cpuid_count(7, 0, a, b, c, d);
        leaf7_b = b;
        leaf7_d = d;
    }
    uint64_t needs = elfie_config.needs;
    if (needs & NEEDS_AVX && (!(leaf1_c & bit_AVX) || (state & XCR0_AVX) != XCR0_AVX))
        return "AVX";
    if (needs & NEEDS_AVX512F && (!(leaf7_b & bit_AVX512F) || (state & XCR0_AVX512) != XCR0_AVX512))
        return "AVX512F";
    if (needs & NEEDS_AVX512BW && !(leaf7_b & bit_AVX512BW))
        return "AVX512BW";
    if (needs & NEEDS_AMX &&
        (!(leaf7_d & bit_AMX_TILE) ||
         elfie_syscall(__NR_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILEDATA)))
        return "AMX";
    return NULL;
}

void elfie_check_features(void)
{
    if (!elfie_config.needs)
        return;
    const char *feature = missing();
    if (!feature)
        return;
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "the checkpoint has live ");
    elfie_put(&line, feature);
    elfie_put(&line, " registers, and this processor or kernel has no ");
    elfie_put(&line, feature);
    elfie_put(&line, "; the region was not run\n");
    elfie_write(&line);
    elfie_syscall(__NR_exit_group, STATUS_LACKS_FEATURE);
}
