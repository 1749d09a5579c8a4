/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_lc.h: signals. */
#include "lte_lc.h"
#include "syscall.h"

enum { NUM_SIGNALS = 64, SA_RESTORER_FLAG = 0x04000000 }; /* uapi/asm/signal.h */

/* The kernel's; libc's has the members in another order and a longer mask. */
struct kernel_action {
    void *handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

void elfie_restorer(void) __attribute__((visibility("hidden"))); /* entry.S: rt_sigreturn */

int lte_sigemptyset(lte_sigset_t *set)
{
    *set = (lte_sigset_t){{0}};
    return 0;
}

int lte_sigfillset(lte_sigset_t *set)
{
    *set = (lte_sigset_t){{~UINT64_C(0)}};
    return 0;
}

int lte_sigaddset(lte_sigset_t *set, int signum)
{
    if (signum < 1 || signum > NUM_SIGNALS)
        return -1;
    set->words[0] |= UINT64_C(1) << (signum - 1);
    return 0;
}

int lte_sigdelset(lte_sigset_t *set, int signum)
{
    if (signum < 1 || signum > NUM_SIGNALS)
        return -1;
    set->words[0] &= ~(UINT64_C(1) << (signum - 1));
    return 0;
}

int lte_sigismember(const lte_sigset_t *set, int signum)
{
    if (signum < 1 || signum > NUM_SIGNALS)
        return -1;
    return (int)(set->words[0] >> (signum - 1) & 1);
}

int lte_sigaction(int signum, const struct sigaction *action, struct sigaction *old)
{
    struct kernel_action new_action, old_action;
    if (action) {
        new_action.handler = (void *)action->sa_handler;
        new_action.flags = (unsigned)action->sa_flags | SA_RESTORER_FLAG;
        new_action.restorer = elfie_restorer;
        lte_memcpy(&new_action.mask, &action->sa_mask, sizeof new_action.mask);
    }
    long result = elfie_syscall(__NR_rt_sigaction, signum, action ? &new_action : NULL,
                                old ? &old_action : NULL, sizeof new_action.mask);
    if (result)
        return -1;
    if (old) {
        old->sa_handler = (void (*)(int))old_action.handler;
        old->sa_flags = (int)(old_action.flags & ~(unsigned long)SA_RESTORER_FLAG);
        old->sa_restorer = old_action.restorer;
        lte_memset(&old->sa_mask, 0, sizeof old->sa_mask);
        lte_memcpy(&old->sa_mask, &old_action.mask, sizeof old_action.mask);
    }
    return 0;
}

int lte_sigaltstack(const stack_t *stack, stack_t *old)
{
    return elfie_syscall(__NR_sigaltstack, stack, old) ? -1 : 0;
}
