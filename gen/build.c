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

static void link_elfie(const struct build *b)
{
    const char *flags[8];
    const char *argv[24] = {tool("LD", "ld")};
    int n = 1;
    for (int i = 0, count = ldflags(flags); i < count; i++)
        argv[n++] = flags[i];
    char *temporary = temporary_name(b->elfie);
    argv[n++] = "-T";
    argv[n++] = b->script;
    argv[n++] = "-o";
    argv[n++] = temporary;
    argv[n++] = xasprintf("%s/start.o", b->directory);
    argv[n++] = xasprintf("%s/config.o", b->directory);
    argv[n++] = xasprintf("%s/symbols.o", b->directory);
    argv[n++] = xasprintf("%s/replay.o", b->directory);
    argv[n++] = xasprintf("%s/pages.o", b->directory);
    /* The replay kind has nothing around the region but the replay, which is in the library. */
    argv[n++] =
        xasprintf("%s/%s.o", b->datadir, strcmp(b->kind, "replay") != 0 ? b->kind : "basic");
    argv[n++] = xasprintf("%s/libelfie.a", b->datadir);
    argv[n] = NULL;
    remember_unfinished(temporary);
    run_or_fail(argv, NULL, b->elfie, b->verbose);
    commit(temporary, b->elfie, argv[0]);
}

void build_elfie(const struct build *b)
{
    assemble(b, "start");
    assemble(b, "config");
    assemble(b, "symbols");
    assemble(b, "replay");
    assemble(b, "pages");
    link_elfie(b);
}
