/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a program and its arguments, gives a traced process with an environment that suits an
 * ELFie. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"
#include "permission.h"

static int error_pipe[2] = {-1, -1};
static bool without_aslr;

void launch_without_aslr(void)
{
    without_aslr = true;
}

static bool is_executable(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

char *launch_find(const char *program)
{
    if (strchr(program, '/')) {
        if (access(program, X_OK) != 0)
            fail("%s: cannot be executed: %s", program, strerror(errno));
        if (!is_executable(program))
            fail("%s: cannot be executed: not a file", program);
        return memory_format("%s", program);
    }
    const char *path = getenv("PATH");
    for (const char *part = path ? path : "/bin:/usr/bin"; part;) {
        const char *end = strchrnul(part, ':');
        char *candidate =
            memory_format("%.*s%s%s", (int)(end - part), part, end == part ? "./" : "/", program);
        if (is_executable(candidate))
            return candidate;
        free(candidate);
        part = *end ? end + 1 : NULL;
    }
    fail("%s: no such program in PATH", program);
}

/* Puts MORE behind what GLIBC_TUNABLES holds. */
static void add_tunable(const char *more)
{
    const char *tunables = getenv("GLIBC_TUNABLES");
    char *all =
        memory_format("%s%s%s", tunables ? tunables : "", tunables && *tunables ? ":" : "", more);
    setenv("GLIBC_TUNABLES", all, 1);
    free(all);
}

void launch_use_baseline(void)
{
    /* Names of glibc 2.26 and later; those that a version does not know it passes over. */
    add_tunable("glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,"
                "-AVX2_Usable,-AVX512F_Usable,-BMI2,-LZCNT,-MOVBE,-XSAVE,-XSAVEC,-SSSE3,-SSE4_1,"
                "-SSE4_2,-ERMS,-FSRM");
}

/* What the program gets in its environment beside the user's own. */
static void prepare_environment(void)
{
    /* All functions are bound and all libraries mapped when the program's entry is reached: the
     * region does not run into the dynamic linker. */
    setenv("LD_BIND_NOW", "1", 1);

    /* glibc registers an area for restartable sequences with the kernel. An ELFie could not do
     * that again: the registration belongs to the recorded thread, not to its memory. Without it,
     * glibc asks the kernel for the number of the CPU. */
    add_tunable("glibc.pthread.rseq=0");
}

static _Noreturn void execute(const char *file, char *const arguments[], int go)
{
    char byte;
    if (read(go, &byte, 1) == 1) { /* else the recorder is gone */
        prepare_environment();
        if (without_aslr) /* forbidden in some containers; then it is as the system has it */
            personality(ADDR_NO_RANDOMIZE | (unsigned)personality(UINT32_MAX));
        execv(file, arguments);
        int error = errno;
        if (write(error_pipe[1], &error, sizeof error) != sizeof error)
            _exit(126);
    }
    _exit(127);
}

pid_t launch(const char *file, char *const arguments[], long options)
{
    int go[2];
    permission_check_program(file);
    if (pipe2(go, O_CLOEXEC) != 0 || pipe2(error_pipe, O_CLOEXEC) != 0)
        fail("cannot create a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        fail("cannot create a process: %s", strerror(errno));
    if (pid == 0) {
        close(go[1]); /* so that the end of the recorder ends the read */
        execute(file, arguments, go[0]);
    }
    message_kill_on_signal(pid);
    close(error_pipe[1]);
    close(go[0]);
    if (ptrace(PTRACE_SEIZE, pid, 0, options) != 0) {
        int error = errno;
        kill(pid, SIGKILL);
        permission_refused(0, error);
    }
    if (write(go[1], "", 1) != 1)
        fail("cannot start the program: %s", strerror(errno));
    close(go[1]);
    return pid;
}

_Noreturn void launch_failed(const char *file)
{
    int error;
    if (read(error_pipe[0], &error, sizeof error) != sizeof error)
        fail("%s: ended before it could be executed", file);
    fail("%s: cannot be executed: %s%s", file, strerror(error),
         error == ENOEXEC ? " (a script needs a first line that begins with #!)" : "");
}
