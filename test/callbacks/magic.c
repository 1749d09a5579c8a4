/* SPDX-License-Identifier: BSD-3-Clause */
/* Executes the second marker, and says whether it kept the register that it has to keep. */
#include "lte_lc.h"

void elfie_magic2(void);

void elfie_on_start(uint64_t num_threads, void *context)
{
    uint64_t kept = 0x1234567812345678;
    (void)num_threads;
    (void)context;
    __asm__ volatile("mov %0, %%rbx\n\tcall elfie_magic2\n\tmov %%rbx, %0"
                     : "+r"(kept)
                     :
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
                       "memory");
    lte_puts(2, kept == 0x1234567812345678 ? "kept\n" : "lost\n");
}
