/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mutexes KIND: locks that are held when the region starts, some by the first thread and some by
 * another one, and what each kind promises about its owner. Kinds: recursive, errorcheck, adaptive,
 * rwlock, robust (the owner, which was there at the start, dies holding one that it locked before
 * the start), robust-late (that it locked in the region), robust-new (that a new thread locked),
 * robust-initial (the first thread is the owner), inherit (priority inheritance, held over the
 * start), inherit-late (contended in the region by old threads), inherit-new (by new threads).
 * Exits with 11.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "common.h"

static const char *kind;
static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int ready, go, step;

static int is(const char *name)
{
    return strcmp(kind, name) == 0;
}

static int starts(const char *name)
{
    return strncmp(kind, name, strlen(name)) == 0;
}

static void initialize(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (is("recursive"))
        must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE), "settype");
    if (is("errorcheck"))
        must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK), "settype");
    if (is("adaptive"))
        must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP), "settype");
    if (starts("robust"))
        must(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "setrobust");
    if (starts("inherit"))
        must(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT), "setprotocol");
    must(pthread_mutex_init(&mutex, &attributes), "pthread_mutex_init");
}

/* So that a lock that is never given free is seen as an error and not as a hang. */
static int lock_for_a_while(void)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2;
    return pthread_mutex_timedlock(&mutex, &limit);
}

static void *other_tries(void *argument)
{
    (void)argument;
    say("other: trylock", pthread_mutex_trylock(&mutex));
    if (is("recursive") || is("errorcheck"))
        say("other: unlock", pthread_mutex_unlock(&mutex));
    return NULL;
}

static void *other_locks(void *argument)
{
    (void)argument;
    int error = lock_for_a_while();
    say("other: lock", error);
    if (error == EOWNERDEAD)
        say("other: consistent", pthread_mutex_consistent(&mutex));
    if (!error || error == EOWNERDEAD)
        say("other: unlock", pthread_mutex_unlock(&mutex));
    return NULL;
}

static void in_thread(void *(*function)(void *))
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, function, NULL), "pthread_create");
    must(pthread_join(thread, NULL), "pthread_join");
}

static void wait_for(atomic_int *flag)
{
    while (!atomic_load(flag))
        usleep(1000);
}

/* --- held by the first thread ----------------------------------------------------------------- */

/* Blocks in the lock over the start. */
static void *contender(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    int error = pthread_mutex_lock(&mutex);
    wait_for(&go);
    say("contender: lock", error);
    say("contender: unlock", pthread_mutex_unlock(&mutex));
    return NULL;
}

static void own_types(void)
{
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    if (is("recursive"))
        pthread_mutex_lock(&mutex);
    must(pthread_create(&thread, NULL, contender, NULL), "pthread_create");
    printf("held\n");
    settle(&ready, 1);

    region_start();

    in_thread(other_tries);
    if (is("recursive")) {
        say("lock again", pthread_mutex_lock(&mutex));
        say("unlock", pthread_mutex_unlock(&mutex));
        say("unlock", pthread_mutex_unlock(&mutex));
    }
    if (is("errorcheck"))
        say("lock again", pthread_mutex_lock(&mutex));
    atomic_store(&go, 1);
    int error = pthread_mutex_unlock(&mutex);
    must(pthread_join(thread, NULL), "pthread_join");
    say("unlock", error);
    if (!is("adaptive"))
        say("unlock what is not locked", pthread_mutex_unlock(&mutex));
    in_thread(other_locks);
    say("lock", pthread_mutex_lock(&mutex));
    in_thread(other_tries);
    say("unlock", pthread_mutex_unlock(&mutex));
}

/* --- read-write locks ------------------------------------------------------------------------- */

static void *reader(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    int error = pthread_rwlock_rdlock(&rwlock);
    say("reader", error);
    say("reader: unlock", pthread_rwlock_unlock(&rwlock));
    return NULL;
}

