/* SPDX-License-Identifier: BSD-3-Clause */
/* Restores the pinball's sysstate before the region starts: descriptors at their number, position
 * and mode; when all callbacks have run, the working directory. An ELFie whose pinball has none
 * makes no system call here.
 *
 * A file that the region may write is a private, unlinked copy, so that the next run finds what
 * this one found; with ELFIE_SYSSTATE_WRITE=1 it is the file itself. */
#include "sysstate.h"
#include "elfie.h"
#include "syscall.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

enum { AT_CURRENT = -100, SEEK_TO = 0, FILE_MODE = 0600 }; /* uapi/linux/fcntl.h, fs.h */
enum { MISSING_SHOWN = 8 };

static char path[ELFIE_PATH_MAX]; /* the one in hand */

/* --- messages --------------------------------------------------------------------------------- */

static void put_reason(struct elfie_line *line, long error)
{
    switch (-error) {
    case ENOENT:
        elfie_put(line, "no such file");
        break;
    case EACCES:
        elfie_put(line, "permission denied");
        break;
    case EBADF: /* of dup2: beyond RLIMIT_NOFILE, or nothing there to be duplicated */
        elfie_put(line, "no such descriptor, or beyond the limit (ulimit -n)");
        break;
    case ENAMETOOLONG:
        elfie_put(line, "the path is too long");
        break;
    default:
        elfie_put(line, "error ");
        elfie_put_decimal(line, (uint64_t)-error);
    }
}

static _Noreturn void fail_line(struct elfie_line *line)
{
    elfie_put(line, "; the region was not run\n");
    elfie_write(line);
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_STARTUP_FAILED);
}

static const char *directory(void)
{
    return elfie_process.sysstate ? elfie_process.sysstate : elfie_sysstate.directory;
}

static long is_missing(const char *name)
{
    return elfie_syscall(__NR_access, name, 0);
}

/* Of a file of the sysstate, all of which may be missing: then that is said instead. */
static void check_directory(void)
{
    struct elfie_line line;
    long error = is_missing(directory());
    if (!error)
        return;
    elfie_begin(&line);
    elfie_put(&line, "no sysstate at ");
    elfie_put(&line, directory());
    elfie_put(&line, " (ELFIE_SYSSTATE=DIR says where it is): ");
    put_reason(&line, error);
    fail_line(&line);
}

static _Noreturn void fail_descriptor(const struct elfie_descriptor *d, const char *name,
                                      long error)
{
    struct elfie_line line;
    if (d->copy)
        check_directory();
    elfie_begin(&line);
    elfie_put(&line, "descriptor ");
    elfie_put_decimal(&line, d->number);
    elfie_put(&line, " cannot be opened as it was: ");
    elfie_put(&line, name);
    elfie_put(&line, ": ");
    put_reason(&line, error);
    fail_line(&line);
}

static void say_descriptor(const struct elfie_descriptor *d, const char *name, const char *note)
{
    struct elfie_line line;
    if (!elfie_process.verbose)
        return;
    elfie_begin(&line);
    elfie_put(&line, "descriptor ");
    elfie_put_decimal(&line, d->number);
    elfie_put(&line, ": ");
    elfie_put(&line, name);
    elfie_put(&line, note);
    if (d->action == ACTION_FILE) {
        elfie_put(&line, ", at ");
        elfie_put_decimal(&line, d->offset);
    } else if (d->action == ACTION_DUP) {
        elfie_put_decimal(&line, d->offset);
    }
    elfie_put(&line, "\n");
    elfie_write(&line);
}

/* --- descriptors ------------------------------------------------------------------------------ */

/* NAME under the sysstate, in `path`; NULL when it is too long. */
static const char *under_sysstate(const char *name)
{
    size_t length = 0;
    for (const char *p = directory(); *p && length < sizeof path; p++)
        path[length++] = *p;
    for (const char *p = "/"; *p && length < sizeof path; p++)
        path[length++] = *p;
    for (const char *p = name; *p && length < sizeof path; p++)
        path[length++] = *p;
    if (length == sizeof path)
        return NULL;
    path[length] = '\0';
    return path;
}

static long open_file(const char *name, uint64_t flags)
{
    return elfie_syscall(__NR_openat, AT_CURRENT, name, flags | O_NOCTTY, FILE_MODE);
}

