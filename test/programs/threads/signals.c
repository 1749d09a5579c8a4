/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * signals WHAT WHO: a signal that a thread sends itself or another one. WHAT is raise, abort, kill
 * (pthread_kill), each fatal; handled (raise with a handler), queue (pthread_sigqueue), cancel
 * (pthread_cancel), names (what else glibc does by a thread's id). WHO is the thread that the
 * signal is for: initial, other (a thread that was there at the start), new (made by the region).
 * Who sends it: raise, abort and handled, the thread itself; the others, the first thread, or for
 * the initial one the other thread. Exits with 8 if it survives.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "common.h"

static const char *what, *who;
static pthread_t initial, other;
static atomic_int ready, go, handled;

static void handle(int signal, siginfo_t *info, void *context)
{
    (void)context;
    int mine = info->si_pid == getpid() && signal == SIGUSR1;
    atomic_store(&handled, mine ? (int)syscall(SYS_gettid) : -1);
}

static int is(const char *name)
{
    return strcmp(what, name) == 0;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    must(sigaction(SIGUSR1, &action, NULL) ? errno : 0, "sigaction");
}

static _Noreturn void to_self(void)
{
    if (is("abort"))
        abort();
    if (is("handled"))
        install();
    say("raise", raise(SIGUSR1) ? errno : 0);
    printf("handler ran in the same thread: %s\n",
           atomic_load(&handled) == (int)syscall(SYS_gettid) ? "yes" : "no");
    fflush(stdout);
    exit(8);
}

static void use_names(pthread_t thread)
{
    cpu_set_t set;
    clockid_t clock;
    struct timespec time;
    struct sched_param parameter;
    int policy;
    int error = pthread_getaffinity_np(thread, sizeof set, &set);
    say("pthread_getaffinity_np", error);
    if (!error)
        say("pthread_setaffinity_np", pthread_setaffinity_np(thread, sizeof set, &set));
    error = pthread_getcpuclockid(thread, &clock);
    say("pthread_getcpuclockid", error);
    if (!error)
        say("clock_gettime", clock_gettime(clock, &time) ? errno : 0);
    say("pthread_getschedparam", pthread_getschedparam(thread, &policy, &parameter));
    parameter.sched_priority = 0;
    say("pthread_setschedparam", pthread_setschedparam(thread, SCHED_OTHER, &parameter));
    say("pthread_setname_np", pthread_setname_np(thread, "name"));
}

static _Noreturn void to(pthread_t thread)
{
    union sigval value = {.sival_int = 1};
    void *result = NULL;
    int error = 0;
    if (is("names")) {
        use_names(thread);
    } else if (is("cancel")) {
        error = pthread_cancel(thread);
        say("pthread_cancel", error);
        if (!error)
            say("pthread_join", pthread_join(thread, &result));
        printf("canceled: %s\n", result == PTHREAD_CANCELED ? "yes" : "no");
    } else {
        if (is("queue"))
            install();
        error =
            is("queue") ? pthread_sigqueue(thread, SIGUSR1, value) : pthread_kill(thread, SIGUSR1);
        say(is("queue") ? "pthread_sigqueue" : "pthread_kill", error);
        for (int i = 0; i < 1000 && !error && !atomic_load(&handled); i++)
            usleep(1000);
        printf("handled: %s\n", atomic_load(&handled) > 0 ? "yes" : "no");
    }
    fflush(stdout);
    exit(8);
}

static void *run(void *argument)
{
    (void)argument;
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&go))
        usleep(1000);
    if (strcmp(who, "initial") == 0)
        to(initial);
    if (is("raise") || is("abort") || is("handled"))
        to_self();
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    what = argc > 1 ? argv[1] : "raise";
    who = argc > 2 ? argv[2] : "initial";
    initial = pthread_self();
    int self = is("raise") || is("abort") || is("handled");
    if (!self || strcmp(who, "other") == 0)
        must(pthread_create(&other, NULL, run, NULL), "pthread_create");
    printf("signals: %s %s\n", what, who);
    settle(&ready, other ? 1 : 0);

    region_start();

    printf("in the region\n");
    fflush(stdout);
    if (strcmp(who, "initial") == 0 && self)
        to_self();
    if (strcmp(who, "new") == 0)
        must(pthread_create(&other, NULL, run, NULL), "pthread_create");
    atomic_store(&go, 1);
    if (strcmp(who, "initial") != 0 && !self) {
        usleep(20000); /* to its pause */
        to(other);
    }
    for (;;)
        pause();
}
