/* SPDX-License-Identifier: BSD-3-Clause */
/* What makes ends hard to find: escapes block, all signals are blocked around 3000 arrivals at
 * mark_here; escapes jump, a signal handler is left by siglongjmp; escapes fork, a process is
 * created by the first instructions of the region. */
#include "region.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile unsigned long counters[1];
static sigjmp_buf behind;

__attribute__((noinline, noclone)) static void count(unsigned long times)
{
    __asm__ volatile("1: incq %0\n"
                     ".globl mark_here\n"
                     "mark_here: nop\n"
                     "dec %1\n"
                     "jnz 1b\n"
                     : "+m"(counters[0]), "+r"(times)
                     :
                     : "cc");
}

static void leave(int number)
{
    (void)number;
    siglongjmp(behind, 1);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    sigset_t all;
    sigfillset(&all);
    signal(SIGUSR1, leave);
    region_start();
    if (strcmp(how, "block") == 0) {
        sigprocmask(SIG_BLOCK, &all, NULL);
        count(3000);
        sigprocmask(SIG_UNBLOCK, &all, NULL);
    } else if (strcmp(how, "jump") == 0) {
        signal(SIGUSR1, leave);
        if (!sigsetjmp(behind, 1))
            raise(SIGUSR1);
        count(100000);
    } else if (fork() == 0) {
        _exit(0);
    } else {
        wait(NULL);
    }
    return 3;
}
