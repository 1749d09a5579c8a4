/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crowd THREADS [KIND]: so many threads with the first one, each caught by the start of the region
 * in another place, or all in the same. Descriptor 0 is a pipe open for reading and writing. What
 * is printed does not depend on the order in which they run. Exits with 3.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

#include "common.h"

enum { MAX_THREADS = 512, ROUNDS = 200 };

enum kind {
    HOLD,    /* holds a lock and waits for a condition */
    CONTEND, /* waits for a lock that the first thread holds */
    WAIT,    /* waits for a condition */
    FUTEX,   /* waits for a futex without the library */
    JOIN,    /* joins the thread before it */
    TIMED,   /* waits for a condition, with a time limit far away */
    SLEEP,   /* sleeps 0.2 s */
    NAP,     /* sleeps again and again */
    ALARM,   /* sleeps until a point in time */
    READ,    /* reads a pipe to which the first thread writes */
    POLL,    /* polls that pipe */
    SELECT,  /* waits in select, which rewrites its time limit */
    COMPUTE, /* computes */
    PAUSE,   /* waits for a signal that never comes, to the end of the program */
    KINDS
};

static const char *const names[KINDS] = {
    "hold", "contend", "wait", "futex", "join",   "timed",   "sleep",
    "nap",  "alarm",   "read", "poll",  "select", "compute", "pause",
};

static int count; /* beside the first one */
static enum kind kinds[MAX_THREADS];
static pthread_t threads[MAX_THREADS];
static pthread_mutex_t own[MAX_THREADS];
static uint64_t results[MAX_THREADS];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t firsts = PTHREAD_MUTEX_INITIALIZER; /* held by the first thread */
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int released; /* under mutex */
static long shared;  /* under mutex */
static uint32_t word;
static atomic_int ready, started, through;
static _Thread_local uint64_t local = 7;

static void work(int self)
{
    for (int i = 0; i < ROUNDS; i++) {
        local = local * 6364136223846793005U + (uint64_t)self;
        pthread_mutex_lock(&mutex);
        shared += self + 1;
        pthread_mutex_unlock(&mutex);
    }
}

static void wait_for_release(int timed)
{
    struct timespec limit;
    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += 86400;
    pthread_mutex_lock(&mutex);
    atomic_fetch_add(&ready, 1);
    while (!released)
        must(timed ? pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &limit)
                   : pthread_cond_wait(&condition, &mutex),
             "pthread_cond_wait");
    pthread_mutex_unlock(&mutex);
}

static void wait_for_word(void)
{
    atomic_fetch_add(&ready, 1);
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
        if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL) && errno != EAGAIN &&
            errno != EINTR)
            must(errno, "futex");
}

static void join_before(int self)
{
    void *result;
    atomic_fetch_add(&ready, 1);
    must(pthread_join(threads[self - 1], &result), "pthread_join");
    local ^= (uint64_t)(uintptr_t)result;
}

static void sleep_for(long milliseconds, int absolute)
{
    struct timespec time = {.tv_nsec = milliseconds * 1000000};
    if (absolute) {
        clock_gettime(CLOCK_MONOTONIC, &time);
        time.tv_nsec += milliseconds * 1000000;
        time.tv_sec += time.tv_nsec / 1000000000;
        time.tv_nsec %= 1000000000;
    }
    must(clock_nanosleep(CLOCK_MONOTONIC, absolute ? TIMER_ABSTIME : 0, &time, NULL),
         "clock_nanosleep");
}

static void read_pipe(void)
{
    char byte = 0;
    atomic_fetch_add(&ready, 1);
    if (read(0, &byte, 1) != 1)
        must(errno ? errno : EPIPE, "read");
    local += (unsigned char)byte;
}

static void poll_pipe(void)
{
    struct pollfd fd = {.fd = 0, .events = POLLIN};
    atomic_fetch_add(&ready, 1);
    if (poll(&fd, 1, -1) != 1)
        must(errno, "poll");
    local += (uint64_t)fd.revents;
}

