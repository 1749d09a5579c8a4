/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.sysstate/FD.log, a line "FD KIND FLAGS OFFSET PATH" for each descriptor that was open
 * when the region started: KIND is file, dir, pipe, socket, tty, char, other, or dup, whose PATH is
 * the number of the descriptor that it shares its open file with; FLAGS is what F_GETFL said,
 * with O_CLOEXEC. Pinballs without that file have only FD_N, the file behind descriptor N. */
#include "error.h"
#include "input.h"
#include "scan.h"
#include "sysstate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    WARNINGS = 16,
    DESCRIPTOR_MAX = 1 << 20, /* /proc/sys/fs/nr_open as it is by default */
    KNOWN_FLAGS = 0x7fffff,   /* include/uapi/asm-generic/fcntl.h, up to __O_TMPFILE */
    /* What a descriptor keeps. Not O_DIRECT, which not every file system has and which changes no
     * byte, and not O_NOATIME, which is for the owner of a file. */
    RESTORED_FLAGS = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_CLOEXEC | O_PATH,
};

static const struct {
    const char *name;
    enum descriptor_action action;
} kinds[] = {{"file", REOPEN_FILE}, {"dir", REOPEN_PATH},  {"char", REOPEN_PATH},
             {"dup", DUPLICATE},    {"pipe", UNAVAILABLE}, {"socket", UNAVAILABLE},
             {"tty", UNAVAILABLE},  {"other", UNAVAILABLE}};
enum { NUM_KINDS = sizeof kinds / sizeof *kinds };

static void add(struct sysstate *s, const struct descriptor *d)
{
    size_t n = s->num_descriptors;
    if ((n & (n - 1)) == 0)
        s->descriptors = xreallocarray(s->descriptors, n ? 2 * n : 1, sizeof *d);
    s->descriptors[s->num_descriptors++] = *d;
}

/* The kind that stands at *AT, which moves behind it. */
static size_t scan_kind(struct input *in, const char **at)
{
    size_t length = strcspn(*at, " \t");
    for (size_t i = 0; i < NUM_KINDS; i++)
        if (strlen(kinds[i].name) == length && !strncmp(*at, kinds[i].name, length)) {
            *at += length;
            return i;
        }
    input_fail(in, "no kind of a descriptor: '%.*s'", length < 80 ? (int)length : 80, *at);
}

static void set_original(struct input *in, struct descriptor *d, const char *path)
{
    uint64_t original;
    const char *at = path;
    if (!scan_decimal(&at, &original) || !scan_end(at) || original >= DESCRIPTOR_MAX)
        input_fail(in, "a dup names another descriptor, not '%.80s'", path);
    d->original = (uint32_t)original;
}

/* Where the descriptor is to be had, from KIND and PATH of its line. */
static void set_place(struct sysstate *s, struct input *in, struct descriptor *d, const char *kind,
                      const char *path)
{
    if (strlen(path) >= SYSSTATE_PATH_MAX)
        input_fail(in, "path of %zu bytes; %d are possible", strlen(path), SYSSTATE_PATH_MAX - 1);
    if (d->action == DUPLICATE) {
        set_original(in, d, path);
        return;
    }
    if (!strcmp(kind, "dir") && (d->copy = sysstate_find_directory(s, path)))
        d->offset = 0; /* another directory has other positions */
    else if (d->action != REOPEN_PATH)
        d->copy = sysstate_find_copy(s, d->number, d->action == REOPEN_FILE ? path : "");
    if (d->action == UNAVAILABLE && d->copy) { /* what the region reads from it is in a file */
        d->action = REOPEN_FILE;
        d->offset = 0;
    }
    if (d->action == UNAVAILABLE)
        d->path = xasprintf("%s %s", kind, path);
    else if (*path == '/' || d->copy)
        d->path = xstrdup(path);
    else
        input_fail(in, "not an absolute path, and there is no FD_%" PRIu32 ": '%.80s'", d->number,
                   path);
    if (!strcmp(kind, "dir"))
        d->flags |= O_DIRECTORY;
}

static void read_line(struct sysstate *s, struct input *in, const char *line)
{
    const char *at = line;
    uint64_t number, flags, offset;
    if (!scan_decimal(&at, &number) || !scan_blanks(&at))
        input_fail(in, "not the number of a descriptor: '%.80s'", line);
    if (number >= DESCRIPTOR_MAX)
        input_fail(in, "descriptor %" PRIu64 ": more than %d", number, DESCRIPTOR_MAX - 1);
    size_t kind = scan_kind(in, &at);
    if (!scan_blanks(&at) || !scan_hex(&at, &flags) || !scan_blanks(&at))
        input_fail(in, "no flags 0x... behind the kind: '%.80s'", line);
    if (flags & ~(uint64_t)KNOWN_FLAGS || (flags & O_ACCMODE) == O_ACCMODE)
        input_fail(in, "not the flags of an open file: 0x%" PRIx64, flags);
    if (!scan_decimal(&at, &offset) || (*at && *at != ' ' && *at != '\t'))
        input_fail(in, "no offset behind the flags: '%.80s'", line);
    if (offset > INT64_MAX)
        input_fail(in, "offset %" PRIu64 ": more than a file can have", offset);
    struct descriptor d = {
        .number = (uint32_t)number,
        .action = kinds[kind].action,
        .flags = (uint32_t)flags & RESTORED_FLAGS,
        .offset = flags & O_PATH ? 0 : offset,
        .line = input_line_number(in),
    };
    set_place(s, in, &d, kinds[kind].name, *at ? at + 1 : at);
    add(s, &d);
}