/* A file without a name: beside the sysstate, which may be large, or else in memory. */
static long open_unnamed(uint64_t flags)
{
    long fd = -ENOENT;
    if (directory())
        fd = open_file(directory(), flags | O_TMPFILE);
    if (fd >= 0)
        return fd;
    fd = elfie_syscall(__NR_memfd_create, "elfie", 0);
    if (fd < 0)
        return fd;
    long error = elfie_syscall(__NR_fcntl, fd, F_SETFL, flags);
    if (!error && flags & O_CLOEXEC)
        error = elfie_syscall(__NR_fcntl, fd, F_SETFD, FD_CLOEXEC);
    if (!error)
        return fd;
    elfie_syscall(__NR_close, fd);
    return error;
}

static long write_all(long to, const char *buffer, long length)
{
    while (length > 0) {
        long done = elfie_syscall(__NR_write, to, buffer, length);
        if (done < 0)
            return done;
        buffer += done;
        length -= done;
    }
    return 0;
}

static long copy_content(long from, long to)
{
    char buffer[4096]; /* callback stacks are small */
    for (;;) {
        long got = elfie_syscall(__NR_read, from, buffer, sizeof buffer);
        if (got <= 0)
            return got;
        long error = write_all(to, buffer, got);
        if (error)
            return error;
    }
}

/* The file behind FD once more, through /proc. */
static long open_again(long fd, uint64_t flags)
{
    struct elfie_line name;
    name.length = 0;
    elfie_put(&name, "/proc/self/fd/");
    elfie_put_decimal(&name, (uint64_t)fd);
    name.text[name.length] = '\0';
    return open_file(name.text, flags);
}

/* O_TMPFILE shows in the flags, and a file in memory can always be read and written: where there is
 * a /proc, the copy is opened again as any other file. */
