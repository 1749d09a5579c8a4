/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exits HOW: how a program with three more threads ends. The first thread ends before the others
 * ("initial": the last one ends the program with 0; "exit": one calls exit(9); "joined": one joins
 * the first thread and exits with what it gave; "signal": one dies of SIGTERM), or a thread ends
 * the program while all others wait ("group": 6).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "common.h"

static const char *how;
static pthread_t initial;
static pthread_key_t key;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn; /* under mutex: which thread goes on; 0 is the first one */
static atomic_int ready;
static char names[4][32];

static int is(const char *name)
{
    return strcmp(how, name) == 0;
}

static const char first[] = "first thread";

static void next_turn(void)
{
    pthread_mutex_lock(&mutex);
    turn++;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
}

/* The next thread goes on when this one's end is sure. */
static void destroy(void *value)
{
    printf("destructor: %s\n", (const char *)value);
    fflush(stdout);
    next_turn();
}

static void wait_for_turn(int self)
{
    pthread_mutex_lock(&mutex);
    while (turn != self)
        pthread_cond_wait(&condition, &mutex);
    pthread_mutex_unlock(&mutex);
    usleep(10000);
}

static void *run(void *argument)
{
    int self = (int)(intptr_t)argument;
    void *result = NULL;
    snprintf(names[self], sizeof names[self], "thread %d", self);
    pthread_setspecific(key, names[self]);
    atomic_fetch_add(&ready, 1);
    if (self == 1 && is("joined")) {
        must(pthread_join(initial, &result), "pthread_join");
        printf("joined the first thread: %d\n", (int)(intptr_t)result);
        exit((int)(intptr_t)result);
    }
    wait_for_turn(self);
    printf("thread %d goes on\n", self);
    fflush(stdout);
    if (self == 3 && is("exit"))
        exit(9);
    if (self == 3 && is("group"))
        _exit(6);
    if (self == 3 && is("signal")) {
        kill(getpid(), SIGTERM);
        pause();
    }
    if (is("group")) {
        next_turn();
        pause();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    how = argc > 1 ? argv[1] : "initial";
    initial = pthread_self();
    must(pthread_key_create(&key, destroy), "pthread_key_create");
    pthread_setspecific(key, first);
    for (int i = 1; i <= 3; i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, run, (void *)(intptr_t)i), "pthread_create");
        pthread_detach(thread);
    }
    printf("exits: %s\n", how);
    settle(&ready, 3);

    region_start();

    if (is("group")) {
        next_turn();
        for (;;)
            pause();
    }
    pthread_exit((void *)(intptr_t)77);
}
