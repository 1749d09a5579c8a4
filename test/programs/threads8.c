/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight threads beside the first one, each caught by the start of the region in another place:
 * waiting for a condition, sleeping (twice), joining (twice, one joins the other), in a barrier,
 * in a mutex, and computing. The first thread prints when all have ended, so that the output is
 * always the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "region.h"

enum { THREADS = 8, ROUNDS = 1000 };

static pthread_t threads[THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int released; /* under mutex */
static long shared;  /* under mutex */
static atomic_int ready, started;
static _Thread_local uint64_t local = 7;
static _Thread_local char local_name[32];

/* Some work on thread-local and shared data, the same in whatever order the threads run. */
static void work(int self, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        local = local * 6364136223846793005U + (uint64_t)self;
        pthread_mutex_lock(&mutex);
        shared += self + 1;
        pthread_mutex_unlock(&mutex);
    }
}

static void wait_for_condition(void)
{
    pthread_mutex_lock(&mutex);
    atomic_fetch_add(&ready, 1);
    while (!released)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void sleep_until_started(int microseconds)
{
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&started)) {
        struct timespec time = {.tv_nsec = microseconds * 1000L};
        while (nanosleep(&time, &time) && errno == EINTR)
            ;
    }
}

static void join(int other)
{
    void *result;
    atomic_fetch_add(&ready, 1);
    if (pthread_join(threads[other], &result) || (intptr_t)result == 0)
        abort();
    local ^= (uint64_t)(uintptr_t)result;
}

static void block(int self)
{
    switch (self) {
    case 0:
    case 1:
        wait_for_condition();
        break;
    case 2:
        sleep_until_started(300000);
        break;
    case 3:
        sleep_until_started(700);
        break;
    case 4:
        join(0);
        break;
    case 5:
        join(4);
        break;
    case 6:
        atomic_fetch_add(&ready, 1);
        pthread_barrier_wait(&barrier);
        break;
    case 7:
        atomic_fetch_add(&ready, 1);
        pthread_mutex_lock(&held);
        pthread_mutex_unlock(&held);
        break;
    }
}

static uint64_t results[THREADS];

static void *run(void *argument)
{
    int self = (int)(intptr_t)argument;
    work(self, ROUNDS);
    snprintf(local_name, sizeof local_name, "thread %d", self);
    block(self);
    work(self, ROUNDS);
    results[self] = local;
    for (const char *c = local_name; *c; c++)
        results[self] = results[self] * 31 + (unsigned char)*c;
    return (void *)(intptr_t)(self + 1);
}

static void check(int error, const char *what)
{
    if (error) {
        errno = error;
        perror(what);
        exit(1);
    }
}

int main(void)
{
    printf("threads8: %d threads\n", THREADS);
    check(pthread_barrier_init(&barrier, NULL, 2), "pthread_barrier_init");
    pthread_mutex_lock(&held);
    for (int i = 0; i < THREADS; i++)
        check(pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i), "pthread_create");
    while (atomic_load(&ready) < THREADS)
        sched_yield();
    usleep(20000); /* from "ready" to blocked in the kernel */

    region_start();

    atomic_store(&started, 1);
    pthread_mutex_lock(&mutex);
    released = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    pthread_barrier_wait(&barrier);
    pthread_mutex_unlock(&held);
    for (int i = 1; i < THREADS; i++)
        if (i != 4)
            check(pthread_join(threads[i], NULL), "pthread_join");
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: %016llx\n", i, (unsigned long long)results[i]);
    printf("shared: %ld\nAll threads joined\n", shared);
    return 0;
}
