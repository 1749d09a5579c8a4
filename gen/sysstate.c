/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.sysstate/ but for the break: the working directory (CWD.log, workdir/), the
 * descriptors (fd_log.c), the files that stand at their absolute path, MMAP.log and PID.log. All
 * are optional. */
#include "sysstate.h"
#include "checkpoint.h"
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_MAPPED = 1 << 20, MAX_ABSOLUTE = 1 << 16, SHOWN = 3 };
#define MAX_PID (UINT64_C(1) << 22) /* PID_MAX_LIMIT, include/linux/threads.h */

/* Absolute, and staying under a directory that it is put behind. */
static bool is_plain(const char *path)
{
    if (*path != '/')
        return false;
    for (const char *p = path; (p = strstr(p, "/..")); p += 3)
        if (p[3] == '/' || p[3] == '\0')
            return false;
    return true;
}

/* The only line of BASE.sysstate/NAME.log in a buffer to be freed, NULL without that file. */
static char *read_only_line(const char *base, const char *name, struct input **in)
{
    size_t length;
    char *path = xasprintf("%s.sysstate/%s", base, name);
    *in = input_open(path, "log");
    free(path);
    if (!*in)
        return NULL;
    const char *line = input_line(*in, &length);
    if (!line)
        fail_at(input_path(*in), 0, "the file is empty");
    char *first = xstrdup(line);
    while ((line = input_line(*in, &length)))
        if (!scan_end(line))
            input_fail(*in, "a second line, '%.80s', where one is expected", line);
    return first;
}

/* DIRECTORY/NAME is a directory. */
static bool has_directory(const struct sysstate *s, const char *name)
{
    struct stat st;
    char *path = xasprintf("%s/%s", s->path, name);
    bool found = !stat(path, &st);
    if (!found && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
        fail_at(path, 0, "%s", strerror(errno));
    if (found && !S_ISDIR(st.st_mode))
        fail_at(path, 0, "not a directory");
    free(path);
    return found;
}

/* Where nothing but descriptors' files is, nothing is known of what the region opens by name: it
 * may as well find that where the ELFie is started, and needs no sysstate that it does not use. */
static bool has_files(const struct sysstate *s)
{
    char *path = xasprintf("%s/%s", s->path, s->workdir);
    DIR *stream = opendir(path);
    if (!stream)
        fail_at(path, 0, "%s", strerror(errno));
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(stream));)
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                sysstate_fd_number(entry->d_name) < 0;
    closedir(stream);
    free(path);
    return found;
}

static void read_workdir(struct sysstate *s, const char *base)
{
    struct input *in;
    char *line = read_only_line(base, "CWD", &in);
    if (line) {
        if (!is_plain(line))
            fail_at(input_path(in), 1, "not an absolute path without '..': '%.80s'", line);
        if (strlen(line) >= SYSSTATE_PATH_MAX)
            fail_at(input_path(in), 1, "path of %zu bytes; %d are possible", strlen(line),
                    SYSSTATE_PATH_MAX - 1);
        s->cwd = xstrdup(line);
        const char *relative = line + strspn(line, "/");
        if (*relative && has_directory(s, relative))
            s->workdir_log = xstrdup(relative);
    }
    if (has_directory(s, "workdir"))
        s->workdir = xstrdup("workdir");
    else if (s->workdir_log)
        s->workdir = xstrdup(s->workdir_log);
    s->has_files = s->workdir && has_files(s);
    input_close(in);
    free(line);
}

static void read_pid(struct sysstate *s, const char *base)
{
    struct input *in;
    char *line = read_only_line(base, "PID", &in);
    const char *at = line;
    if (line && (!scan_decimal(&at, &s->pid) || !scan_end(at) || !s->pid || s->pid > MAX_PID))
        fail_at(input_path(in), 1, "not a process id: '%.80s'", line);
    input_close(in);
    free(line);
}

static void read_mapped(struct sysstate *s, const char *base)
{
    char *path = xasprintf("%s.sysstate/MMAP", base);
    struct input *in = input_open(path, "log");
    size_t length;
    free(path);
    if (!in)
        return;
    for (const char *line; (line = input_line(in, &length));) {
        uint64_t address;
        const char *at = line;
        if (scan_end(line))
            continue;
        if (!scan_hex(&at, &address) || !scan_end(at))
            input_fail(in, "not an address: '%.80s'", line);
        if (!address || address % PAGE_SIZE || address >= USER_SPACE_END)
            input_fail(in, "not an address that mmap gives: 0x%" PRIx64, address);
        size_t n = s->num_mapped;
        if (n == MAX_MAPPED)
            input_fail(in, "more than %d addresses", MAX_MAPPED);
        if ((n & (n - 1)) == 0)
            s->mapped = xreallocarray(s->mapped, n ? 2 * n : 1, sizeof *s->mapped);
        s->mapped[s->num_mapped++] = address;
    }
    input_close(in);
}

/* --- files at their absolute path ------------------------------------------------------------- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && !strcmp(name + length - tail, ending);
}

/* The working directory's files are opened by relative name; what is made of the pinball may lie
 * beside them. */
static bool is_apart(const struct sysstate *s, const FTSENT *entry, const char *relative)
{
    return entry->fts_info == FTS_D && *relative &&
           (!strcmp(relative, "workdir") || (s->workdir && !strcmp(relative, s->workdir)) ||
            ends_with(relative, ".elfie.d"));
}

