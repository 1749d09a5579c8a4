/* SPDX-License-Identifier: BSD-3-Clause */
/* Signal handlers of the runtime. They stand on the callback stack of their thread, which is free
 * once the region runs. */
#ifndef ELFIE_SIGNALS_H
#define ELFIE_SIGNALS_H

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <stdint.h>

enum { COUNTER_SIZE = 128 }; /* kept free at the low end of each signal stack */

typedef void elfie_handler(int number, siginfo_t *info, struct ucontext *context);

/* Handles signal NUMBER by HANDLER, or by default where it is NULL, with MASK blocked meanwhile. */
void elfie_set_action(int number, elfie_handler *handler, unsigned long mask)
    __attribute__((visibility("hidden")));

/* In a handler: the thread's number, or -1 for one that was started in the region. */
int64_t elfie_signal_thread(void) __attribute__((visibility("hidden")));

#endif
