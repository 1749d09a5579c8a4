/* SPDX-License-Identifier: BSD-3-Clause */
/* Ends the region behind instruction N of thread 0, with N from the file "goal" in the working
 * directory, and prints the registers there as step-to does, to descriptor 2. */
#include "lte_perf.h"

static uint64_t goal;

static void put(const char *name, int64_t value)
{
    lte_puts(2, name);
    lte_xiprintf(2, (uint64_t)value);
}

static void on_goal(lte_td_t td, int signum, siginfo_t *info, void *context)
{
    const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)signum;
    (void)info;
    if (lte_pe_read_thread_icount(td) != goal)
        lte_puts(2, "the count is wrong: ");
    lte_diprintf(2, goal);
    put(": rip ", r[REG_RIP]);
    put(" rsp ", r[REG_RSP]);
    put(" rax ", r[REG_RAX]);
    put(" rbx ", r[REG_RBX]);
    put(" rcx ", r[REG_RCX]);
    put(" rdx ", r[REG_RDX]);
    put(" rsi ", r[REG_RSI]);
    put(" rdi ", r[REG_RDI]);
    put(" rbp ", r[REG_RBP]);
    put(" r8 ", r[REG_R8]);
    put(" r12 ", r[REG_R12]);
    put(" r15 ", r[REG_R15]);
    lte_putc(2, '\n');
    lte_exit_group(0);
}

void elfie_on_start(uint64_t num_threads, void *context)
{
    char digits[32];
    int fd = lte_open("goal", O_RDONLY, 0);
    ssize_t size = lte_read(fd, digits, sizeof digits);
    (void)context;
    lte_pe_init(num_threads, 0, NULL);
    for (ssize_t i = 0; i < size && digits[i] >= '0' && digits[i] <= '9'; i++)
        goal = goal * 10 + (uint64_t)(digits[i] - '0');
    lte_close(fd);
}

lte_td_t elfie_on_thread_start(uint64_t tnum, void *context, uint64_t icount)
{
    (void)context;
    (void)icount;
    return lte_pe_init_thread_sampling_icount(tnum, goal, goal, on_goal, 0, 0, NULL);
}
