/* SPDX-License-Identifier: BSD-3-Clause */
/* Where Linux puts a new program's stack, its arguments and the vdso. Shared by the front-end,
 * which has everything there moved, and the startup, which moves it. Lowest start of a stack seen
 * in 1,500 runs on Linux 6.18: 0x7ffc0093f000. */
#ifndef ELFIE_KERNEL_WINDOW_H
#define ELFIE_KERNEL_WINDOW_H

#define KERNEL_WINDOW UINT64_C(0x7ffbff000000)

#endif
