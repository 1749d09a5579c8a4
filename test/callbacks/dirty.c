/* SPDX-License-Identifier: BSD-3-Clause */
/* Callbacks that leave every vector register dirty, as compiled code may: what is there depends on
 * the compiler's -m options. Not in a function that saves them: inline assembler without clobbers.
 */
#include "lte_perf.h"

static void dirty(void)
{
    __asm__ volatile("fld1\n\tpcmpeqd %xmm0, %xmm0\n\tmovdqa %xmm0, %xmm7\n\tmovdqa %xmm0, %xmm15");
#ifdef __AVX__
    __asm__ volatile("vcmptrueps %ymm0, %ymm0, %ymm0\n\tvmovaps %ymm0, %ymm3\n\t"
                     "vmovaps %ymm0, %ymm12");
#endif
#ifdef __AVX512F__
    __asm__ volatile("vpternlogd $0xff, %zmm1, %zmm1, %zmm1\n\t"
                     "vpternlogd $0xff, %zmm20, %zmm20, %zmm20\n\tkxnorw %k1, %k1, %k1\n\t"
                     "kxnorw %k7, %k7, %k7");
#endif
}

void elfie_on_start(uint64_t num_threads, void *context)
{
    (void)num_threads;
    (void)context;
    dirty();
}

lte_td_t elfie_on_thread_start(uint64_t tnum, void *context, uint64_t icount)
{
    (void)tnum;
    (void)context;
    (void)icount;
    dirty();
    return 0;
}
