/* SPDX-License-Identifier: BSD-3-Clause */
/* MT, four threads besides the initial one: each adds to a counter of its own in thread-local
 * storage, and to a common one under a lock. Its pinball starts at the 100th call of add() by
 * whichever thread, while the initial thread waits in pthread_join. */
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long common;
static _Thread_local unsigned long own;

__attribute__((noinline)) void add(void)
{
    own++;
    pthread_mutex_lock(&lock);
    common++;
    pthread_mutex_unlock(&lock);
}

static void *run(void *result)
{
    for (int i = 0; i < ROUNDS; i++)
        add();
    *(unsigned long *)result = own;
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    unsigned long results[THREADS];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int t = 0; t < THREADS; t++)
        if (pthread_create(&threads[t], NULL, run, &results[t]) != 0)
            return 1;
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        printf("thread %d: %lu\n", t, results[t]);
    }
    printf("all: %lu\n", common);
    return common != THREADS * ROUNDS;
}
