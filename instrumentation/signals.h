/* SPDX-License-Identifier: BSD-3-Clause */
/* Signal handlers of the runtime. They stand on the callback stack of their thread, which is free
 * once the region runs. */
#ifndef ELFIE_SIGNALS_H
#define ELFIE_SIGNALS_H

#include "thread_record.h"

#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#include <stdint.h>

enum { TRAP_FLAG = 0x100, RESUME_FLAG = 0x10000 }; /* of rflags */

typedef void elfie_handler(int number, siginfo_t *info, struct ucontext *context);

/* Handles signal NUMBER by HANDLER, or by default where it is NULL, with MASK blocked meanwhile. */
void elfie_set_action(int number, elfie_handler *handler, unsigned long mask)
    __attribute__((visibility("hidden")));

/* What handles it; NULL: the default. */
elfie_handler *elfie_action_of(int number) __attribute__((visibility("hidden")));

/* instrumentation/answers.c: 1 when the call in REGISTERS is answered, with its result in rax. */
int elfie_answer(struct sigcontext *registers) __attribute__((visibility("hidden")));

#endif
