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

void elfie_set_signal_stack(uint64_t thread)
{
    stack_t stack = {
        .ss_sp = elfie_stacks + thread * elfie_layout.callback_stack_size + COUNTER_SIZE,
        .ss_size = elfie_layout.callback_stack_size - COUNTER_SIZE,
    };
    elfie_syscall(__NR_sigaltstack, &stack, NULL);
}

int64_t elfie_signal_thread(void)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    uint64_t first = (uint64_t)elfie_stacks;
    uint64_t size = elfie_layout.callback_stack_size;
    return here >= first && here < first + elfie_config.num_threads * size
               ? (int64_t)((here - first) / size)
               : -1;
}
