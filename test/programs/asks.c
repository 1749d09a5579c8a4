/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks the system, in the region, for all that is different the next time: the clock, process ids,
 * random bytes, the time stamp counter, files that go away, what comes through pipes and sockets;
 * and maps, moves and unmaps memory, whose content it prints the sum of. Takes a file's name. */
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { PAGE = 4096 };

/* Of some of the bytes: a recorder steps over each instruction. */
static unsigned long sum(const unsigned char *bytes, size_t size)
{
    unsigned long s = 0;
    for (size_t i = 0; i < size; i += 61)
        s = s * 31 + bytes[i];
    return s;
}

static void clocks(void)
{
    struct timespec t;
    printf("time %ld\n", time(NULL));
    clock_gettime(CLOCK_REALTIME, &t);
    printf("realtime %ld.%09ld\n", t.tv_sec, t.tv_nsec);
    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("monotonic %ld.%09ld\n", t.tv_sec, t.tv_nsec);
    unsigned core;
    unsigned long first = __rdtsc(), second = __rdtscp(&core);
    printf("tsc %lu %lu %u\n", first, second, core);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

static void process(void)
{
    struct utsname name;
    char directory[PAGE];
    unsigned char random[100];
    printf("pid %d parent %d user %d\n", getpid(), getppid(), getuid());
    uname(&name);
    printf("host %s %s\n", name.nodename, name.release);
    printf("in %s\n", getcwd(directory, sizeof directory));
    printf("random %zd %lx\n", getrandom(random, sizeof random, 0), sum(random, sizeof random));
}

static void files(const char *name)
{
    struct stat st;
    char buffer[1000];
    printf("stat %d\n", stat(name, &st));
    printf("size %ld inode %lu time %ld\n", (long)st.st_size, (unsigned long)st.st_ino,
           (long)st.st_mtim.tv_nsec);
    int fd = open(name, O_RDWR);
    printf("open %d\n", fd);
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0;)
        printf("read %zd %lx\n", got, sum((unsigned char *)buffer, (size_t)got));
    unsigned char *map = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("mapped %lx\n", sum(map, (size_t)st.st_size));
    munmap(map, 3 * PAGE);
    printf("written %zd\n", write(fd, "more", 4));
    close(fd);
    printf("gone %d\n", unlink(name));
    printf("stat %d %d\n", stat(name, &st), errno);
    printf("none %d %d\n", open("/no/such/file", O_RDONLY), errno);
}

static void channels(void)
{
    int ends[2], sockets[2];
    char one[300], two[300];
    if (pipe(ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        char text[64];
        int length = snprintf(text, sizeof text, "%d says %ld", getpid(), (long)time(NULL));
        if (write(ends[1], text, (size_t)length) < 0 || write(sockets[1], text, (size_t)length) < 0)
            _exit(2);
        _exit(7);
    }
    int status;
    printf("child %d\n", waitpid(child, &status, 0) == child);
    printf("status %d\n", WEXITSTATUS(status));
    ssize_t got = read(ends[0], one, sizeof one);
    printf("pipe %zd %.*s\n", got, (int)got, one);
    struct iovec parts[2] = {{one, 5}, {two, sizeof two}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    got = recvmsg(sockets[0], &message, 0);
    printf("socket %zd %.5s|%.*s\n", got, one, (int)got - 5, two);
}

static void memory(void)
{
    unsigned char *a =
        mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(a, 1, 4 * PAGE);
    unsigned char *b = mremap(a, 4 * PAGE, 40 * PAGE, MREMAP_MAYMOVE);
    printf("grown %d %lx\n", a == b, sum(b, 40 * PAGE));
    madvise(b, 2 * PAGE, MADV_DONTNEED);
    printf("emptied %lx\n", sum(b, 4 * PAGE));
    mmap(b + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mprotect(b, PAGE, PROT_READ);
    printf("again %lx\n", sum(b, 4 * PAGE));
    munmap(b, 40 * PAGE);
    b = mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("fresh %lx\n", sum(b, 40 * PAGE));
    unsigned char *top = sbrk(0);
    printf("break %lx\n", (unsigned long)sbrk(10 * PAGE));
    memset(top, 3, 10 * PAGE);
    printf("lower %lx\n", (unsigned long)sbrk(-6 * PAGE));
    printf("higher %lx\n", (unsigned long)sbrk(6 * PAGE));
    printf("there %lx\n", sum(top, 10 * PAGE));
    printf("allocated %d\n", malloc(1 << 20) != NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 1;
    printf("before\n");
    fflush(stdout);
    region_start();
    process();
    clocks();
    files(argv[1]);
    channels();
    memory();
    struct iovec parts[2] = {{"to ", 3}, {"both\n", 5}};
    fflush(stdout);
    if (writev(1, parts, 2) != 8 || write(2, "error\n", 6) != 6)
        return 2;
    return 42;
}
