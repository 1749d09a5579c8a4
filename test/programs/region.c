/* SPDX-License-Identifier: BSD-3-Clause */
/* In a file of its own, so that no compiler can inline the call or leave it out. */
#include "region.h"

void region_start(void) {}
