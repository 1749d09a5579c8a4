/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes B.sysstate/, gives descriptors and names as the region expects them. */
#include "sysstate_use.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int sysstate_redirect(const char *directory, const char *path,
                      char redirected[2 * SYSSTATE_NAME_MAX])
{
    char name[SYSSTATE_NAME_MAX];
    if (sysstate_place(path, name) != SYSSTATE_PLACED)
        return 0;
    int length = snprintf(redirected, 2 * SYSSTATE_NAME_MAX, "%s/%s", directory, name);
    return length > 0 && length < 2 * SYSSTATE_NAME_MAX && access(redirected, F_OK) == 0;
}

/* Flags and position of descriptor NUMBER; left as they are where FD.log is not there or silent. */
static void find_line(const char *directory, int number, unsigned *flags,
                      unsigned long long *offset)
{
    char path[2 * SYSSTATE_NAME_MAX], line[2 * SYSSTATE_NAME_MAX];
    snprintf(path, sizeof path, "%s/FD.log", directory);
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log)) {
        int found;
        unsigned line_flags;
        unsigned long long line_offset;
        if (sscanf(line, "%d file %x %llu", &found, &line_flags, &line_offset) == 3 &&
            found == number) {
            *flags = line_flags;
            *offset = line_offset;
        }
    }
    if (log)
        fclose(log);
}

static int open_descriptor(const char *directory, int number)
{
    char path[2 * SYSSTATE_NAME_MAX];
    unsigned flags = O_RDWR;
    unsigned long long offset = 0;
    find_line(directory, number, &flags, &offset);
    snprintf(path, sizeof path, "%s/workdir/FD_%d", directory, number);
    int file = open(path, (int)(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK)));
    if (file < 0 && errno == EACCES)
        file = open(path, O_RDONLY);
    if (file < 0 || lseek(file, (off_t)offset, SEEK_SET) < 0)
        return errno;
    if (file == number)
        return 0;
    int error = dup2(file, number) < 0 ? errno : 0;
    close(file);
    return error;
}

int sysstate_open_descriptors(const char *directory)
{
    char path[2 * SYSSTATE_NAME_MAX];
    int count = 0;
    snprintf(path, sizeof path, "%s/workdir", directory);
    DIR *workdir = opendir(path);
    if (!workdir)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; (entry = readdir(workdir));) {
        char *end;
        if (strncmp(entry->d_name, "FD_", 3) != 0 || !isdigit((unsigned char)entry->d_name[3]))
            continue;
        long number = strtol(entry->d_name + 3, &end, 10);
        if (*end || number < 0 || number >= 1 << 20 || number == dirfd(workdir))
            continue;
        int error = open_descriptor(directory, (int)number);
        if (error) {
            closedir(workdir);
            return -error;
        }
        count++;
    }
    closedir(workdir);
    return count;
}