static void select_nothing(void)
{
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&started)) {
        struct timeval limit = {.tv_usec = 50000};
        if (select(0, NULL, NULL, NULL, &limit))
            must(errno, "select");
    }
}

static void compute(void)
{
    volatile double x = 1;
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&started))
        for (int i = 0; i < 1000; i++)
            x = x * 1.0000001 + 1e-9;
}

static void block(int self)
{
    switch (kinds[self]) {
    case HOLD:
        pthread_mutex_lock(&own[self]);
        wait_for_release(0);
        pthread_mutex_unlock(&own[self]);
        break;
    case CONTEND:
        atomic_fetch_add(&ready, 1);
        pthread_mutex_lock(&firsts);
        pthread_mutex_unlock(&firsts);
        break;
    case WAIT:
    case TIMED:
        wait_for_release(kinds[self] == TIMED);
        break;
    case FUTEX:
        wait_for_word();
        break;
    case JOIN:
        join_before(self);
        break;
    case SLEEP:
    case ALARM:
        atomic_fetch_add(&ready, 1);
        sleep_for(200, kinds[self] == ALARM);
        break;
    case NAP:
        atomic_fetch_add(&ready, 1);
        while (!atomic_load(&started))
            sleep_for(1, 0);
        break;
    case READ:
        read_pipe();
        break;
    case POLL:
        poll_pipe();
        break;
    case SELECT:
        select_nothing();
        break;
    case COMPUTE:
        compute();
        break;
    case PAUSE:
        atomic_fetch_add(&ready, 1);
        for (;;)
            pause();
    case KINDS:
        break;
    }
    atomic_fetch_add(&through, 1);
}

static void *run(void *argument)
{
    int self = (int)(intptr_t)argument;
    work(self);
    block(self);
    work(self);
    results[self] = local;
    return (void *)(intptr_t)(self + 1);
}

static void choose_kinds(const char *name)
{
    for (int i = 0; i < count; i++) {
        kinds[i] = (enum kind)(i % KINDS);
        for (int k = 0; name && k < KINDS; k++)
            if (strcmp(names[k], name) == 0)
                kinds[i] = (enum kind)k;
        if (kinds[i] == JOIN && (i == 0 || kinds[i - 1] == PAUSE))
            kinds[i] = CONTEND;
    }
}

static int is_joined_by_other(int i)
{
    return i + 1 < count && kinds[i + 1] == JOIN;
}

/* Lets all go on, whatever they wait for. */
static void release(void)
{
    int waiting = 0;
    for (int i = 0; i < count; i++)
        waiting += kinds[i] != PAUSE;
    atomic_store(&started, 1);
    pthread_mutex_unlock(&firsts);
    pthread_mutex_lock(&mutex);
    released = 1;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    __atomic_store_n(&word, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX);
    while (atomic_load(&through) < waiting) {
        if (write(0, "x", 1) != 1)
            must(errno, "write");
        usleep(100);
    }
}

int main(int argc, char **argv)
{
    count = argc > 1 ? atoi(argv[1]) - 1 : 0;
    if (count < 0 || count >= MAX_THREADS)
        return 2;
    choose_kinds(argc > 2 ? argv[2] : NULL);
    printf("%d threads\n", count + 1);
    pthread_mutex_lock(&firsts);
    for (int i = 0; i < count; i++) {
        pthread_mutex_init(&own[i], NULL);
        must(pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i), "pthread_create");
    }
    settle(&ready, count);

    region_start();

    release();
    for (int i = 0; i < count; i++)
        if (kinds[i] != PAUSE && !is_joined_by_other(i))
            must(pthread_join(threads[i], NULL), "pthread_join");
    for (int i = 0; i < count; i++) {
        printf("thread %d, %s: %016llx\n", i, names[kinds[i]], (unsigned long long)results[i]);
        must(pthread_mutex_trylock(&own[i]), "pthread_mutex_trylock");
    }
    printf("shared: %ld\n", shared);
    return 3;
}
