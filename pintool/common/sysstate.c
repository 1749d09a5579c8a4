/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what is known of a file or a descriptor, gives what stands in B.sysstate/. */
#include "sysstate.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKDIR "workdir/"

/* --- names ------------------------------------------------------------------------------------ */

static int starts_with(const char *name, const char *directory)
{
    size_t length = strlen(directory);
    return strncmp(name, directory, length) == 0 && (name[length] == '/' || name[length] == '\0');
}

/* Takes the last component, from START on, off NAME of LENGTH bytes. Gives -1 if there is none. */
static long drop_component(const char *name, size_t start, size_t length)
{
    if (length == start)
        return -1;
    while (length > start && name[length - 1] != '/')
        length--;
    return (long)(length > start ? length - 1 : start);
}

/* Appends PATH to NAME behind its first START bytes, component by component. */
static enum sysstate_place append(const char *path, char *name, size_t start)
{
    size_t length = start;
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.') {
            long shorter = drop_component(name, start, length);
            if (shorter < 0 && start > 0)
                return SYSSTATE_OUTSIDE;
            length = shorter < 0 ? start : (size_t)shorter; /* "/.." is "/" */
        } else if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (length + part + 2 > SYSSTATE_NAME_MAX)
                return SYSSTATE_BAD_NAME;
            if (length > start)
                name[length++] = '/';
            memcpy(name + length, path, part);
            length += part;
        }
        path += part + (path[part] == '/');
    }
    name[length] = '\0';
    return length > start ? SYSSTATE_PLACED : SYSSTATE_BAD_NAME;
}

static int is_descriptor_name(const char *name)
{
    if (strncmp(name, WORKDIR "FD_", sizeof WORKDIR + 2) != 0)
        return 0;
    name += sizeof WORKDIR + 2;
    return isdigit((unsigned char)*name) && name[strspn(name, "0123456789")] == '\0';
}

/* The absolute name must not be taken for one of those that stand in B.sysstate/ itself. */
static int is_reserved(const char *name)
{
    static const char *const names[] = {"workdir", "BRK.log", "MMAP.log",
                                        "PID.log", "CWD.log", "FD.log"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (starts_with(name, names[i]))
            return 1;
    return 0;
}

enum sysstate_place sysstate_place(const char *path, char name[SYSSTATE_NAME_MAX])
{
    enum sysstate_place place;
    if (*path != '/') {
        memcpy(name, WORKDIR, sizeof WORKDIR);
        place = append(path, name, sizeof WORKDIR - 1);
        return place == SYSSTATE_PLACED && is_descriptor_name(name) ? SYSSTATE_BAD_NAME : place;
    }
    place = append(path, name, 0);
    if (place != SYSSTATE_PLACED)
        return place;
    if (starts_with(name, "proc") || starts_with(name, "dev") || starts_with(name, "sys"))
        return SYSSTATE_OF_KERNEL;
    return is_reserved(name) ? SYSSTATE_BAD_NAME : SYSSTATE_PLACED;
}

int sysstate_make_parents(const char *name)
{
    char part[2 * SYSSTATE_NAME_MAX];
    size_t length = strlen(name);
    if (length >= sizeof part)
        return ENAMETOOLONG;
    memcpy(part, name, length + 1);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return errno;
        *slash = '/';
    }
    return 0;
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* Major numbers of Documentation/admin-guide/devices.txt: 4 and 5 the console, serial lines and
 * /dev/tty, 136 to 143 pseudo-terminals. */
static int is_terminal(dev_t device)
{
    /* Coded as makedev(3) does; its macros are not everywhere. */
    uint64_t number = (uint64_t)device >> 8 & 0xfff, unit = device & 0xff;
    return number == 4 || (number == 5 && unit <= 1) || (number >= 136 && number <= 143);
}

const char *sysstate_kind(mode_t mode, dev_t device)
{
    if (S_ISREG(mode))
        return "file";
    if (S_ISDIR(mode))
        return "dir";
    if (S_ISFIFO(mode))
        return "pipe";
    if (S_ISSOCK(mode))
        return "socket";
    if (S_ISCHR(mode))
        return is_terminal(device) ? "tty" : "char";
    return "other";
}

size_t sysstate_line(char *line, size_t room, int descriptor, const char *kind, unsigned flags,
                     uint64_t offset, const char *path)
{
    if (strchr(path, '\n'))
        return 0;
    int length = snprintf(line, room, "%d %s 0x%x %llu %s\n", descriptor, kind, flags,
                          (unsigned long long)offset, path);
    return length > 0 && (size_t)length < room ? (size_t)length : 0;
}

/* --- contents --------------------------------------------------------------------------------- */

/* Copies from OFFSET to END, or up to the end of the file. */
static int copy_range(int from, int to, off_t offset, off_t end, int *reading)
{
    static char buffer[1 << 16];
    while (offset < end) {
        off_t rest = end - offset;
        size_t wanted = rest < (off_t)sizeof buffer ? (size_t)rest : sizeof buffer;
        ssize_t got = pread(from, buffer, wanted, offset);
        if (got < 0 && errno == EINTR)
            continue;
        *reading = got < 0;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = pwrite(to, buffer + done, (size_t)(got - done), offset + done);
            if (put < 0 && errno == EINTR)
                continue;
            if (put <= 0)
                return put < 0 ? errno : EIO;
            done += put;
        }
        offset += got;
    }
    return 0;
}

int sysstate_copy(int from, int to, int *reading)
{
    struct stat status;
    off_t hole = 0;
    *reading = fstat(from, &status) != 0;
    if (*reading || ftruncate(to, status.st_size) != 0)
        return errno;
    while (hole < status.st_size) {
        off_t data = lseek(from, hole, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (hole < 0) { /* the file system does not know holes */
            data = 0;
            hole = status.st_size;
        }
        int error = copy_range(from, to, data, hole, reading);
        if (error)
            return error;
    }
    return 0;
}
