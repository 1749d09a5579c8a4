/* SPDX-License-Identifier: BSD-3-Clause */
#include "helper.h"

uint64_t helper_one(void)
{
    return 1;
}
