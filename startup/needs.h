/* SPDX-License-Identifier: BSD-3-Clause */
/* What an ELFie can need of the processor beyond x86-64-v1. Shared by the front-end, which finds
 * out, and the startup, which checks.
 *
 * X(name, level of the psABI, CPUID leaf, register 0 eax 1 ebx 2 ecx 3 edx, bit, bits of XCR0)
 * Sources: x86-64 psABI 1.0, 3.1.1 (levels; 5: none of them); Intel SDM volume 2, CPUID; volume 1,
 * 13.3 (XCR0). Subleaf is always 0. */
#ifndef ELFIE_NEEDS_H
#define ELFIE_NEEDS_H

#define ELFIE_NEEDS(X)                                                                             \
    X(SSE3, 2, 1, 2, 0, 0)                                                                         \
    X(SSSE3, 2, 1, 2, 9, 0)                                                                        \
    X(SSE4_1, 2, 1, 2, 19, 0)                                                                      \
    X(SSE4_2, 2, 1, 2, 20, 0)                                                                      \
    X(POPCNT, 2, 1, 2, 23, 0)                                                                      \
    X(CX16, 2, 1, 2, 13, 0)                                                                        \
    X(LAHF, 2, 0x80000001, 2, 0, 0)                                                                \
    X(AVX, 3, 1, 2, 28, 0x6)                                                                       \
    X(AVX2, 3, 7, 1, 5, 0x6)                                                                       \
    X(BMI1, 3, 7, 1, 3, 0)                                                                         \
    X(BMI2, 3, 7, 1, 8, 0)                                                                         \
    X(F16C, 3, 1, 2, 29, 0x6)                                                                      \
    X(FMA, 3, 1, 2, 12, 0x6)                                                                       \
    X(LZCNT, 3, 0x80000001, 2, 5, 0)                                                               \
    X(MOVBE, 3, 1, 2, 22, 0)                                                                       \
    X(AVX512F, 4, 7, 1, 16, 0xe6)                                                                  \
    X(AVX512BW, 4, 7, 1, 30, 0xe6)                                                                 \
    X(AVX512CD, 4, 7, 1, 28, 0xe6)                                                                 \
    X(AVX512DQ, 4, 7, 1, 17, 0xe6)                                                                 \
    X(AVX512VL, 4, 7, 1, 31, 0xe6)                                                                 \
    X(AVX512_IFMA, 5, 7, 1, 21, 0xe6)                                                              \
    X(AVX512_VBMI, 5, 7, 2, 1, 0xe6)                                                               \
    X(AVX512_VBMI2, 5, 7, 2, 6, 0xe6)                                                              \
    X(AVX512_VNNI, 5, 7, 2, 11, 0xe6)                                                              \
    X(AVX512_BITALG, 5, 7, 2, 12, 0xe6)                                                            \
    X(AVX512_VPOPCNTDQ, 5, 7, 2, 14, 0xe6)                                                         \
    X(AVX512_FP16, 5, 7, 3, 23, 0xe6)                                                              \
    X(AES, 5, 1, 2, 25, 0)                                                                         \
    X(PCLMULQDQ, 5, 1, 2, 1, 0)                                                                    \
    X(SHA, 5, 7, 1, 29, 0)                                                                         \
    X(GFNI, 5, 7, 2, 8, 0)                                                                         \
    X(AMX_TILE, 5, 7, 3, 24, 0x60000)                                                              \
    X(AMX_INT8, 5, 7, 3, 25, 0x60000)                                                              \
    X(AMX_BF16, 5, 7, 3, 22, 0x60000)

#define ELFIE_NEEDS_INDEX(name, level, leaf, reg, bit, xcr0) NEEDS_INDEX_##name,
enum { ELFIE_NEEDS(ELFIE_NEEDS_INDEX) NUM_NEEDS };
#undef ELFIE_NEEDS_INDEX

#define NEEDS(name) (UINT64_C(1) << NEEDS_INDEX_##name)

#endif
