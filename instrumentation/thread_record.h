/* SPDX-License-Identifier: BSD-3-Clause */
/* What the runtime keeps of each thread that it starts. For sources with the kernel's headers and
 * for those with libc's, which do not go together. */
#ifndef ELFIE_THREAD_RECORD_H
#define ELFIE_THREAD_RECORD_H

#include "count.h"

/* Has the thread an end mark, and has it come to it? See ending.h. */
enum thread_ends { ENDS_NEVER, ENDS_EXPECTED, ENDS_OVER };

/* What the runtime keeps of a thread in the region. Not on the callback stack: memcheck takes what
 * lies below the stack pointer for free. */
struct thread_record {
    uint64_t tid;
    uint64_t calls;   /* counted; see count_calls.c for this and what follows */
    uint64_t rsi;     /* the program's, while a copy takes the place of what it points to */
    uint64_t copy[4]; /* a signal mask, or a struct sigaction */
    uint8_t selector;
    uint8_t has_rsi;
    uint8_t went_on;    /* past its end mark */
    uint8_t ends;       /* enum thread_ends */
    uint8_t has_events; /* of perf, to be enabled when the region is entered; see lte_perf.h */
    struct elfie_counter counter;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct thread_record) == 0x1c0, "the linker script has this size");
extern struct thread_record elfie_records[] __attribute__((visibility("hidden")));

/* The calling thread's number, or -1 for one that was started in the region. */
int64_t elfie_signal_thread(void) __attribute__((visibility("hidden")));

#endif
