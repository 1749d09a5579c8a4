/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that the machine has of floating-point and vector state is alive across the start of the
 * region: the x87 stack, rounding modes other than the usual, and XMM, YMM or ZMM and mask
 * registers. It is printed afterwards and has to be what was loaded. Exits with 0, or with 1 if
 * something changed.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "region.h"

enum { SSE, AVX, AVX512 };

struct state {
    unsigned char st[8][16];
    unsigned char vector[32][64];
    uint64_t mask[8];
    uint32_t mxcsr;
    uint16_t fcw;
    uint16_t fsw;
    double third; /* 1/3 in the rounding mode of mxcsr */
};

_Static_assert(offsetof(struct state, vector) == 128, "carry() depends on it");
_Static_assert(offsetof(struct state, mask) == 2176, "carry() depends on it");
_Static_assert(offsetof(struct state, mxcsr) == 2240, "carry() depends on it");
_Static_assert(offsetof(struct state, third) == 2248, "carry() depends on it");

/* Loads `in`, calls region_start, stores all registers into `out`. */
void carry(const struct state *in, struct state *out, int level);

/* clang-format off */
__asm__(
    ".text\n"
    ".globl carry\n"
    ".type carry, @function\n"
    "carry:\n"
    "  push %rbp; push %rbx; push %r12\n"
    "  sub $16, %rsp\n"
    "  mov %rsi, %rbx\n"
    "  mov %edx, %r12d\n"
    "  fnstcw (%rsp)\n"
    "  stmxcsr 4(%rsp)\n"
    "  fninit\n"
    ".irp i, 7, 6, 5, 4, 3, 2, 1, 0\n"
    "  fldt \\i*16(%rdi)\n"
    ".endr\n"
    "  fldcw 2244(%rdi)\n"
    "  ldmxcsr 2240(%rdi)\n"
    "  cmp $1, %r12d\n"
    "  je 1f\n"
    "  ja 2f\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movups 128+\\i*64(%rdi), %xmm\\i\n"
    ".endr\n"
    "  jmp 3f\n"
    "1:\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  vmovups 128+\\i*64(%rdi), %ymm\\i\n"
    ".endr\n"
    "  jmp 3f\n"
    "2:\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, "
    "23, 24, 25, 26, 27, 28, 29, 30, 31\n"
    "  vmovdqu64 128+\\i*64(%rdi), %zmm\\i\n"
    ".endr\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7\n"
    "  kmovq 2176+\\i*8(%rdi), %k\\i\n"
    ".endr\n"
    /* region_start is an empty C function and touches none of it; the call by GOT suits a
       static, a dynamic and a position-independent program and never meets a lazy resolver. */
    "3:\n"
    "  call *region_start@GOTPCREL(%rip)\n"
    "  fnstcw 2244(%rbx)\n"
    "  fnstsw 2246(%rbx)\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7\n"
    "  fstpt \\i*16(%rbx)\n"
    ".endr\n"
    "  stmxcsr 2240(%rbx)\n"
    "  cmp $1, %r12d\n"
    "  je 1f\n"
    "  ja 2f\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movups %xmm\\i, 128+\\i*64(%rbx)\n"
    ".endr\n"
    "  jmp 3f\n"
    "1:\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  vmovups %ymm\\i, 128+\\i*64(%rbx)\n"
    ".endr\n"
    "  vzeroupper\n"
    "  jmp 3f\n"
    "2:\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, "
    "23, 24, 25, 26, 27, 28, 29, 30, 31\n"
    "  vmovdqu64 %zmm\\i, 128+\\i*64(%rbx)\n"
    ".endr\n"
    ".irp i, 0, 1, 2, 3, 4, 5, 6, 7\n"
    "  kmovq %k\\i, 2176+\\i*8(%rbx)\n"
    ".endr\n"
    "  vzeroupper\n"
    "3:\n"
    "  mov $3, %eax\n"
    "  cvtsi2sd %eax, %xmm1\n"
    "  mov $1, %eax\n"
    "  cvtsi2sd %eax, %xmm0\n"
    "  divsd %xmm1, %xmm0\n"
    "  movsd %xmm0, 2248(%rbx)\n"
    "  fninit\n"
    "  fldcw (%rsp)\n"
    "  ldmxcsr 4(%rsp)\n"
    "  add $16, %rsp\n"
    "  pop %r12; pop %rbx; pop %rbp\n"
    "  ret\n"
    ".size carry, . - carry\n");
/* clang-format on */

static int level_of_machine(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        return AVX512;
    return __builtin_cpu_supports("avx") ? AVX : SSE;
}

static void fill(struct state *state, int level)
{
    static const size_t widths[] = {[SSE] = 16, [AVX] = 32, [AVX512] = 64};
    for (int i = 0; i < 8; i++) {
        long double value = (i % 2 ? -1.0L : 1.0L) * (i + 1) / 3;
        memcpy(state->st[i], &value, 10);
    }
    for (size_t i = 0; i < (level == AVX512 ? 32U : 16U); i++)
        for (size_t j = 0; j < widths[level]; j++)
            state->vector[i][j] = (unsigned char)(i * 67 + j * 3 + 1);
    for (uint64_t i = 0; level == AVX512 && i < 8; i++)
        state->mask[i] = (i + 1) * 0x9e3779b97f4a7c15;
    state->mxcsr = 0x1f80 | 0x8000 | 0x4000; /* flush to zero; round up */
    state->fcw = 0x037f ^ 0x0100 ^ 0x0400;   /* 53 bits; round down */
    state->fsw = 0;                          /* the stack is full: its top is register 0 */
    state->third = 0x1.5555555555556p-2;     /* rounded up; to nearest it ends in 5 */
}

static void print(const char *name, int number, const unsigned char *bytes, size_t size)
{
    printf("%s%d ", name, number);
    while (size--)
        printf("%02x", bytes[size]);
    putchar('\n');
}

int main(void)
{
    static struct state in, out;
    static const char *const names[] = {"SSE", "AVX", "AVX-512"};
    int level = level_of_machine();
    fill(&in, level);
    printf("vectors: %s\n", names[level]);

    carry(&in, &out, level);

    for (int i = 0; i < 8; i++)
        print("st", i, out.st[i], 10);
    for (int i = 0; i < 32; i++)
        print("vector", i, out.vector[i], 64);
    for (int i = 0; i < 8; i++)
        printf("k%d %016llx\n", i, (unsigned long long)out.mask[i]);
    out.mxcsr &= ~0x3fU; /* flags of exceptions: of no interest */
    out.fsw &= 0x3800;
    printf("mxcsr %04x fcw %04x top %04x third %a\n", out.mxcsr, out.fcw, out.fsw, out.third);
    int same = memcmp(&in, &out, sizeof in) == 0;
    puts(same ? "unchanged" : "CHANGED");
    return !same;
}
