/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the system calls that write to memory in different ways, and computes with what they wrote
 * only where that is the same in each run. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "region.h"

extern char **environ;
static unsigned long sum;
static char buffer[4096];

static void add(const void *bytes, long size)
{
    const unsigned char *at = bytes;
    while (size-- > 0)
        sum = sum * 31 + *at++;
}

static void check(long result)
{
    if (result < 0) {
        perror("calls");
        exit(1);
    }
}

static void files(void)
{
    struct iovec vectors[2] = {{buffer, 100}, {buffer + 200, 300}};
    struct stat status;
    int fd = open("/proc/self/exe", O_RDONLY);
    check(fd);
    check(read(fd, buffer, 1000));
    add(buffer, 1000);
    check(pread(fd, buffer, 99, 7));
    check(readv(fd, vectors, 2));
    add(buffer, 600);
    check(fstat(fd, &status));
    check(stat("/", &status));
    DIR *directory = opendir("/");
    while (readdir(directory))
        sum++;
    closedir(directory);
    check(getcwd(buffer, sizeof buffer) ? 0 : -1);
    check(readlink("/proc/self/exe", buffer, 100));
    struct statfs fs;
    check(statfs("/", &fs));
    char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    add(map, 8192);
    munmap(map, 8192);
    close(fd);
}

/* Memory that goes and comes back: it has to be zero again. */
static void mappings(void)
{
    const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    char *map = mmap(NULL, 8192, rw, anonymous, -1, 0);
    add(map, 8192);
    memset(map, 5, 5000);
    check(madvise(map, 8192, MADV_DONTNEED));
    add(map, 8192);
    memset(map, 6, 8192);
    map = mremap(map, 8192, 65536, MREMAP_MAYMOVE);
    add(map, 65536);
    map = mmap(map, 8192, rw, anonymous | MAP_FIXED, -1, 0);
    add(map, 8192);
    munmap(map, 65536);
    char *heap = sbrk(10000);
    memset(heap, 7, 10000);
    sbrk(-10000);
    heap = sbrk(10000);
    add(heap + 4096, 4096);
}

static void sockets(void)
{
    int ends[2], number;
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    check(write(ends[0], "hello", 5));
    struct pollfd poll_one = {ends[1], POLLIN, 0};
    check(poll(&poll_one, 1, 0));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[1], &set);
    struct timeval zero = {0, 0};
    check(select(ends[1] + 1, &set, NULL, NULL, &zero));
    struct iovec vectors[2] = {{buffer, 2}, {buffer + 50, 300}};
    struct msghdr header = {.msg_iov = vectors, .msg_iovlen = 2};
    check(recvmsg(ends[1], &header, 0));
    add(buffer, 60);
    check(ioctl(ends[1], FIONREAD, &number));
    socklen_t length = sizeof number;
    check(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &number, &length));
    struct sockaddr address;
    length = sizeof address;
    check(getsockname(ends[0], &address, &length));
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLOUT};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
    check(epoll_wait(epoll, &event, 1, 0));
    sum += event.events + (unsigned)number;
}

static void system_state(void)
{
    struct rlimit limit;
    struct rusage usage;
    struct utsname name;
    struct sysinfo info;
    struct tms times_used;
    struct timeval now;
    struct timespec nap = {0, 1000};
    sigset_t signals;
    struct sigaction action;
    struct itimerval timer;
    cpu_set_t processors;
    stack_t stack;
    int ends[2];
    check(getrlimit(RLIMIT_NOFILE, &limit));
    check(getrusage(RUSAGE_SELF, &usage));
    check(uname(&name));
    check(sysinfo(&info));
    times(&times_used);
    check(gettimeofday(&now, NULL));
    check(sigprocmask(SIG_BLOCK, NULL, &signals));
    check(sigaction(SIGINT, NULL, &action));
    check(getitimer(ITIMER_REAL, &timer));
    check(sched_getaffinity(0, sizeof processors, &processors));
    printf("processors: %s\n",
           CPU_COUNT(&processors) == sysconf(_SC_NPROCESSORS_ONLN) ? "all" : "?");
    check(sigaltstack(NULL, &stack));
    check(nanosleep(&nap, NULL));
    check(pipe(ends));
}

static void children(void)
{
    int status;
    pid_t pid;
    char *arguments[] = {(char *)"true", NULL};
    check(-posix_spawnp(&pid, "true", NULL, NULL, arguments, environ));
    check(waitpid(pid, &status, 0));
    if (fork() == 0)
        _exit(3);
    check(wait(&status));
    printf("child: %d\n", WEXITSTATUS(status));
}

int main(void)
{
    region_start();
    files();
    mappings();
    sockets();
    system_state();
    children();
    printf("done, %s\n", sum ? "with a sum" : "with nothing");
    return 6;
}
