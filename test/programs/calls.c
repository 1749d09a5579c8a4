/* SPDX-License-Identifier: BSD-3-Clause */
/* Ten kinds of system calls, as many rounds of them as the argument says, and nothing else: what a
 * replayed call costs. */
#define _GNU_SOURCE
#include "region.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1000;
    int fd = open("/dev/zero", O_RDWR);
    char buffer[16];
    struct stat st;
    struct timespec t;
    region_start();
    for (int i = 0; i < rounds; i++) {
        syscall(SYS_getpid);
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
        getppid();
        getuid();
        umask(022);
        fstat(fd, &st);
        lseek(fd, 0, SEEK_SET);
        fcntl(fd, F_GETFD);
        if (read(fd, buffer, sizeof buffer) != sizeof buffer)
            return 1;
        access("/", F_OK);
    }
    return 0;
}
