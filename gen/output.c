/* SPDX-License-Identifier: BSD-3-Clause */
/* See output.h. */
#include "output.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 20 };

/* The process's own: two runs at a time do not write to one file. What has that name is a link
 * that somebody has laid out, or left from a process that was killed. */
char *temporary_name(const char *path)
{
    char *name = xasprintf("%s.%d.tmp", path, (int)getpid());
    unlink(name);
    return name;
}

struct output output_open(const char *path)
{
    struct output o = {.path = xstrdup(path), .temporary = temporary_name(path)};
    int fd = open(o.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        fail_at(o.temporary, 0, "cannot be written: %s", strerror(errno));
    remember_unfinished(o.temporary);
    o.file = fdopen(fd, "w+");
    if (!o.file)
        fail_at(o.temporary, 0, "cannot be written: %s", strerror(errno));
    setvbuf(o.file, NULL, _IOFBF, BUFFER_SIZE);
    return o;
}

void output_finish(struct output *o)
{
    bool bad = ferror(o->file) != 0;
    int number = errno;
    if (fclose(o->file)) {
        bad = true;
        number = errno;
    }
    o->file = NULL;
    if (bad)
        fail_at(o->path, 0, "cannot be written: %s", strerror(number));
}

void output_commit(struct output *o)
{
    if (rename(o->temporary, o->path))
        fail_at(o->path, 0, "cannot be written: %s", strerror(errno));
    forget_unfinished(o->temporary);
    free(o->temporary);
    free(o->path);
}

void make_directory(const char *path)
{
    char *copy = xstrdup(path);
    for (char *p = copy + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (!mkdir(copy, 0777))
            remember_unfinished(copy);
        else if (errno != EEXIST)
            fail_at(copy, 0, "the directory cannot be made: %s", strerror(errno));
        *p = c;
        if (c == '\0')
            break;
    }
    struct stat st;
    if (lstat(copy, &st) || !S_ISDIR(st.st_mode))
        fail_at(copy, 0, "not a directory of its own: a file or a link is in its place");
    free(copy);
}

void put_comment(FILE *to, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        fputc(*p < ' ' || *p == 0x7f || *p == '*' ? '?' : *p, to);
}

void put_quoted(FILE *to, const char *s)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
            fprintf(to, "\\%03o", *p);
        else
            fputc(*p, to);
    fputc('"', to);
}