static int by_number(const void *a, const void *b)
{
    const struct descriptor *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static const struct descriptor *find(const struct sysstate *s, uint32_t number)
{
    struct descriptor key = {.number = number};
    for (size_t low = 0, high = s->num_descriptors; low < high;) {
        size_t middle = low + (high - low) / 2;
        const struct descriptor *d = &s->descriptors[middle];
        if (d->number == key.number)
            return d;
        if (d->number < key.number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void check_all(struct sysstate *s, const char *path)
{
    if (s->num_descriptors)
        qsort(s->descriptors, s->num_descriptors, sizeof *s->descriptors, by_number);
    for (size_t i = 1; i < s->num_descriptors; i++) {
        const struct descriptor *d = &s->descriptors[i];
        if (d->number == d[-1].number)
            fail_at(path, d->line, "descriptor %" PRIu32 " is there twice: first in line %" PRIu64,
                    d->number, d[-1].line);
    }
    for (size_t i = 0; i < s->num_descriptors; i++) {
        const struct descriptor *d = &s->descriptors[i];
        const struct descriptor *original = find(s, d->original);
        if (d->action == DUPLICATE && (!original || original->action == DUPLICATE))
            fail_at(path, d->line, "descriptor %" PRIu32 " is a dup of %" PRIu32 ", which is %s",
                    d->number, d->original, original ? "a dup itself" : "not there");
    }
}

static bool is_unavailable(const struct descriptor *d)
{
    return d->action == UNAVAILABLE || (d->action == REOPEN_FILE && !d->copy);
}

static void warn_of_one(const struct descriptor *d, const char *path)
{
    if (d->action == UNAVAILABLE)
        warn_at(path, d->line,
                "descriptor %" PRIu32
                " cannot be opened again (%s): the ELFie has none, unless its "
                "caller hands it one",
                d->number, d->path);
    else
        warn_at(path, d->line,
                "descriptor %" PRIu32 ": there is no copy of %s: the ELFie opens the file of the "
                "machine that it runs on",
                d->number, d->path);
}

/* What an ELFie of this pinball will do without. Descriptors 0 to 2 are the caller's. */
static void warn_of(const struct sysstate *s, const char *path)
{
    size_t count = 0;
    for (size_t i = 0; i < s->num_descriptors; i++) {
        const struct descriptor *d = &s->descriptors[i];
        if (d->number > 2 && is_unavailable(d) && ++count <= WARNINGS)
            warn_of_one(d, path);
    }
    if (count > WARNINGS)
        warn_at(path, 0, "and %zu descriptors more of these two kinds", count - WARNINGS);
}

int64_t sysstate_fd_number(const char *name)
{
    uint64_t number;
    if (strncmp(name, "FD_", 3) != 0)
        return -1;
    const char *at = name + 3;
    if ((*at == '0' && at[1]) || !scan_decimal(&at, &number) || *at || number >= DESCRIPTOR_MAX)
        return -1;
    return (int64_t)number;
}

/* CALLs for each FD_N in a DIRECTORY under the sysstate. */
static void for_each_fd_file(struct sysstate *s, const char *directory,
                             void call(struct sysstate *s, uint32_t number, const char *copy))
{
    char *path = xasprintf("%s/%s", s->path, directory);
    DIR *stream = opendir(path);
    if (!stream)
        fail_at(path, 0, "%s", strerror(errno));
    for (const struct dirent *entry; (entry = readdir(stream));) {
        int64_t number = sysstate_fd_number(entry->d_name);
        if (number < 0)
            continue;
        char *copy = sysstate_find_copy(s, number, "");
        if (copy)
            call(s, (uint32_t)number, copy);
        free(copy);
    }
    closedir(stream);
    free(path);
}

/* Without FD.log: read and written if the file can be, by its mode and not by who we are, from its
 * beginning. */
static void add_fd_file(struct sysstate *s, uint32_t number, const char *copy)
{
    struct stat st;
    for (size_t i = 0; i < s->num_descriptors; i++)
        if (s->descriptors[i].number == number)
            return; /* seen in the other directory */
    char *path = xasprintf("%s/%s", s->path, copy);
    if (stat(path, &st))
        fail_at(path, 0, "%s", strerror(errno));
    struct descriptor d = {
        .number = number,
        .action = REOPEN_FILE,
        .flags = st.st_mode & 0222 ? O_RDWR : O_RDONLY,
        .copy = xstrdup(copy),
    };
    add(s, &d);
    free(path);
}

static void warn_of_fd_file(struct sysstate *s, uint32_t number, const char *copy)
{
    const struct descriptor *d = find(s, number);
    if (!d || !d->copy)
        warn("%s/%s: FD.log says nothing of it: it is not opened", s->path, copy);
}

static void for_each_directory(struct sysstate *s,
                               void call(struct sysstate *s, uint32_t number, const char *copy))
{
    if (s->workdir)
        for_each_fd_file(s, s->workdir, call);
    if (s->workdir_log && s->workdir && strcmp(s->workdir, s->workdir_log) != 0)
        for_each_fd_file(s, s->workdir_log, call);
}

void fd_log_read(struct sysstate *s, const char *base)
{
    char *log = xasprintf("%s.sysstate/FD", base);
    struct input *in = input_open(log, "log");
    size_t length;
    if (in) {
        for (const char *line; (line = input_line(in, &length));)
            if (*line != '#' && !scan_end(line))
                read_line(s, in, line);
        check_all(s, input_path(in));
        warn_of(s, input_path(in));
        for_each_directory(s, warn_of_fd_file);
    } else {
        for_each_directory(s, add_fd_file);
        check_all(s, log);
    }
    input_close(in);
    free(log);
}
