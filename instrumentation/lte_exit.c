/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_lc.h: the end of the process, and what is called before it. */
#include "elfie.h"
#include "lte_lc.h"
#include "syscall.h"

enum { MAX_FUNCTIONS = 32 };

static void (*functions[MAX_FUNCTIONS])(void);
static uint32_t num_functions;

int lte_atexit(void (*function)(void))
{
    uint32_t n = __atomic_fetch_add(&num_functions, 1, __ATOMIC_RELAXED);
    if (n >= MAX_FUNCTIONS) {
        __atomic_store_n(&num_functions, MAX_FUNCTIONS, __ATOMIC_RELAXED);
        return -1;
    }
    __atomic_store_n(&functions[n], function, __ATOMIC_RELEASE);
    return 0;
}

void elfie_call_exit_functions(void)
{
    for (uint32_t n = MAX_FUNCTIONS; n-- > 0;) {
        void (*function)(void) = __atomic_exchange_n(&functions[n], NULL, __ATOMIC_ACQ_REL);
        if (function)
            function();
    }
}

void lte_exit_group(int status)
{
    elfie_call_exit_functions();
    for (;;)
        elfie_syscall(__NR_exit_group, status);
}
