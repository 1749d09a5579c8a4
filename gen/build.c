/* SPDX-License-Identifier: BSD-3-Clause */
/* See build.h. as and ld come from $AS and $LD, or from PATH. */
#include "build.h"
#include "error.h"
#include "output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *tool(const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);
    return value && *value ? value : otherwise;
}

/* Runs ARGV in DIRECTORY and waits; the exit status, or 127 when it cannot be started. */
static int run(const char *const *argv, const char *directory, bool quiet, bool verbose)
{
    if (verbose) {
        if (directory)
            fprintf(stderr, "cd %s && ", directory);
        for (int i = 0; argv[i]; i++)
            fprintf(stderr, "%s%c", argv[i], argv[i + 1] ? ' ' : '\n');
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        fail("cannot start %s: %s", argv[0], strerror(errno));
    if (pid == 0) {
        for (int s = 1; s < NSIG; s++)
            if (s != SIGHUP) /* nohup is for the child as well */
                signal(s, SIG_DFL);
        if (directory && chdir(directory))
            _exit(126);
        if (quiet && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
            _exit(126);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    remember_child(pid);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail("%s: %s", argv[0], strerror(errno));
    remember_child(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_or_fail(const char *const *argv, const char *directory, const char *result,
                        bool verbose)
{
    int status = run(argv, directory, false, verbose);
    if (status == 127)
        fail("%s: not found or cannot be run; install GNU binutils", argv[0]);
    if (status)
        fail_at(result, 0, "not made: %s ended with status %d", argv[0], status);
}

/* The image is writable and executable by design; ld 2.39 and later warn of that, older ones do
 * not know the option. */
static bool ld_knows(const char *option)
{
    const char *argv[] = {tool("LD", "ld"), option, "--version", NULL};
    return run(argv, NULL, true, false) == 0;
}

/* Fills FLAGS, ended by NULL, and returns how many there are. */
static int ldflags(const char *flags[8])
{
    int n = 0;
    flags[n++] = "-static";
    flags[n++] = "-nostdlib";
    flags[n++] = "--build-id=none";
    flags[n++] = "-zmax-page-size=4096";
    flags[n++] = "-znoexecstack";
    if (ld_knows("--no-warn-rwx-segments"))
        flags[n++] = "--no-warn-rwx-segments";
    flags[n] = NULL;
    return n;
}

void build_print_ldflags(void)
{
    const char *flags[8];
    int n = ldflags(flags);
    for (int i = 0; i < n; i++)
        printf("%s%c", flags[i], i + 1 < n ? ' ' : '\n');
    if (fflush(stdout))
        fail("standard output: %s", strerror(errno));
}

/* Gives what TOOL made its real name. */
static void commit(char *temporary, const char *path, const char *tool_name)
{
    if (access(temporary, F_OK))
        fail_at(path, 0, "not made: %s ended well, and has written nothing", tool_name);
    if (rename(temporary, path))
        fail_at(path, 0, "cannot be written: %s", strerror(errno));
    forget_unfinished(temporary);
    free(temporary);
}

static void assemble(const struct build *b, const char *part)
{
    char *source = xasprintf("%s.S", part);
    char *object = xasprintf("%s.o", part);
    char *object_path = xasprintf("%s/%s", b->directory, object);
    char *temporary = temporary_name(object_path);
    const char *argv[] = {tool("AS", "as"), "--64", "-o", strrchr(temporary, '/') + 1,
                          source,           NULL};
    remember_unfinished(temporary);
    run_or_fail(argv, b->directory, object_path, b->verbose);
    commit(temporary, object_path, argv[0]);
    free(object_path);
    free(object);
    free(source);
}

/* A command line that grows. */
struct arguments {
    const char **list; /* ended by NULL */
    size_t count;
};

static void add(struct arguments *a, const char *argument)
{
    a->list = xreallocarray(a->list, a->count + 2, sizeof *a->list);
    a->list[a->count++] = argument;
    a->list[a->count] = NULL;
}

/* The user's functions stand before the kind's, which are weak. */
static void add_parts(struct arguments *a, const struct build *b)
{
    static const char *const parts[] = {"start",    "config", "symbols",
                                        "sysstate", "replay", "pages"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (b->startup || strcmp(parts[i], "config") != 0)
            add(a, xasprintf("%s/%s.o", b->directory, parts[i]));
    for (size_t i = 0; i < b->num_link; i++)
        add(a, b->link[i]);
    if (b->startup) {
        /* The replay kind has nothing around the region but the replay, which is in the library. */
        add(a,
            xasprintf("%s/%s.o", b->datadir, strcmp(b->kind, "replay") != 0 ? b->kind : "basic"));
        add(a, xasprintf("%s/libelfie.a", b->datadir));
    }
}

static void link_to(const struct build *b, struct arguments *a, const char *result)
{
    char *temporary = temporary_name(result);
    add(a, "-o");
    add(a, temporary);
    add_parts(a, b);
    remember_unfinished(temporary);
    run_or_fail(a->list, NULL, result, b->verbose);
    commit(temporary, result, a->list[0]);
    free(a->list);
}

static void link_elfie(const struct build *b)
{
    struct arguments a = {0};
    const char *flags[8];
    add(&a, tool("LD", "ld"));
    for (int i = 0, count = ldflags(flags); i < count; i++)
        add(&a, flags[i]);
    add(&a, "-T");
    add(&a, b->script);
    link_to(b, &a, b->elfie);
}

/* -u: the library's first member, which nobody else asks for. */
static void link_object(const struct build *b)
{
    struct arguments a = {0};
    add(&a, tool("LD", "ld"));
    add(&a, "-r");
    if (b->startup)
        add(&a, "-u_start");
    link_to(b, &a, b->object);
}

void build_elfie(const struct build *b)
{
    assemble(b, "start");
    assemble(b, "config");
    assemble(b, "symbols");
    assemble(b, "sysstate");
    assemble(b, "replay");
    assemble(b, "pages");
    if (b->object)
        link_object(b);
    if (b->elfie)
        link_elfie(b);
}