static long open_private(const char *name, uint64_t flags)
{
    long from = open_file(name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return from;
    long to = open_unnamed(flags & O_ACCMODE ? flags : flags | O_RDWR);
    long error = to < 0 ? to : copy_content(from, to);
    if (!error)
        error = elfie_syscall(__NR_lseek, to, 0, SEEK_TO);
    elfie_syscall(__NR_close, from);
    if (error && to >= 0)
        elfie_syscall(__NR_close, to);
    if (error)
        return error;
    long again = open_again(to, flags);
    if (again < 0)
        return to;
    elfie_syscall(__NR_close, to);
    return again;
}

/* Opens the descriptor's number as a duplicate of FD. Not by dup3, which gem5 lacks. */
static long duplicate_to(long fd, const struct elfie_descriptor *d)
{
    long result = elfie_syscall(__NR_dup2, fd, d->number);
    if (result >= 0 && d->flags & O_CLOEXEC)
        result = elfie_syscall(__NR_fcntl, d->number, F_SETFD, FD_CLOEXEC);
    return result < 0 ? result : 0;
}

/* Gives FD the descriptor's number. */
static long place(long fd, const struct elfie_descriptor *d)
{
    if ((uint64_t)fd == d->number)
        return 0;
    long error = duplicate_to(fd, d);
    elfie_syscall(__NR_close, fd);
    return error;
}

static int is_restored(const struct elfie_descriptor *d)
{
    return d->number > 2 || (elfie_process.stdio && d->action != ACTION_NONE);
}

/* An earlier descriptor of the same file, or NULL. */
static const struct elfie_descriptor *earlier(const struct elfie_descriptor *d)
{
    if (d->file == d->number)
        return NULL;
    for (const struct elfie_descriptor *e = elfie_sysstate.descriptors; e < d; e++)
        if (e->action == ACTION_FILE && e->file == d->file && is_restored(e))
            return e;
    return NULL;
}

/* Opens NAME, or the copy of it that another descriptor has already. */
static long open_as(const struct elfie_descriptor *d, const char *name, int is_private)
{
    const struct elfie_descriptor *same = is_private ? earlier(d) : NULL;
    if (!same)
        return is_private ? open_private(name, d->flags) : open_file(name, d->flags);
    long fd = open_again((long)same->number, d->flags);
    if (fd < 0)
        fail_descriptor(d, "/proc/self/fd, by which it shares its file with another", fd);
    return fd;
}

static void reopen(const struct elfie_descriptor *d)
{
    const char *name = d->copy ? under_sysstate(d->copy) : d->path;
    if (!name)
        fail_descriptor(d, d->copy, -ENAMETOOLONG);
    int is_private = d->action == ACTION_FILE && d->written && !elfie_process.sysstate_write;
    long fd = open_as(d, name, is_private);
    if (fd < 0)
        fail_descriptor(d, name, fd);
    long error = place(fd, d);
    if (!error && d->offset)
        error = elfie_syscall(__NR_lseek, d->number, d->offset, SEEK_TO);
    /* What is no file may have counted otherwise: directories have positions of their own. */
    if (error < 0 && (d->action == ACTION_FILE || error == -EBADF))
        fail_descriptor(d, name, error);
    say_descriptor(d, name, is_private ? ", a private copy" : "");
}

static void duplicate(const struct elfie_descriptor *d)
{
    long error = duplicate_to((long)d->offset, d);
    if (error)
        fail_descriptor(d, "a duplicate", error);
    say_descriptor(d, "the same open file as descriptor ", "");
}

/* Keeps the number from the next file that the region opens, which would get what is meant for the
 * pipe: O_PATH is open, and neither read nor written. Whatever the caller hands us there stays. */
static void hold_number(const struct elfie_descriptor *d)
{
    if (elfie_syscall(__NR_fcntl, d->number, F_GETFD) >= 0) {
        say_descriptor(d, "the caller's, in the place of a ", d->path);
        return;
    }
    long fd = open_file("/", O_PATH);
    long error = fd < 0 ? fd : place(fd, d);
    if (error)
        fail_descriptor(d, d->path, error);
    say_descriptor(d, d->path, ", which cannot be opened again");
}

static void restore_descriptors(void)
{
    const struct elfie_descriptor *begin = elfie_sysstate.descriptors;
    const struct elfie_descriptor *end = begin + elfie_sysstate.num_descriptors;
    for (const struct elfie_descriptor *d = begin; d < end; d++)
        if (!is_restored(d))
            continue;
        else if (d->action == ACTION_NONE)
            hold_number(d);
        else if (d->action != ACTION_DUP)
            reopen(d);
    for (const struct elfie_descriptor *d = begin; d < end; d++)
        if (is_restored(d) && d->action == ACTION_DUP)
            duplicate(d);
}

/* --- paths ------------------------------------------------------------------------------------ */

/* The region may still do without: this is said, and no more. */
static void say_missing_files(void)
{
    struct elfie_line line;
    unsigned missing = 0;
    for (const char *const *file = elfie_sysstate.files; *file; file++) {
        if (elfie_is_under_root(*file) || !is_missing(*file) || ++missing > MISSING_SHOWN)
            continue;
        elfie_begin(&line);
        elfie_put(&line, "the region opens ");
        elfie_put(&line, *file);
        elfie_put(&line, ", which is not on this machine (ELFIE_ROOT=");
        elfie_put(&line, directory());
        elfie_put(&line, " takes the copy)\n");
        elfie_write(&line);
    }
    if (missing <= MISSING_SHOWN)
        return;
    elfie_begin(&line);
    elfie_put(&line, "and ");
    elfie_put_decimal(&line, missing - MISSING_SHOWN);
    elfie_put(&line, " files more\n");
    elfie_write(&line);
}

/* CALLs chdir, or access to find out before anything has been done. */
static void use_workdir(long call)
{
    struct elfie_line line;
    const char *name = under_sysstate(elfie_sysstate.workdir);
    long error = name ? elfie_syscall(call, name, 0) : -ENAMETOOLONG;
    if (error)
        check_directory();
    if (!error && (call == __NR_access || !elfie_process.verbose))
        return;
    elfie_begin(&line);
    elfie_put(&line, "working directory: ");
    elfie_put(&line, name ? name : elfie_sysstate.workdir);
    elfie_put(&line, error ? ": " : "\n");
    if (error) {
        put_reason(&line, error);
        fail_line(&line);
    }
    elfie_write(&line);
}

void elfie_restore_sysstate(void)
{
    elfie_check_answers();
    if (elfie_sysstate.workdir)
        use_workdir(__NR_access);
    if (elfie_sysstate.num_descriptors)
        restore_descriptors();
    say_missing_files();
}

/* Last of all: what callbacks write by relative name is for whoever has started the ELFie. */
void elfie_enter_workdir(void)
{
    if (elfie_sysstate.workdir)
        use_workdir(__NR_chdir);
}
