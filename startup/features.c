/* SPDX-License-Identifier: BSD-3-Clause */
/* Does this processor have what the ELFie needs? Registers that the contexts have must be there.
 * Instructions that were only found in the code (pinball2elf --scan) may never be executed, so
 * ELFIE_IGNORE_CPU=1 lets the ELFie go on without them. A checkpoint that needs nothing beyond
 * SSE2 executes no CPUID at all. */
#include "elfie.h"
#include "needs.h"
#include "syscall.h"

#include <cpuid.h>

enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILEDATA = 18 };

static const struct need {
    const char *name;
    uint32_t leaf, reg, bit, xcr0;
} needs[] = {
#define ROW(name, level, leaf, reg, bit, xcr0) {#name, leaf, reg, bit, xcr0},
    ELFIE_NEEDS(ROW)
#undef ROW
};

static uint32_t xcr0(void)
{
    uint32_t a, b, c, d, low, high;
    __cpuid(1, a, b, c, d);
    if (!(c & bit_OSXSAVE))
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int is_there(const struct need *n)
{
    uint32_t r[4], max[4];
    __cpuid(n->leaf & 0x80000000, max[0], max[1], max[2], max[3]);
    if (max[0] < n->leaf)
        return 0;
    __cpuid_count(n->leaf, 0, r[0], r[1], r[2], r[3]);
    return (r[n->reg] >> n->bit & 1) && (!n->xcr0 || (xcr0() & n->xcr0) == n->xcr0);
}

static _Noreturn void refuse(const char *what, const char *feature, const char *then)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, what);
    elfie_put(&line, feature);
    elfie_put(&line, ", and this processor or host does not have it; the region was not run");
    elfie_put(&line, then);
    elfie_put(&line, "\n");
    elfie_write(&line);
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_LACKS_FEATURE);
}

/* Does this host keep what FXRSTOR loads? valgrind and some simulators hold x87 registers in 64
 * bits and know not all of MXCSR. Compared: FCW, FSW, FTW, MXCSR and ST0-7; offsets of the FXSAVE
 * image, Intel SDM volume 1, 10.5.1. The context of each thread is loaded anew when it is entered.
 */
static int keeps_fx(const uint8_t *image)
{
    static uint8_t copy[512] __attribute__((aligned(16)));
    __asm__ volatile("fxrstor64 %1\n\tfxsave64 %0"
                     : "=m"(copy)
                     : "m"(*(const uint8_t(*)[512])image));
    int same = 1;
    for (int i = 0; i < 5; i++)
        same &= copy[i] == image[i];
    for (int i = 0; i < 4; i++)
        same &= copy[24 + i] == image[24 + i];
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 10; k++)
            if (image[4] >> i & 1) /* FTW goes by register, the image by distance from TOP */
                same &= copy[32 + 16 * ((i - (image[3] >> 3)) & 7) + k] ==
                        image[32 + 16 * ((i - (image[3] >> 3)) & 7) + k];
    return same;
}

/* FCW 0x37f, empty stack, MXCSR with all exceptions masked and nothing else but flags. */
static int is_plain_fx(const uint8_t *image)
{
    uint32_t mxcsr = *(const uint32_t *)(const void *)(image + 24);
    return image[0] == 0x7f && image[1] == 0x03 && image[4] == 0 && (mxcsr & ~0x3fu) == 0x1f80;
}

static void check_fx(void)
{
    static uint8_t initial[512] __attribute__((aligned(16)));
    uint64_t checked = 0;
    for (uint64_t t = 0; t < elfie_config.num_threads; t++) {
        const uint8_t *image = elfie_threads[t].fx;
        if (is_plain_fx(image))
            continue;
        if (!checked++)
            __asm__ volatile("fxsave64 %0" : "=m"(initial));
        if (!keeps_fx(image))
            refuse("the checkpoint has live registers of x87, or settings of MXCSR, in full", "",
                   "");
    }
    if (checked) /* callbacks and other threads start in the initial state */
        __asm__ volatile("fxrstor64 %0" : : "m"(initial));
}

void elfie_check_features(void)
{
    for (int i = 0; i < NUM_NEEDS; i++) {
        if (elfie_config.needs >> i & 1 && !is_there(&needs[i]))
            refuse("the checkpoint has live registers of ", needs[i].name,
                   " (elfie-record --baseline records without what the C library leaves there)");
        if (elfie_config.code_needs >> i & 1 && !elfie_process.ignore_cpu && !is_there(&needs[i]))
            refuse("the region can reach instructions of ", needs[i].name,
                   " (ELFIE_IGNORE_CPU=1 runs it all the same)");
    }
    if (elfie_config.needs & NEEDS(AMX_TILE) &&
        elfie_syscall(__NR_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILEDATA))
        refuse("the checkpoint has live registers of ", "AMX_TILE", "");
    check_fx();
}
