/* SPDX-License-Identifier: BSD-3-Clause */
/* A loop of known length in each of N threads: marks N ROUNDS. counters[t] says how often thread t
 * has come to mark_here. The region starts at region_start, with all threads at a barrier. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_THREADS = 64 };
volatile uint64_t counters[MAX_THREADS];
static pthread_barrier_t barrier;
static uint64_t rounds;

__attribute__((noinline)) void region_start(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) static void count(volatile uint64_t *counter, uint64_t times)
{
    __asm__ volatile("1: incq %0\n"
                     ".globl mark_here\n"
                     "mark_here: nop\n"
                     "dec %1\n"
                     "jnz 1b\n"
                     : "+m"(*counter), "+r"(times)
                     :
                     : "cc");
}

static void *run(void *argument)
{
    uintptr_t t = (uintptr_t)argument;
    pthread_barrier_wait(&barrier);
    if (t == 0)
        region_start();
    pthread_barrier_wait(&barrier);
    count(&counters[t], rounds);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    uintptr_t n = strtoul(argv[1], NULL, 10);
    rounds = strtoul(argv[2], NULL, 10);
    pthread_t threads[MAX_THREADS];
    pthread_barrier_init(&barrier, NULL, (unsigned)n);
    for (uintptr_t t = 1; t < n; t++)
        pthread_create(&threads[t], NULL, run, (void *)t);
    run(NULL);
    for (uintptr_t t = 1; t < n; t++)
        pthread_join(threads[t], NULL);
    for (uintptr_t t = 0; t < n; t++)
        printf("thread %lu: %lu\n", (unsigned long)t, (unsigned long)counters[t]);
    return 5;
}
