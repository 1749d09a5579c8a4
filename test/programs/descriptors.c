/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens one of each kind of descriptor before the region, at the numbers that the test expects, and
 * files in it. The working directory holds "data" and "more".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "region.h"

static void at(int number, int descriptor, int flags)
{
    if (descriptor < 0 || dup3(descriptor, number, flags) < 0) {
        perror("descriptors");
        exit(1);
    }
    close(descriptor);
}

int main(void)
{
    char text[64];
    int ends[2], moved;
    at(10, open("data", O_RDONLY), O_CLOEXEC);
    at(11, open("more", O_RDWR | O_APPEND), 0);
    at(12, dup(10), 0);
    at(13, open("data", O_RDONLY), 0);
    at(14, open(".", O_RDONLY | O_DIRECTORY), 0);
    if (pipe(ends) != 0 || write(ends[1], "waits", 5) != 5)
        return 1;
    at(15, ends[0], 0);
    at(16, ends[1], 0);
    at(17, socket(AF_INET, SOCK_STREAM, 0), 0);
    at(18, open("/dev/null", O_RDWR), 0);
    at(19, epoll_create1(0), 0);
    at(20, open("/proc/self/maps", O_RDONLY), 0);
    moved = open("gone", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (write(moved, "nameless", 8) != 8 || unlink("gone") != 0)
        return 1;
    at(21, moved, 0);
    at(22, open("a\nb", O_RDWR | O_CREAT, 0600), 0);
    moved = open("holes", O_RDWR | O_CREAT, 0600);
    if (ftruncate(moved, 1L << 36) != 0 || pwrite(moved, "end", 3, (1L << 36) - 3) != 3)
        return 1;
    at(23, moved, 0);
    if (read(10, text, 5) != 5 || lseek(13, 9, SEEK_SET) != 9)
        return 1;
    region_start();
    ssize_t length = read(10, text, sizeof text);
    printf("the rest: %.*s", (int)(length > 0 ? length : 0), text);
    return 0;
}
