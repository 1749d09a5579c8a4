/* SPDX-License-Identifier: BSD-3-Clause */
/* step-count 0xADDRESS N PROGRAM [ARGUMENT...]: runs PROGRAM to ADDRESS, from there N instructions
 * or to its end by PTRACE_SINGLESTEP, and prints how many it were, the address of the last one and
 * the registers behind it. Knows nothing of the recorder. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t pid;

static int go(int request)
{
    int status;
    if (ptrace(request, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid)
        exit(1);
    return WIFSTOPPED(status);
}

/* A string instruction with a REP prefix stops after each element. */
static int is_repeated(uint64_t rip)
{
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, rip, 0);
    return (code & 0xff) == 0xf2 || (code & 0xff) == 0xf3;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    uint64_t address = strtoull(argv[1], NULL, 16), wanted = strtoull(argv[2], NULL, 10);
    pid = fork();
    if (pid == 0) {
        personality(ADDR_NO_RANDOMIZE);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(argv[3], argv + 3);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    struct user_regs_struct registers;
    uint64_t word = (uint64_t)ptrace(PTRACE_PEEKTEXT, pid, address, 0);
    ptrace(PTRACE_POKETEXT, pid, address, (word & ~UINT64_C(0xff)) | 0xcc);
    if (!go(PTRACE_CONT))
        return 1;
    ptrace(PTRACE_POKETEXT, pid, address, word);
    ptrace(PTRACE_GETREGS, pid, 0, &registers);
    registers.rip = address;
    ptrace(PTRACE_SETREGS, pid, 0, &registers);

    uint64_t count = 0, last = address;
    while (count < wanted) {
        uint64_t before = registers.rip;
        last = before;
        if (!go(PTRACE_SINGLESTEP)) {
            count++; /* exit_group */
            break;
        }
        ptrace(PTRACE_GETREGS, pid, 0, &registers);
        if (registers.rip != before || !is_repeated(before))
            count++;
    }
    printf("%lu 0x%09lx rax 0x%llx rbx 0x%llx rdx 0x%llx rsi 0x%llx\n", count, last, registers.rax,
           registers.rbx, registers.rdx, registers.rsi);
    kill(pid, SIGKILL);
    return 0;
}
