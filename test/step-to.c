/* SPDX-License-Identifier: BSD-3-Clause */
/* Usage: step-to ENTRY ELFIE N... (rising)
 * Runs an ELFie under ptrace to address ENTRY, where its region starts, by a hardware breakpoint,
 * and steps on. Prints a line for each N: the registers of the thread behind its N-th instruction.
 * A string instruction with a REP prefix counts once. Output of the program goes to /dev/null. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "step-to: %s: %s\n", what, strerror(errno));
    exit(125);
}

static pid_t start(char *elfie)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    close(null);
    personality(ADDR_NO_RANDOMIZE);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execl(elfie, elfie, NULL);
    _exit(125);
}

/* Waits for the next stop; other signals than SIGTRAP go to the program. */
static void resume(pid_t pid, int how)
{
    int status, signal = 0;
    do {
        if (ptrace((enum __ptrace_request)how, pid, NULL, (void *)(intptr_t)signal))
            die("ptrace");
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
            fprintf(stderr, "step-to: the program has ended\n");
            exit(1);
        }
        signal = WSTOPSIG(status);
    } while (signal != SIGTRAP);
}

static void set_debug_register(pid_t pid, int number, uint64_t value)
{
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg) + 8 * (size_t)number, value))
        die("debug registers");
}

static int is_repeated_string(pid_t pid, uint64_t rip)
{
    errno = 0;
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, rip, NULL);
    uint8_t first = code & 0xff;
    return !errno && (first == 0xf2 || first == 0xf3);
}

static uint64_t step(pid_t pid, uint64_t rip)
{
    struct user_regs_struct r;
    int repeated = is_repeated_string(pid, rip);
    do {
        resume(pid, PTRACE_SINGLESTEP);
        ptrace(PTRACE_GETREGS, pid, NULL, &r);
    } while (repeated && r.rip == rip);
    return r.rip;
}

static void print(pid_t pid, uint64_t n)
{
    struct user_regs_struct r;
    ptrace(PTRACE_GETREGS, pid, NULL, &r);
    printf("%" PRIu64 ": rip %llx rsp %llx rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx "
           "rbp %llx r8 %llx r12 %llx r15 %llx\n",
           n, r.rip, r.rsp, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r12, r.r15);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint64_t entry = strtoull(argv[1], NULL, 0), done = 0;
    pid_t pid = start(argv[2]);
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        die(argv[2]);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL);
    set_debug_register(pid, 0, entry);
    set_debug_register(pid, 7, 1);
    resume(pid, PTRACE_CONT);
    set_debug_register(pid, 7, 0);
    for (int i = 3; i < argc; i++) {
        uint64_t n = strtoull(argv[i], NULL, 10), rip = entry;
        struct user_regs_struct r;
        ptrace(PTRACE_GETREGS, pid, NULL, &r);
        for (rip = r.rip; done < n; done++)
            rip = step(pid, rip);
        print(pid, n);
    }
    return 0;
}
