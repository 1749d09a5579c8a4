/* SPDX-License-Identifier: BSD-3-Clause */
/* See error.h. */
#include "error.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Read by the signal handler, so a slot is filled before it is published by being non-null. */
static char *volatile unfinished[UNFINISHED_MAX];

static void remove_unfinished(void)
{
    /* Backwards: what lies in a directory was made after it. A directory that is not empty stays.
     */
    for (int i = UNFINISHED_MAX - 1; i >= 0; i--)
        if (unfinished[i] && unlink(unfinished[i]))
            rmdir(unfinished[i]);
}

/* One line, without control characters: what it quotes may be a stranger's. */
static void say(const char *file, uint64_t line, const char *kind, const char *format, va_list args)
{
    char text[2048];
    int length =
        !file  ? snprintf(text, sizeof text, "pinball2elf: %s", kind)
        : line ? snprintf(text, sizeof text, "%s:%llu: %s", file, (unsigned long long)line, kind)
               : snprintf(text, sizeof text, "%s: %s", file, kind);
    if (length >= 0 && (size_t)length < sizeof text)
        vsnprintf(text + length, sizeof text - (size_t)length, format, args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    fflush(stdout);
    fprintf(stderr, "%s\n", text);
}

void fail_at(const char *file, uint64_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(file, line, "", format, args);
    va_end(args);
    remove_unfinished();
    exit(1);
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(NULL, 0, "", format, args);
    va_end(args);
    remove_unfinished();
    exit(1);
}

void fail_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(NULL, 0, "", format, args);
    va_end(args);
    fputs("Try 'pinball2elf --help'.\n", stderr);
    exit(2);
}

void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(NULL, 0, "warning: ", format, args);
    va_end(args);
}

void warn_at(const char *file, uint64_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(file, line, "warning: ", format, args);
    va_end(args);
}

void remember_unfinished(const char *path)
{
    for (int i = 0; i < UNFINISHED_MAX; i++)
        if (!unfinished[i]) {
            unfinished[i] = xstrdup(path);
            return;
        }
    fail("%s: more than %d files are being written", path, UNFINISHED_MAX);
}

void forget_unfinished(const char *path)
{
    for (int i = 0; i < UNFINISHED_MAX; i++)
        if (unfinished[i] && !strcmp(unfinished[i], path)) {
            char *gone = unfinished[i];
            unfinished[i] = NULL;
            free(gone);
            return;
        }
}

static volatile pid_t child;

void remember_child(pid_t pid)
{
    child = pid;
}

static void end_by_signal(int number)
{
    if (child > 0) { /* as or ld, which would go on writing */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    remove_unfinished();
    signal(number, SIG_DFL);
    raise(number);
}

void clean_up_on_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_handler = end_by_signal, .sa_flags = (int)SA_RESETHAND}, old;
        sigaction(signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) /* nohup */
            sigaction(signals[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* then write fails with EFBIG, which is reported as all else */
}

static void *checked(void *memory)
{
    if (!memory)
        fail("out of memory");
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count ? count : 1, size));
}

char *xstrdup(const char *s)
{
    return checked(strdup(s));
}

char *xasprintf(const char *format, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&s, format, args);
    va_end(args);
    return checked(length < 0 ? NULL : s);
}
