/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The region makes threads of its own, beside and after four that were there: joinable, detached,
 * with a small stack, threads that make threads, and so many one after the other that the stacks
 * of the old ones are used again. Exits with 4.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#include "common.h"

enum { OLD = 4, WIDTH = 16, DEPTH = 6, CHAIN = 100 };

static atomic_int ready, sum;
static sem_t go, ended;
static _Thread_local int local = 5;
static _Thread_local char buffer[3000];

static void use_locals(int value)
{
    memset(buffer, value, sizeof buffer);
    local += buffer[sizeof buffer / 2];
    atomic_fetch_add(&sum, local);
}

static void *old(void *argument)
{
    atomic_fetch_add(&ready, 1);
    while (sem_wait(&go))
        ;
    use_locals((int)(intptr_t)argument);
    sem_post(&ended);
    return argument;
}

static void *joined(void *argument)
{
    use_locals((int)(intptr_t)argument);
    return argument;
}

static void *detached(void *argument)
{
    use_locals((int)(intptr_t)argument);
    sem_post(&ended);
    return NULL;
}

/* Makes two threads that make two threads each. */
static void *tree(void *argument)
{
    intptr_t depth = (intptr_t)argument;
    pthread_t children[2];
    if (depth == 0)
        return (void *)(intptr_t)1;
    intptr_t leaves = 0;
    for (int i = 0; i < 2; i++)
        must(pthread_create(&children[i], NULL, tree, (void *)(depth - 1)), "pthread_create");
    for (int i = 0; i < 2; i++) {
        void *result;
        must(pthread_join(children[i], &result), "pthread_join");
        leaves += (intptr_t)result;
    }
    return (void *)leaves;
}

static void many(const pthread_attr_t *attributes)
{
    pthread_t threads[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        must(pthread_create(&threads[i], attributes, joined, (void *)(intptr_t)i),
             "pthread_create");
    for (int i = 0; i < WIDTH; i++) {
        void *result;
        must(pthread_join(threads[i], &result), "pthread_join");
        if ((intptr_t)result != i)
            abort();
    }
}

int main(void)
{
    pthread_t before[OLD];
    pthread_attr_t small, loose;
    sem_init(&go, 0, 0);
    sem_init(&ended, 0, 0);
    pthread_attr_init(&loose);
    pthread_attr_setdetachstate(&loose, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < OLD; i++) /* every second one is detached */
        must(pthread_create(&before[i], i % 2 ? &loose : NULL, old, (void *)(intptr_t)i),
             "pthread_create");
    printf("%d threads\n", OLD);
    settle(&ready, OLD);

    region_start();

    many(NULL);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536 + PTHREAD_STACK_MIN);
    many(&small);
    for (int i = 0; i < WIDTH; i++) {
        pthread_t thread;
        must(pthread_create(&thread, &loose, detached, (void *)(intptr_t)i), "pthread_create");
    }
    for (int i = 0; i < WIDTH; i++)
        while (sem_wait(&ended))
            ;
    printf("new: %d\n", atomic_load(&sum));
    for (int i = 0; i < OLD; i++)
        sem_post(&go);
    for (int i = 0; i < OLD; i++)
        while (sem_wait(&ended))
            ;
    for (int i = 0; i < OLD; i += 2)
        must(pthread_join(before[i], NULL), "pthread_join");
    printf("old: %d\n", atomic_load(&sum));
    printf("leaves: %d\n", (int)(intptr_t)tree((void *)(intptr_t)DEPTH));
    for (int i = 0; i < CHAIN; i++) {
        pthread_t thread;
        void *result;
        must(pthread_create(&thread, NULL, joined, (void *)(intptr_t)i), "pthread_create");
        must(pthread_join(thread, &result), "pthread_join");
    }
    printf("after all: %d, first thread's own: %d\n", atomic_load(&sum), local);
    return 4;
}
