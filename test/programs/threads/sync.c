/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sync WHAT: other ways to wait for each other, in use when the region starts: barrier, semaphore,
 * specific (thread-specific data and its destructors), c11, once, rwlock, spin, shared (mutex,
 * condition and semaphore of the process-shared kind), processes (fork, vfork and wait, from the
 * first thread and from another one). Exits with 12.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <threads.h>

#include "common.h"

enum { THREADS = 6, ROUNDS = 50 };

static pthread_t threads[THREADS];
static atomic_int ready, sum, serial, go;

static void create(void *(*function)(void *))
{
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, function, (void *)(intptr_t)i), "pthread_create");
    settle(&ready, THREADS);
}

static void join(void)
{
    for (int i = 0; i < THREADS; i++)
        must(pthread_join(threads[i], NULL), "pthread_join");
}

/* --- barrier: again and again, the first time over the start ---------------------------------- */

static pthread_barrier_t wall;

static void meet(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        int result = pthread_barrier_wait(&wall);
        if (result == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_fetch_add(&serial, 1);
        else
            must(result, "pthread_barrier_wait");
        atomic_fetch_add(&sum, i);
    }
}

static void *run_barrier(void *argument)
{
    atomic_fetch_add(&ready, 1);
    meet();
    return argument;
}

static void use_barrier(void)
{
    must(pthread_barrier_init(&wall, NULL, THREADS + 1), "pthread_barrier_init");
    create(run_barrier);
    region_start();
    meet();
    join();
    say("pthread_barrier_destroy", pthread_barrier_destroy(&wall));
}

/* --- semaphores ------------------------------------------------------------------------------- */

static sem_t items, places;

static void *run_semaphore(void *argument)
{
    atomic_fetch_add(&ready, 1);
    for (int i = 0; i < ROUNDS; i++) {
        while (sem_wait(&items))
            ;
        atomic_fetch_add(&sum, 1);
        sem_post(&places);
    }
    return argument;
}

static void use_semaphore(void)
{
    int value;
    sem_init(&items, 0, 0);
    sem_init(&places, 0, 3);
    create(run_semaphore);
    region_start();
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        while (sem_wait(&places))
            ;
        sem_post(&items);
    }
    join();
    sem_getvalue(&places, &value);
    printf("places: %d\n", value);
}

/* --- thread-specific data --------------------------------------------------------------------- */

enum { KEYS = 40 }; /* more than struct pthread has room for: the rest is from malloc */

static pthread_key_t keys[KEYS];

static void destroy(void *value)
{
    atomic_fetch_add(&sum, (int)(intptr_t)value);
    atomic_fetch_add(&serial, 1);
}

static void set_keys(int factor)
{
    for (int k = 0; k < KEYS; k++)
        must(pthread_setspecific(keys[k], (void *)(intptr_t)(factor * (k + 1))), "setspecific");
}

static void *run_specific(void *argument)
{
    set_keys((int)(intptr_t)argument + 1);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&go))
        usleep(1000);
    for (int k = 0; k < KEYS; k++)
        if ((intptr_t)pthread_getspecific(keys[k]) != ((intptr_t)argument + 1) * (k + 1))
            must(EINVAL, "pthread_getspecific");
    return argument;
}

static void use_specific(void)
{
    pthread_key_t late;
    for (int k = 0; k < KEYS; k++)
        must(pthread_key_create(&keys[k], destroy), "pthread_key_create");
    create(run_specific);
    region_start();
    atomic_store(&go, 1);
    join();
    printf("destructors: %d\n", atomic_load(&serial));
    /* New threads get the stacks and the blocks of the old ones. */
    atomic_store(&ready, 0);
    create(run_specific);
    join();
    must(pthread_key_create(&late, destroy), "pthread_key_create");
    say("pthread_key_delete", pthread_key_delete(keys[0]));
}

/* --- C11 -------------------------------------------------------------------------------------- */

static mtx_t mutex, recursive;
static cnd_t condition;
static tss_t specific;
static int released;

static int run_c11(void *argument)
{
    tss_set(specific, argument);
    mtx_lock(&mutex);
    atomic_fetch_add(&ready, 1);
    while (!released)
        cnd_wait(&condition, &mutex);
    mtx_unlock(&mutex);
    mtx_lock(&recursive);
    mtx_lock(&recursive);
    int value = (int)(intptr_t)tss_get(specific);
    mtx_unlock(&recursive);
    mtx_unlock(&recursive);
    thrd_exit(value);
}

static void use_c11(void)
{
    thrd_t thread[THREADS];
    mtx_init(&mutex, mtx_plain);
    mtx_init(&recursive, mtx_plain | mtx_recursive);
    cnd_init(&condition);
    tss_create(&specific, destroy);
    mtx_lock(&recursive);
    for (int i = 0; i < THREADS; i++)
        if (thrd_create(&thread[i], run_c11, (void *)(intptr_t)(i + 1)) != thrd_success)
            must(EAGAIN, "thrd_create");
    settle(&ready, THREADS);
    region_start();
    mtx_lock(&recursive);
    mtx_unlock(&recursive);
    mtx_unlock(&recursive);
    mtx_lock(&mutex);
    released = 1;
    cnd_broadcast(&condition);
    mtx_unlock(&mutex);
    for (int i = 0; i < THREADS; i++) {
        int result = 0;
        if (thrd_join(thread[i], &result) != thrd_success)
            must(EINVAL, "thrd_join");
        printf("thrd_join: %d\n", result);
    }
}

