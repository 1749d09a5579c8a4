/* SPDX-License-Identifier: BSD-3-Clause */
/* The callbacks of each kind of ELFie. Weak: a user's functions of the same names take their place.
 */
#ifndef ELFIE_CALLBACKS_H
#define ELFIE_CALLBACKS_H

#include <stdint.h>

void elfie_on_start(uint64_t num_threads, void *context) __attribute__((weak));
void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount) __attribute__((weak));
void elfie_on_exit(void) __attribute__((weak));

#endif
