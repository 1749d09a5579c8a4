/* SPDX-License-Identifier: BSD-3-Clause */
/* Eight threads that are made behind the start, contend for a lock, meet at barriers and wait for a
 * condition. Nothing in it depends on time: the same schedule gives the same run. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "region.h"

enum { THREADS = 8, ROUNDS = 100 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static uint64_t order; /* depends on who has the lock when */
static int arrived;

static void *work(void *argument)
{
    uint64_t self = (uint64_t)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&mutex);
        order = order * 31 + self;
        pthread_mutex_unlock(&mutex);
        if (i % 25 == 0)
            pthread_barrier_wait(&barrier);
    }
    pthread_mutex_lock(&mutex);
    arrived++;
    pthread_cond_broadcast(&condition);
    while (arrived < THREADS)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    return argument;
}

int main(void)
{
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    pthread_barrier_init(&barrier, NULL, THREADS);
    region_start();
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)))
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (uintptr_t)result;
    }
    printf("%d threads, sum %lu, order %s\n", THREADS, (unsigned long)sum,
           order ? "known" : "lost");
    return 6;
}
