/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done with each system call of a region that is replayed. A call that is not here is
 * injected: it gets the recorded result, the memory that it wrote is written from the log, and the
 * kernel never sees it. All others are here, each with the reason. */
#include "replay.h"

#include <asm/unistd.h>

#ifndef __NR_clone3
#define __NR_clone3 435
#endif

/* A byte for each call. */
static const uint8_t actions[512] = {
    /* The user wants to see what the region prints; the program gets the recorded result, whatever
     * became of the output. What never was in the program's memory (sendfile, splice) cannot be
     * shown; and bytes that the program passes on without having read them may be others, because a
     * log may have only what was read. */
    [__NR_write] = SHOW,
    [__NR_writev] = SHOW,
    [__NR_pwrite64] = INJECT, /* not to a terminal or pipe */

    /* These decide what "descriptors 1 and 2" are: after dup2(file, 1) output was not for the
     * user's eyes. */
    [__NR_dup] = DESCRIPTOR,
    [__NR_dup2] = DESCRIPTOR,
    [__NR_dup3] = DESCRIPTOR,
    [__NR_fcntl] = DESCRIPTOR,
    [__NR_close] = DESCRIPTOR,

    /* Memory has to be there, where it was. Not by the kernel's own choice of an address, and
     * without the file: the log has the content that was read. All of it is readable, writable and
     * executable, as the image is. */
    [__NR_mmap] = MAP,
    [__NR_munmap] = UNMAP,
    [__NR_mremap] = REMAP,
    [__NR_brk] = BREAK,
    /* MADV_DONTNEED gives zero pages. */
    [__NR_madvise] = DISCARD,
    /* Protection only takes away. A region that ran well runs as well without, and the log writes
     * to pages that the program has protected: a file mapped read-only. */
    [__NR_mprotect] = INJECT,
    [__NR_pkey_mprotect] = INJECT,

    /* FS and GS base are registers, which not every log has. */
    [__NR_arch_prctl] = SEGMENT,

    /* The order of threads is the log's, or nobody's: it costs nothing to be polite. */
    [__NR_sched_yield] = YIELD,

    /* Injected, a wait of the unordered mode would return before what it waits for has happened
     * (measured: none of 50 runs of a real region of 5 threads came to its end). Stepped threads
     * are ordered otherwise, and have to take the recorded way out of the futex. */
    [__NR_futex] = FUTEX,
    /* The kernel wakes who joins a thread by its tid word, and who waits for a robust mutex by the
     * list. Where the log orders the threads it has those words too. */
    [__NR_set_tid_address] = OWN_THREAD,
    [__NR_set_robust_list] = OWN_THREAD,

    /* Threads have to run. A child that is a process of its own is in another pinball, if in any:
     * the parent gets its recorded answer. */
    [__NR_clone] = CLONE,
    [__NR_clone3] = CLONE,
    [__NR_exit] = EXIT,
    [__NR_exit_group] = EXIT_GROUP,

    /* Actions, masks and stacks of signals are injected and never reach the kernel: a mask that
     * blocks SIGSYS, or another stack for it, would end the process at its next call. So no signal
     * handler of the program ever starts; one that was running when the region began may return. */
    [__NR_rt_sigaction] = INJECT,
    [__NR_rt_sigprocmask] = INJECT,
    [__NR_sigaltstack] = INJECT,
    [__NR_rt_sigreturn] = RETURN,
};

enum replay_action replay_action_of(uint64_t number)
{
    return number < sizeof actions ? (enum replay_action)actions[number] : INJECT;
}
