/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes /proc/PID/maps, gives a list. */
#include "maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "message.h"

static struct mapping parse(const char *path, char *line)
{
    struct mapping mapping = {0};
    char permissions[5];
    unsigned long inode;
    int name = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %lu %n", &mapping.lo, &mapping.hi, permissions,
               &inode, &name) != 4 ||
        strlen(permissions) != 4)
        fail("%s: not understood: %s", path, line);
    mapping.readable = permissions[0] == 'r';
    mapping.writable = permissions[1] == 'w';
    mapping.executable = permissions[2] == 'x';
    mapping.anonymous_private = permissions[3] == 'p' && inode == 0;
    mapping.name = memory_format("%s", line + name);
    return mapping;
}

struct maps maps_read(pid_t pid)
{
    struct maps maps = {0};
    char *path = memory_format("/proc/%d/maps", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        fail("%s: cannot be read: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        maps.list = memory_resize(maps.list, maps.count + 1, sizeof *maps.list);
        maps.list[maps.count++] = parse(path, line);
    }
    free(line);
    fclose(file);
    free(path);
    return maps;
}

void maps_free(struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        free(maps->list[i].name);
    free(maps->list);
    *maps = (struct maps){0};
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
    for (size_t i = 0; i < maps->count; i++)
        if (address >= maps->list[i].lo && address < maps->list[i].hi)
            return &maps->list[i];
    return NULL;
}

const struct mapping *maps_find_name(const struct maps *maps, const char *name)
{
    for (size_t i = 0; i < maps->count; i++)
        if (strcmp(maps->list[i].name, name) == 0)
            return &maps->list[i];
    return NULL;
}

bool maps_is_image(const struct mapping *mapping)
{
    static const char *const kernels[] = {"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]",
                                          "[uprobes]"};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcmp(mapping->name, kernels[i]) == 0)
            return false;
    return mapping->readable || mapping->writable || mapping->executable;
}
