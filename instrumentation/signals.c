/* SPDX-License-Identifier: BSD-3-Clause */
/* See signals.h. */
#include "signals.h"
#include "elfie.h"
#include "syscall.h"

/* arch/x86/include/uapi/asm/signal.h; a name of its own, because libc has another of that name. */
struct kernel_sigaction {
    elfie_handler *handler;
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask[8]; /* one is in use; strace reads all */
};

void elfie_restorer(void) __attribute__((visibility("hidden"))); /* entry.S: rt_sigreturn */

void elfie_set_action(int number, elfie_handler *handler, unsigned long mask)
{
    struct kernel_sigaction action = {
        .handler = handler,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER,
        .restorer = elfie_restorer,
        .mask = {mask},
    };
    elfie_syscall(__NR_rt_sigaction, number, &action, NULL, sizeof action.mask[0]);
}

elfie_handler *elfie_action_of(int number)
{
    struct kernel_sigaction action = {0};
    elfie_syscall(__NR_rt_sigaction, number, NULL, &action, sizeof action.mask[0]);
    return action.handler;
}

void elfie_clear_signal_mask(void)
{
    unsigned long none = 0;
    elfie_syscall(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

void elfie_know_thread(uint64_t thread)
{
    elfie_records[thread].tid = (uint64_t)elfie_syscall(__NR_gettid);
}

void elfie_set_signal_stack(uint64_t thread)
{
    stack_t stack = {
        .ss_sp = elfie_stack_of(thread),
        .ss_size = elfie_layout.callback_stack_size,
    };
    elfie_syscall(__NR_sigaltstack, &stack, NULL);
}

/* By the thread's id: the program may have set a signal stack of its own. */
int64_t elfie_signal_thread(void)
{
    uint64_t tid = (uint64_t)elfie_syscall(__NR_gettid);
    for (uint64_t t = 0; t < elfie_config.num_threads; t++)
        if (elfie_records[t].tid == tid)
            return (int64_t)t;
    return -1;
}