static void add_absolute(struct sysstate *s, const char *relative)
{
    size_t n = s->num_absolute;
    if (n == MAX_ABSOLUTE)
        fail_at(s->path, 0, "more than %d files at absolute paths", MAX_ABSOLUTE);
    if ((n & (n - 1)) == 0)
        s->absolute = xreallocarray(s->absolute, n ? 2 * n : 1, sizeof *s->absolute);
    s->absolute[s->num_absolute++] = xasprintf("/%s", relative);
}

/* The descriptors' copies, sorted: the region need not open those. */
struct copies {
    const char **list;
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct copies sort_copies(const struct sysstate *s)
{
    struct copies c = {.list = xcalloc(s->num_descriptors, sizeof *c.list)};
    for (size_t i = 0; i < s->num_descriptors; i++)
        if (s->descriptors[i].copy)
            c.list[c.count++] = s->descriptors[i].copy;
    if (c.count)
        qsort(c.list, c.count, sizeof *c.list, by_text);
    return c;
}

static bool is_copy(const struct copies *c, const char *relative)
{
    return c->count && bsearch(&relative, c->list, c->count, sizeof *c->list, by_text);
}

static void find_absolute(struct sysstate *s)
{
    char *const roots[] = {s->path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!walk)
        fail_at(s->path, 0, "%s", strerror(errno));
    struct copies copies = sort_copies(s);
    size_t skip = strlen(s->path);
    for (FTSENT *entry; (entry = fts_read(walk));) {
        const char *relative = entry->fts_path + skip;
        relative += *relative == '/';
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            fail_at(entry->fts_path, 0, "%s", strerror(entry->fts_errno));
        if (is_apart(s, entry, relative))
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && entry->fts_level > 1 && !is_copy(&copies, relative))
            add_absolute(s, relative);
    }
    free(copies.list);
    fts_close(walk);
}

static void warn_of_absolute(const struct sysstate *s)
{
    if (!s->num_absolute)
        return;
    char *names = xstrdup("");
    for (size_t i = 0; i < s->num_absolute && i < SHOWN; i++) {
        char *longer = xasprintf("%s%s%s", names, i ? ", " : "", s->absolute[i]);
        free(names);
        names = longer;
    }
    warn("%s: the region opens %zu file%s by absolute path (%s%s): the ELFie opens those of the "
         "machine that it runs on, or with ELFIE_ROOT=%s these",
         s->path, s->num_absolute, s->num_absolute == 1 ? "" : "s", names,
         s->num_absolute > SHOWN ? ", ..." : "", s->directory);
    free(names);
}

/* --- all of it ----------------------------------------------------------------------------------
 */

static char *existing_regular(const struct sysstate *s, char *copy)
{
    struct stat st;
    char *path = xasprintf("%s/%s", s->path, copy);
    if (!stat(path, &st)) {
        if (!S_ISREG(st.st_mode))
            fail_at(path, 0, "not a regular file");
        if (strlen(path) >= SYSSTATE_PATH_MAX)
            fail_at(path, 0, "path of %zu bytes; %d are possible", strlen(path),
                    SYSSTATE_PATH_MAX - 1);
        free(path);
        return copy;
    }
    if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
        fail_at(path, 0, "%s", strerror(errno));
    free(path);
    free(copy);
    return NULL;
}

char *sysstate_find_copy(const struct sysstate *s, int64_t number, const char *path)
{
    const char *const directories[] = {s->workdir, s->workdir_log};
    for (int i = 0; i < 2; i++) {
        if (!directories[i] || number < 0)
            continue;
        char *copy = existing_regular(s, xasprintf("%s/FD_%" PRId64, directories[i], number));
        if (copy)
            return copy;
    }
    return is_plain(path) ? existing_regular(s, xstrdup(path + strspn(path, "/"))) : NULL;
}

char *sysstate_find_directory(const struct sysstate *s, const char *path)
{
    if (s->has_files && s->cwd && !strcmp(path, s->cwd))
        return xstrdup(s->workdir);
    const char *relative = path + strspn(path, "/");
    return is_plain(path) && *relative && has_directory(s, relative) ? xstrdup(relative) : NULL;
}

/* Where the ELFie will look. Directories above may be closed to realpath, but not to getcwd. */
static char *absolute_path(const char *path)
{
    char *absolute = realpath(path, NULL);
    if (absolute || *path == '/')
        return absolute ? absolute : xstrdup(path);
    char *current = getcwd(NULL, 0);
    if (!current)
        fail_at(path, 0, "the working directory is not known: %s", strerror(errno));
    absolute = xasprintf("%s/%s", current, path);
    free(current);
    return absolute;
}

void sysstate_read(struct checkpoint *c)
{
    struct sysstate *s = xcalloc(1, sizeof *s);
    struct stat st;
    c->sysstate = s;
    s->path = xasprintf("%s.sysstate", c->base);
    if (stat(s->path, &st)) {
        if (errno != ENOENT && errno != ENOTDIR)
            fail_at(s->path, 0, "%s", strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode))
        fail_at(s->path, 0, "not a directory");
    s->directory = absolute_path(s->path);
    read_workdir(s, c->base);
    fd_log_read(s, c->base);
    same_files_find(s);
    read_mapped(s, c->base);
    read_pid(s, c->base);
    find_absolute(s);
    warn_of_absolute(s);
}
