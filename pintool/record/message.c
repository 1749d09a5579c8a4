/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what went wrong, gives a line on stderr and the exit status. */
#include "message.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool message_verbose;

static volatile sig_atomic_t caught_signal;
static volatile sig_atomic_t victim;

static void print(const char *kind, const char *format, va_list arguments)
{
    fprintf(stderr, "elfie-record: %s", kind);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

_Noreturn void fail(const char *format, ...)
{
    if (caught_signal) {
        fprintf(stderr, "elfie-record: ended by signal %d (%s): no pinball was written\n",
                (int)caught_signal, strsignal(caught_signal));
    } else {
        va_list arguments;
        va_start(arguments, format);
        print("", format, arguments);
        va_end(arguments);
    }
    exit(EXIT_FAILURE);
}

void warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("warning: ", format, arguments);
    va_end(arguments);
}

void note(const char *format, ...)
{
    if (!message_verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    print("", format, arguments);
    va_end(arguments);
}

static void on_signal(int number)
{
    caught_signal = number;
    if (victim > 0)
        kill((pid_t)victim, SIGKILL);
}

/* Runs last of all exit functions: whoever started the recorder shall see the signal. */
static void die_of_signal(void)
{
    if (!caught_signal)
        return;
    signal(caught_signal, SIG_DFL);
    raise(caught_signal);
}

void message_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
    atexit(die_of_signal);
}

void message_kill_on_signal(pid_t pid)
{
    victim = pid;
    if (caught_signal && pid > 0)
        kill(pid, SIGKILL);
}

void message_check_signal(void)
{
    if (caught_signal)
        fail("interrupted");
}
