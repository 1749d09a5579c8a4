/* SPDX-License-Identifier: BSD-3-Clause */
/* What the user has said of the runtime, a bit each. Shared by the front-end, which sets them, and
 * the startup. X(name, bit, meaning) */
#ifndef ELFIE_FLAGS_H
#define ELFIE_FLAGS_H

#define ELFIE_FLAGS(X)                                                                             \
    X(MONITOR, 0, "a monitor process waits for the end of the program")                            \
    X(NO_FUTEXES, 1, "no futex: tid words and robust lists stay unregistered, threads spin")       \
    X(MARKERS, 2, "thread 0 executes markers first; the others wait for that")                     \
    X(USER_CODE, 3, "callbacks may use vector registers: clear them behind them")                  \
    X(WARMUP, 4, "the region begins with a warm-up, unless ELFIE_WARMUP=0")                        \
    X(MODIFY_LDT, 5, "a descriptor for each thread's FS base goes into the LDT")

#define ELFIE_FLAG_BIT(name, bit, meaning) ELFIE_##name = 1 << (bit),
enum elfie_flags { ELFIE_FLAGS(ELFIE_FLAG_BIT) };
#undef ELFIE_FLAG_BIT

#endif
