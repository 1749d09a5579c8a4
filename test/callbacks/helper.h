/* SPDX-License-Identifier: BSD-3-Clause */
/* What own.c calls: one function in an object, one in a library. */
#include <stdint.h>

void helper_say(uint64_t thread);
uint64_t helper_one(void);
