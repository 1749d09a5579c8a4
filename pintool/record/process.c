/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the id of a process, gives what stands in its files in /proc. */
#include "process.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

static FILE *open_file(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

long process_status(pid_t pid, const char *key)
{
    char line[256];
    long number = -1;
    size_t length = strlen(key);
    FILE *file = open_file(pid, "status");
    if (!file)
        return -1;
    while (number < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            number = strtol(line + length + 1, NULL, 10);
    fclose(file);
    return number;
}

char process_state(pid_t pid)
{
    char text[512];
    FILE *file = open_file(pid, "stat");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *end = strrchr(text, ')'); /* the name before it may hold anything */
    return (char)(end && end[1] == ' ' ? end[2] : 0);
}

char **process_arguments(pid_t pid)
{
    char **arguments = NULL;
    size_t count = 0, room = 0;
    char *line = NULL;
    FILE *file = open_file(pid, "cmdline");
    while (file && getdelim(&line, &room, '\0', file) > 0) {
        arguments = memory_resize(arguments, count + 2, sizeof *arguments);
        arguments[count++] = memory_format("%s", line);
    }
    free(line);
    if (file)
        fclose(file);
    if (!arguments) /* a process may have overwritten it */
        arguments = memory_resize(NULL, 2, sizeof *arguments);
    if (count == 0)
        arguments[count++] = memory_format("?");
    arguments[count] = NULL;
    return arguments;
}

char *process_link(pid_t pid, const char *name)
{
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    return memory_format("%s", target);
}
