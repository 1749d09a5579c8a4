/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes /proc/PID/fd and fdinfo, gives a list with what a pinball and its reader want to know. */
#include "descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/sysstate.h"
#include "memory.h"
#include "message.h"
#include "process.h"
#include "sockets.h"

/* Position and flags; false if the descriptor is gone. */
static bool read_info(pid_t pid, struct descriptor *descriptor)
{
    char path[64], line[256];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, descriptor->number);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        long long offset;
        if (sscanf(line, "pos: %lld", &offset) == 1)
            descriptor->offset = offset > 0 ? (uint64_t)offset : 0;
        found |= sscanf(line, "flags: %o", &descriptor->flags) == 1;
    }
    fclose(file);
    return found;
}

/* How many bytes wait in a pipe; -1 if that is not to be known. */
static int count_waiting(pid_t pid, const struct descriptor *descriptor)
{
    char path[64];
    int count = -1;
    if ((descriptor->flags & O_ACCMODE) != O_RDONLY)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, descriptor->number);
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return -1;
    if (ioctl(file, FIONREAD, &count) != 0)
        count = -1;
    close(file);
    return count;
}

static char *explain(pid_t pid, const struct descriptor *descriptor)
{
    const char *kind = descriptor->kind;
    if (strcmp(kind, "pipe") == 0) {
        int waiting = count_waiting(pid, descriptor);
        return waiting > 0
                   ? memory_format("a pipe with %d bytes in it, which are not recorded", waiting)
                   : memory_format("a pipe: its other end is not recorded");
    }
    if (strcmp(kind, "socket") == 0)
        return sockets_explain(pid, descriptor->status.st_ino);
    if (strcmp(kind, "tty") == 0)
        return memory_format("a terminal: the ELFie's own is another");
    if (strcmp(kind, "other") == 0)
        return memory_format("%s: the state of it is in the kernel",
                             S_ISBLK(descriptor->status.st_mode) ? "a block device"
                                                                 : "no file (epoll, event, timer)");
    return NULL;
}

/* kcmp(2); where the kernel does not have it, no two are taken for the same. */
static int find_original(pid_t pid, const struct descriptors *before,
                         const struct descriptor *descriptor)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct descriptor *other = &before->list[i];
        if (other->original < 0 && other->status.st_ino == descriptor->status.st_ino &&
            other->status.st_dev == descriptor->status.st_dev &&
            syscall(SYS_kcmp, pid, pid, KCMP_FILE, other->number, descriptor->number) == 0)
            return other->number;
    }
    return -1;
}

/* What the process has opened of itself in /proc has its old number in the name. */
static char *name_itself(pid_t pid, char *path)
{
    char own[32];
    int length = snprintf(own, sizeof own, "/proc/%d/", pid);
    if (strncmp(path, own, (size_t)length) != 0)
        return path;
    char *name = memory_format("/proc/self/%s", path + length);
    free(path);
    return name;
}

static bool read_descriptor(pid_t pid, int number, const struct descriptors *before,
                            struct descriptor *descriptor)
{
    char name[32], path[64];
    *descriptor = (struct descriptor){.number = number};
    snprintf(name, sizeof name, "fd/%d", number);
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    if (!read_info(pid, descriptor) || stat(path, &descriptor->status) != 0)
        return false;
    descriptor->path = process_link(pid, name);
    if (!descriptor->path)
        return false;
    descriptor->path = name_itself(pid, descriptor->path);
    descriptor->kind = sysstate_kind(descriptor->status.st_mode, descriptor->status.st_rdev);
    descriptor->explanation = explain(pid, descriptor);
    descriptor->original = find_original(pid, before, descriptor);
    return true;
}

static int by_number(const void *left, const void *right)
{
    const int *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static int *list_numbers(pid_t pid, size_t *count)
{
    char path[64];
    int *numbers = NULL;
    *count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    if (!directory)
        fail("%s: cannot be read: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if ((*count & (*count - 1)) == 0)
            numbers = memory_resize(numbers, *count ? 2 * *count : 1, sizeof *numbers);
        numbers[(*count)++] = atoi(entry->d_name);
    }
    closedir(directory);
    if (*count)
        qsort(numbers, *count, sizeof *numbers, by_number);
    return numbers;
}

struct descriptors descriptors_read(pid_t pid)
{
    size_t count;
    int *numbers = list_numbers(pid, &count);
    struct descriptors descriptors = {
        .list = memory_resize(NULL, count, sizeof *descriptors.list),
    };
    for (size_t i = 0; i < count; i++)
        if (read_descriptor(pid, numbers[i], &descriptors, &descriptors.list[descriptors.count]))
            descriptors.count++;
    free(numbers);
    return descriptors;
}

void descriptors_free(struct descriptors *descriptors)
{
    for (size_t i = 0; i < descriptors->count; i++) {
        free(descriptors->list[i].path);
        free(descriptors->list[i].explanation);
    }
    free(descriptors->list);
    *descriptors = (struct descriptors){0};
}