static void own_rwlock(void)
{
    pthread_t thread;
    must(pthread_rwlock_wrlock(&rwlock), "pthread_rwlock_wrlock");
    must(pthread_create(&thread, NULL, reader, NULL), "pthread_create");
    printf("held\n");
    settle(&ready, 1);

    region_start();

    say("write again", pthread_rwlock_wrlock(&rwlock));
    say("read it, too", pthread_rwlock_rdlock(&rwlock));
    int error = pthread_rwlock_unlock(&rwlock);
    must(pthread_join(thread, NULL), "pthread_join");
    say("unlock", error);
    say("write", pthread_rwlock_wrlock(&rwlock));
    say("write again", pthread_rwlock_wrlock(&rwlock));
    say("unlock", pthread_rwlock_unlock(&rwlock));
}

/* --- the owner dies --------------------------------------------------------------------------- */

static void *owner(void *argument)
{
    int late = argument != NULL;
    if (!late)
        must(pthread_mutex_lock(&mutex), "pthread_mutex_lock");
    atomic_fetch_add(&ready, 1);
    wait_for(&go);
    if (late)
        say("owner: lock", pthread_mutex_lock(&mutex));
    atomic_store(&step, 1);
    usleep(20000); /* the other one waits by now */
    return NULL;   /* without unlocking it */
}

static void *dying_owner(void *argument)
{
    (void)argument;
    say("owner: lock", pthread_mutex_lock(&mutex));
    return NULL;
}

static void owner_dies(void)
{
    pthread_t thread = 0;
    int late = is("robust-late");
    if (!is("robust-new"))
        must(pthread_create(&thread, NULL, owner, late ? &go : NULL), "pthread_create");
    printf("running\n");
    settle(&ready, thread ? 1 : 0);

    region_start();

    if (is("robust-new")) {
        in_thread(dying_owner);
    } else {
        atomic_store(&go, 1);
        wait_for(&step);
    }
    in_thread(other_locks);
    if (thread)
        must(pthread_join(thread, NULL), "pthread_join");
    in_thread(other_locks);
}

static void *heir(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    wait_for(&go);
    other_locks(NULL);
    exit(11);
}

static void first_dies(void)
{
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    must(pthread_create(&thread, NULL, heir, NULL), "pthread_create");
    printf("running\n");
    settle(&ready, 1);

    region_start();

    atomic_store(&go, 1);
    pthread_exit(NULL);
}

/* --- priority inheritance: the kernel knows the owner by its id ------------------------------- */

static void *inheritor(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    wait_for(&go);
    other_locks(NULL);
    return NULL;
}

static void inherit(void)
{
    pthread_t thread = 0;
    if (is("inherit"))
        must(pthread_mutex_lock(&mutex), "pthread_mutex_lock");
    if (!is("inherit-new"))
        must(pthread_create(&thread, NULL, inheritor, NULL), "pthread_create");
    printf("running\n");
    settle(&ready, thread ? 1 : 0);

    region_start();

    if (!is("inherit"))
        say("lock", pthread_mutex_lock(&mutex));
    if (is("inherit-new"))
        must(pthread_create(&thread, NULL, inheritor, NULL), "pthread_create");
    atomic_store(&go, 1);
    usleep(50000); /* it waits by now */
    int error = pthread_mutex_unlock(&mutex);
    must(pthread_join(thread, NULL), "pthread_join");
    say("unlock", error);
}

int main(int argc, char **argv)
{
    kind = argc > 1 ? argv[1] : "recursive";
    initialize();
    printf("mutexes: %s\n", kind);
    if (starts("inherit")) {
        inherit();
    } else if (is("robust-initial")) {
        first_dies();
    } else if (starts("robust")) {
        owner_dies();
    } else if (is("rwlock")) {
        own_rwlock();
    } else {
        own_types();
    }
    fflush(stdout);
    return 11;
}
