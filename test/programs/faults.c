/* SPDX-License-Identifier: BSD-3-Clause */
/* Leaves the path in the way that the argument names, after region_start. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

/* A page of its own, which a test takes out of the pinball. */
__attribute__((aligned(4096))) volatile char lost_page[4096] = {1};

static volatile int zero;

__attribute__((noinline)) static void leave_path(const char *how)
{
    if (!strcmp(how, "write"))
        lost_page[8] = 1;
    if (!strcmp(how, "read"))
        printf("%d\n", lost_page[16]);
    if (!strcmp(how, "null"))
        *(volatile int *)(long)zero = 1;
    if (!strcmp(how, "wild"))
        *(volatile int *)(0x1111222233334444 + zero) = 1;
    if (!strcmp(how, "ud2"))
        __asm__ volatile("ud2");
    if (!strcmp(how, "divide"))
        __asm__ volatile("xor %%edx, %%edx; idivl %0" : : "m"(zero), "a"(1) : "edx");
    if (!strcmp(how, "protected"))
        mprotect((void *)lost_page, 4096, PROT_READ), lost_page[8] = 1;
    if (!strcmp(how, "raise"))
        raise(SIGSEGV);
    if (!strcmp(how, "abort"))
        abort();
}

/* System calls of all kinds that matter to somebody who counts them: signals blocked, a child, a
 * failing one. */
static void make_calls(void)
{
    sigset_t all, old;
    sigfillset(&all);
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_BLOCK, &all, &old);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    for (int i = 0; i < 7; i++)
        syscall(SYS_getppid);
    close(-1);
    pid_t child = fork();
    if (child == 0)
        _Exit(0);
    waitpid(child, NULL, 0);
}

static volatile int arrived;

/* Two threads that fault at the same moment, as nearly as can be. */
static void *fault_together(void *unused)
{
    for (int i = 0; i < 5; i++)
        syscall(SYS_getppid);
    __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
    while (arrived < 2)
        ;
    *(volatile int *)(long)zero = 1;
    return unused;
}

static volatile int waiting, released;

static void *wait_then_fault(void *unused)
{
    waiting = 1;
    while (!released)
        ;
    return fault_together(unused);
}

static void own_handler(int number)
{
    (void)number;
    static const char text[] = "own handler\n";
    fwrite(text, 1, sizeof text - 1, stdout);
    fflush(stdout);
    _Exit(9);
}

int main(int argc, char **argv)
{
    char how[32] = "";
    if (argc > 1)
        strncpy(how, argv[1], sizeof how - 1);
    pthread_t other;
    int both = !strcmp(how, "both");
    if (both && pthread_create(&other, NULL, wait_then_fault, NULL) != 0)
        return 1;
    while (both && !waiting)
        ;
    region_start();
    released = 1;
    if (both)
        fault_together(NULL);
    if (!strcmp(how, "altstack")) {
        static char memory[65536];
        sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof memory}, NULL);
        strcpy(how, "null");
    }
    if (!strcmp(how, "handled")) {
        signal(SIGSEGV, own_handler);
        strcpy(how, "null");
    }
    if (!strcmp(how, "calls")) {
        make_calls();
        strcpy(how, "null");
    }
    leave_path(how);
    printf("went on\n");
    return 3;
}