/* --- pthread_once: one is in the initializer, the others wait for it -------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void initialize(void)
{
    atomic_fetch_add(&serial, 1);
    while (!atomic_load(&go))
        usleep(1000);
}

static void *run_once(void *argument)
{
    atomic_fetch_add(&ready, 1);
    pthread_once(&once, initialize);
    atomic_fetch_add(&sum, atomic_load(&serial));
    return argument;
}

static void use_once(void)
{
    create(run_once);
    region_start();
    atomic_store(&go, 1);
    join();
}

/* --- read-write lock: readers inside, writers waiting ----------------------------------------- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void *run_rwlock(void *argument)
{
    int writer = (intptr_t)argument >= THREADS / 2;
    if (!writer)
        pthread_rwlock_rdlock(&rwlock);
    atomic_fetch_add(&ready, 1);
    while (!writer && !atomic_load(&go))
        usleep(1000);
    while (writer && atomic_load(&ready) < THREADS)
        usleep(1000);
    if (writer)
        pthread_rwlock_wrlock(&rwlock);
    sum += 3;
    pthread_rwlock_unlock(&rwlock);
    return argument;
}

static void use_rwlock(void)
{
    create(run_rwlock);
    region_start();
    say("pthread_rwlock_trywrlock", pthread_rwlock_trywrlock(&rwlock));
    atomic_store(&go, 1);
    join();
    say("pthread_rwlock_trywrlock", pthread_rwlock_trywrlock(&rwlock));
}

/* --- spin lock -------------------------------------------------------------------------------- */

static pthread_spinlock_t spin;

static void *run_spin(void *argument)
{
    atomic_fetch_add(&ready, 1);
    pthread_spin_lock(&spin);
    int value = atomic_load_explicit(&sum, memory_order_relaxed);
    atomic_store_explicit(&sum, value + 2, memory_order_relaxed);
    pthread_spin_unlock(&spin);
    return argument;
}

static void use_spin(void)
{
    pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
    pthread_spin_lock(&spin);
    create(run_spin);
    region_start();
    say("pthread_spin_trylock", pthread_spin_trylock(&spin));
    pthread_spin_unlock(&spin);
    join();
}

/* --- process-shared: their futexes are keyed by page and not by address ----------------------- */

static pthread_mutex_t shared_mutex;
static pthread_cond_t shared_condition;

static void *run_shared(void *argument)
{
    pthread_mutex_lock(&shared_mutex);
    atomic_fetch_add(&ready, 1);
    while (!released)
        pthread_cond_wait(&shared_condition, &shared_mutex);
    pthread_mutex_unlock(&shared_mutex);
    return run_semaphore(argument);
}

static void use_shared(void)
{
    pthread_mutexattr_t mutex_attributes;
    pthread_condattr_t attributes;
    pthread_mutexattr_init(&mutex_attributes);
    pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared_mutex, &mutex_attributes);
    pthread_condattr_init(&attributes);
    pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared_condition, &attributes);
    sem_init(&items, 1, 0);
    sem_init(&places, 1, 3);
    create(run_shared);
    region_start();
    pthread_mutex_lock(&shared_mutex);
    released = 1;
    pthread_cond_broadcast(&shared_condition);
    pthread_mutex_unlock(&shared_mutex);
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        while (sem_wait(&places))
            ;
        sem_post(&items);
    }
    join();
}

/* --- processes -------------------------------------------------------------------------------- */

extern char **environ;

static void fork_and_wait(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        /* The child has one thread, with the id that the kernel gave it. */
        pthread_t thread;
        int error = pthread_create(&thread, NULL, run_once, NULL);
        if (!error)
            error = pthread_join(thread, NULL);
        _exit(error ? error : 40);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        must(errno, "fork");
    atomic_fetch_add(&sum, WIFEXITED(status) ? WEXITSTATUS(status) : 10000);
    char *arguments[] = {"sh", "-c", "exit 41", NULL};
    must(posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ), "posix_spawn");
    if (waitpid(pid, &status, 0) != pid)
        must(errno, "waitpid");
    atomic_fetch_add(&sum, WIFEXITED(status) ? WEXITSTATUS(status) : 10000);
}

static void *run_processes(void *argument)
{
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&go))
        usleep(1000);
    fork_and_wait();
    return argument;
}

static void count_once(void)
{
    atomic_fetch_add(&serial, 1);
}

static void use_processes(void)
{
    create(run_processes);
    region_start();
    pthread_once(&once, count_once);
    fork_and_wait();
    atomic_store(&go, 1);
    join();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*use)(void);
    } all[] = {
        {"barrier", use_barrier}, {"semaphore", use_semaphore}, {"specific", use_specific},
        {"c11", use_c11},         {"once", use_once},           {"rwlock", use_rwlock},
        {"spin", use_spin},       {"shared", use_shared},       {"processes", use_processes},
    };
    const char *what = argc > 1 ? argv[1] : "barrier";
    printf("sync: %s\n", what);
    fflush(stdout);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, what) == 0)
            all[i].use();
    printf("sum %d, serial %d\n", atomic_load(&sum), atomic_load(&serial));
    return 12;
}
