/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the threads. Each sets up what the kernel keeps of it, waits for all the others at a
 * barrier, and enters its context: no thread runs an instruction of the region before all are
 * ready to, nor, where there are markers, before thread 0 has executed them. */
#include "../instrumentation/replay.h"
#include "elfie.h"
#include "syscall.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>

/* struct pthread of glibc, x86-64, from 2.4 to 2.41 at least: nptl/descr.h. */
enum { PTHREAD_TID = 0x2d0, PTHREAD_ROBUST_HEAD = 0x2e0, ROBUST_HEAD_SIZE = 24 };

/* CF PF AF ZF SF DF OF AC ID: the flags that a program can set for itself. And the one by which its
 * instructions are counted. */
enum { USER_FLAGS = 0x240cd5 };

static uint32_t waiting_for; /* threads that have not come to the barrier */
static uint32_t open;

/* pthread_join waits until the kernel clears the tid word in the thread's struct pthread, and
 * robust mutexes hang on its list: the kernel has to be told of both again (measured: without,
 * pinball mt never ends). Only if the word really holds the thread id of the recording: the
 * program may have another libc, or none. */
uint64_t elfie_tid_word(const struct elfie_thread *t)
{
    uint64_t tid = t->fs_base + PTHREAD_TID;
    uint64_t robust = t->fs_base + PTHREAD_ROBUST_HEAD;
    if (!t->os_tid || !elfie_captured(tid, robust + ROBUST_HEAD_SIZE) ||
        *(const uint32_t *)tid != t->os_tid)
        return 0;
    return tid;
}

static void register_thread(const struct elfie_thread *t)
{
    if (elfie_config.flags & ELFIE_NO_FUTEXES || !elfie_tid_word(t))
        return;
    elfie_syscall(__NR_set_tid_address, t->fs_base + PTHREAD_TID);
    elfie_syscall(__NR_set_robust_list, t->fs_base + PTHREAD_ROBUST_HEAD, ROBUST_HEAD_SIZE);
}

static void barrier(void)
{
    if (__atomic_sub_fetch(&waiting_for, 1, __ATOMIC_ACQ_REL) == 0) {
        if (!elfie_process.replayed)
            elfie_enter_workdir();
        __atomic_store_n(&open, 1, __ATOMIC_RELEASE);
        if (elfie_config.num_threads > 1 && !(elfie_config.flags & ELFIE_NO_FUTEXES))
            elfie_syscall(__NR_futex, &open, FUTEX_WAKE, INT32_MAX);
    }
    while (!__atomic_load_n(&open, __ATOMIC_ACQUIRE))
        if (elfie_config.flags & ELFIE_NO_FUTEXES)
            elfie_syscall(__NR_sched_yield);
        else
            elfie_syscall(__NR_futex, &open, FUTEX_WAIT, 0, 0);
}

/* Thread 0 opens the gate with a plain store behind its markers, the last but its registers. */
static void wait_for_markers(uint64_t number)
{
    if (elfie_config.flags & ELFIE_MARKERS && number != 0)
        while (!__atomic_load_n(&elfie_gate, __ATOMIC_ACQUIRE))
            elfie_syscall(__NR_sched_yield);
}

int elfie_region_has_started(void)
{
    return (int)__atomic_load_n(&open, __ATOMIC_ACQUIRE);
}

static _Noreturn void run_thread(uint64_t number)
{
    const struct elfie_thread *t = &elfie_threads[number];
    elfie_know_thread(number);
    if (elfie_process.replayed != REPLAYED)
        register_thread(t);
    if (elfie_config.flags & ELFIE_MODIFY_LDT)
        elfie_write_ldt(number);
    elfie_say_thread(number);
    elfie_config.on_thread_start(number, NULL, t->icount);
    *t->flags = (*t->flags & USER_FLAGS) | elfie_start_counting(number);
    if (elfie_config.flags & ELFIE_USER_CODE)
        elfie_clear_vectors();
    barrier();
    elfie_enter_thread(number);
}

void elfie_enter_thread(uint64_t number)
{
    const struct elfie_thread *t = &elfie_threads[number];
    *t->flags &= USER_FLAGS | TRAP_FLAG;
    /* The bases last: a callback may be compiled code that knows of thread-local storage. */
    long result = elfie_syscall(__NR_arch_prctl, ARCH_SET_FS, t->fs_base);
    if (!result && t->gs_base)
        result = elfie_syscall(__NR_arch_prctl, ARCH_SET_GS, t->gs_base);
    if (result)
        elfie_fail("cannot set the segment bases of a thread; the region was not run", result);
    /* The callbacks have run; their stack is free for signals, but for what we stand on. */
    elfie_set_signal_stack(number);
    if (elfie_process.replayed)
        elfie_config.replay->thread(number);
    else
        elfie_count_calls_of(number);
    wait_for_markers(number);
    elfie_enable_events(number);
    t->enter();
    __builtin_unreachable();
}

static void start_thread(uint64_t number)
{
    const unsigned long flags =
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    char *stack = elfie_stack_of(number) + elfie_layout.callback_stack_size;
    long result = elfie_clone(flags, stack, run_thread, number);
    if (result < 0) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line, "cannot start thread ");
        elfie_put_decimal(&line, number);
        elfie_put(&line, " of ");
        elfie_put_decimal(&line, elfie_config.num_threads);
        elfie_put(&line, " (see ulimit -u)\n");
        elfie_write(&line);
        elfie_fail("the region was not run", result);
    }
}

void elfie_run_threads(void)
{
    waiting_for = (uint32_t)elfie_config.num_threads;
    elfie_say_process();
    for (uint64_t t = 1; t < elfie_config.num_threads; t++)
        start_thread(t);
    run_thread(0);
}
