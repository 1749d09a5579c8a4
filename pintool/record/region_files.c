/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes what the region's calls have done, gives the files in BASE.sysstate/ that it needs. */
#include "region_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/sysstate.h"
#include "copy.h"
#include "memory.h"
#include "message.h"
#include "pinball.h"
#include "process.h"

static struct {
    char *directory; /* working directory at the start, or NULL */
    char **names;    /* below BASE.sysstate/, of what was opened, sorted */
    size_t num_names;
    struct output *mapped; /* MMAP.log */
    uint64_t last_break;   /* 0: no brk so far */
} region;

void sysstate_begin(pid_t pid)
{
    /* There may have been a region before, with a pinball of its own. */
    while (region.num_names > 0)
        free(region.names[--region.num_names]);
    free(region.directory);
    region.last_break = 0;
    region.directory = process_link(pid, "cwd");
    region.mapped = pinball_create("sysstate/MMAP.log", COMPRESS_NONE);
}

/* Adds NAME to the list; false if it is there already. */
static bool is_new(const char *name)
{
    size_t lo = 0, hi = region.num_names;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        int order = strcmp(region.names[middle], name);
        if (order == 0)
            return false;
        if (order < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    region.names = memory_resize(region.names, region.num_names + 1, sizeof *region.names);
    memmove(&region.names[lo + 1], &region.names[lo],
            (region.num_names - lo) * sizeof *region.names);
    region.names[lo] = memory_format("%s", name);
    region.num_names++;
    return true;
}

/* True if a relative name of THREAD means a file in the working directory of the start. */
static bool is_in_start_directory(pid_t tid, int directory)
{
    if (directory != AT_FDCWD || !region.directory)
        return false;
    char *now = process_link(tid, "cwd");
    bool same = now && strcmp(now, region.directory) == 0;
    free(now);
    return same;
}

/* The name to be placed: PATH, or for one that is relative to another directory, what it leads to;
 * relative if that is below the working directory of the start. Caller frees. */
static char *resolve(pid_t tid, int directory, const char *path, int descriptor)
{
    char link[32];
    if (*path == '/' || is_in_start_directory(tid, directory))
        return memory_format("%s", path);
    snprintf(link, sizeof link, "fd/%d", descriptor);
    char *real = process_link(tid, link);
    size_t length = region.directory ? strlen(region.directory) : 0;
    if (!real || length <= 1 || strncmp(real, region.directory, length) != 0 || real[length] != '/')
        return real ? real : memory_format("%s", path);
    char *relative = memory_format("%s", real + length + 1);
    free(real);
    return relative;
}

static bool is_regular(pid_t tid, int descriptor)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, descriptor);
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

void sysstate_opened(pid_t tid, int directory, const char *path, int flags, int descriptor)
{
    char name[SYSSTATE_NAME_MAX];
    const int creates = O_CREAT | O_EXCL;
    bool is_temporary = (flags & O_TMPFILE) == O_TMPFILE; /* PATH is its directory */
    if (is_temporary || flags & O_PATH || !is_regular(tid, descriptor))
        return;
    char *file = resolve(tid, directory, path, descriptor);
    enum sysstate_place place = sysstate_place(file, name);
    if (place == SYSSTATE_OUTSIDE || place == SYSSTATE_BAD_NAME)
        warn("%s: opened in the region: %s: not copied", file,
             place == SYSSTATE_OUTSIDE ? "the name leads out of the working directory"
                                       : "the name has no place in the pinball");
    if (place == SYSSTATE_PLACED && is_new(name) && (flags & creates) != creates) {
        char *suffix = memory_format("sysstate/%s", name);
        if (copy_descriptor(tid, descriptor, path, suffix))
            note("%s: opened in the region: copied", path);
        free(suffix);
    }
    free(file);
}

void sysstate_opened_at(const struct tracee *tracee, pid_t tid, int directory, uint64_t path,
                        int flags, int descriptor)
{
    char text[SYSSTATE_NAME_MAX];
    /* The string may end just before memory that cannot be read: then fewer bytes are. */
    size_t size = tracee_read(tracee, path, text, sizeof text);
    if (memchr(text, '\0', size))
        sysstate_opened(tid, directory, text, flags, descriptor);
}

void sysstate_mapped(uint64_t address)
{
    output_printf(region.mapped, "0x%lx\n", address);
}

void sysstate_break(uint64_t address)
{
    region.last_break = address;
}

uint64_t sysstate_last_break(uint64_t first)
{
    return region.last_break ? region.last_break : first;
}

void sysstate_end(void)
{
    output_close(region.mapped);
}
