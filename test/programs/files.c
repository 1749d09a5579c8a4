/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that are open when the region starts, each half-way, and files that it opens itself.
 * Usage: files [ABSOLUTE]: in the working directory it needs first.txt, second.txt, both.txt and
 * log.txt; ABSOLUTE is read, too. Descriptors, in this order from 3 on: first.txt, its duplicate,
 * both.txt for reading and writing, log.txt for appending, the working directory, /dev/zero, the
 * reading and the writing end of a pipe; and 40, first.txt on its own and close-on-exec, and 41,
 * both.txt on its own.
 * Prints, in the region, what it finds. Exits with 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

enum { FIRST = 3, AGAIN, BOTH, LOG, DIRECTORY, ZERO, PIPE_OUT, PIPE_IN, OWN = 40, OTHER };

static void need(const char *what, int good)
{
    if (good)
        return;
    fprintf(stderr, "files: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void skip(int fd, size_t bytes)
{
    char buffer[4096];
    need("read", read(fd, buffer, bytes) == (ssize_t)bytes);
}

static void open_all(void)
{
    int ends[2];
    for (int fd = FIRST; fd < 100; fd++)
        close(fd); /* of the caller's */
    need("first.txt", open("first.txt", O_RDONLY) == FIRST);
    need("dup", dup(FIRST) == AGAIN);
    need("both.txt", open("both.txt", O_RDWR) == BOTH);
    need("log.txt", open("log.txt", O_WRONLY | O_APPEND) == LOG);
    need(".", open(".", O_RDONLY | O_DIRECTORY) == DIRECTORY);
    need("/dev/zero", open("/dev/zero", O_RDONLY) == ZERO);
    need("pipe", !pipe(ends) && ends[0] == PIPE_OUT);
    int own = open("first.txt", O_RDONLY);
    need("own", fcntl(own, F_DUPFD_CLOEXEC, OWN) == OWN && !close(own));
    int other = open("both.txt", O_RDONLY);
    need("other", dup2(other, OTHER) == OTHER && !close(other));
    skip(OTHER, 5);
    skip(FIRST, 1000);
    skip(BOTH, 10);
    need("write", write(LOG, "before\n", 7) == 7);
    skip(OWN, 77);
}

static void show(const char *name, int fd, size_t bytes)
{
    char buffer[100];
    ssize_t got = read(fd, buffer, bytes);
    printf("%s: ", name);
    if (got < 0)
        printf("errno %d", errno);
    else
        fwrite(buffer, 1, (size_t)got, stdout);
    printf(", at %ld, flags 0x%x 0x%x\n", (long)lseek(fd, 0, SEEK_CUR),
           (unsigned)fcntl(fd, F_GETFL), (unsigned)fcntl(fd, F_GETFD));
}

static void show_path(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: errno %d\n", path, errno);
        return;
    }
    show(path, fd, 50);
    close(fd);
}

static void show_writing(void)
{
    struct stat st;
    printf("both: %zd", write(BOTH, "changed", 7));
    lseek(BOTH, 0, SEEK_SET);
    show("", BOTH, 40);
    show("other", OTHER, 20);
    lseek(LOG, 3, SEEK_SET);
    printf("log: %zd", write(LOG, "after\n", 6));
    need("fstat", !fstat(LOG, &st));
    printf(" to %ld of %ld\n", (long)lseek(LOG, 0, SEEK_CUR), (long)st.st_size);
    show("log", LOG, 10);
}

static void *show_in_thread(void *path)
{
    show_path(path);
    return NULL;
}

/* A process and a thread that start in the region. */
static void show_from_others(char *path, pid_t pid)
{
    pthread_t thread;
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        printf("child: %d, parent: %s\n", access(path, F_OK),
               getpid() != pid && getppid() == pid ? "as recorded" : "another");
        fflush(stdout);
        _exit(0);
    }
    need("fork", waitpid(child, NULL, 0) == child);
    need("thread", !pthread_create(&thread, NULL, show_in_thread, path));
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    char zeroes[4] = "abc";
    struct stat st;
    open_all();
    pid_t pid = getpid();
    printf("opened\n");
    region_start();
    void *mapped = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("first", FIRST, 60);
    show("again", AGAIN, 60);
    show("own", OWN, 60);
    show_writing();
    printf("directory: %d, zero: %zd %d\n", fstatat(DIRECTORY, "second.txt", &st, 0),
           read(ZERO, zeroes, 4), zeroes[0] + zeroes[1] + zeroes[2]);
    show_path("second.txt");
    if (argc > 1) {
        show_path(argv[1]);
        printf("%s: stat %d of %ld\n", argv[1], stat(argv[1], &st), (long)st.st_size);
    }
    printf("pid: %s\n", getpid() == pid ? "as recorded" : "another");
    if (argc > 1)
        show_from_others(argv[1], pid);
    printf("kill: %d, open of a bad address: %d\n", kill(getpid(), 0), open((char *)8, O_RDONLY));
    fflush(stdout);
    errno = 0;
    ssize_t written = write(PIPE_IN, "x", 1);
    fprintf(stderr, "mapped %p\npipe: %zd %d\n", mapped, written, errno);
    fprintf(stderr, "next: %d\n", open("second.txt", O_RDONLY));
    return 9;
}
