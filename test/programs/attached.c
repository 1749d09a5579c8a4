/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a recorder attaches to. Prints "ready", does what its first argument says for a second or
 * two, prints a result that does not depend on time, and ends with status 7.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int released;
static volatile sig_atomic_t signals, ending;

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

/* Calls the vdso again and again: all but the result is that of the machine. */
static uint64_t compute(uint64_t x, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        struct timespec now;
        for (int k = 0; k < 100000; k++)
            x = x * 6364136223846793005U + 1442695040888963407U;
        if (clock_gettime(CLOCK_MONOTONIC, &now) != 0 || sched_getcpu() < 0 || time(NULL) < 1000)
            x++;
    }
    return x;
}

static void nap(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    printf("nanosleep: %d\n", nanosleep(&time, NULL));
}

static void *run(void *argument)
{
    intptr_t self = (intptr_t)argument;
    struct timespec time = {1, 0};
    switch (self % 4) {
    case 0:
        return (void *)(uintptr_t)compute((uint64_t)self, 4000);
    case 1:
        return (void *)(intptr_t)(nanosleep(&time, NULL) == 0);
    case 2:
        return (void *)(intptr_t)(poll(NULL, 0, 1000) == 0);
    default:
        pthread_mutex_lock(&mutex);
        while (!released)
            pthread_cond_wait(&condition, &mutex);
        pthread_mutex_unlock(&mutex);
        return (void *)self;
    }
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, (void *)i);
    ready();
    printf("main: %016llx\n", (unsigned long long)compute(5, 5000));
    pthread_mutex_lock(&mutex);
    released = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        printf("thread %d: %016llx\n", i, (unsigned long long)(uintptr_t)result);
    }
}

static void count(int signal)
{
    if (signal == SIGTERM)
        ending = 1;
    else
        signals++;
}

/* Until SIGTERM comes, computing or waiting. */
static void count_signals(int waiting)
{
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    ready();
    while (!ending) {
        struct timespec time = {0, 50000000};
        if (waiting)
            nanosleep(&time, NULL);
    }
    printf("signals: %d\n", (int)signals);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "compute";
    if (strcmp(mode, "threads") == 0) {
        run_threads();
    } else if (strcmp(mode, "signals") == 0 || strcmp(mode, "waiting") == 0) {
        count_signals(*mode == 'w');
    } else if (strcmp(mode, "protected") == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        ready();
        nap(3000);
    } else {
        ready();
        if (strcmp(mode, "nanosleep") == 0)
            nap(1500);
        else if (strcmp(mode, "poll") == 0)
            printf("poll: %d\n", poll(NULL, 0, 1500));
        else
            printf("compute: %016llx\n", (unsigned long long)compute(1, 12000));
    }
    return 7;
}
