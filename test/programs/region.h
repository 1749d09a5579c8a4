/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the recorded region of each of these programs starts. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void region_start(void);

#ifdef __cplusplus
}
#endif
