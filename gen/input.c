/* SPDX-License-Identifier: BSD-3-Clause */
/* See input.h. The decompression itself is zlib's and libbz2's; this file only cuts the stream into
 * lines. */
#include "input.h"
#include "error.h"

#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER_SIZE = 1 << 18, PACKED_SIZE = 1 << 16, LINE_MAX_BYTES = 1 << 16 };

struct input {
    char *path;
    FILE *bz_file; /* non-null for .bz2 */
    BZFILE *bz;
    FILE *file; /* plain and .gz */
    z_stream *gz;
    Bytef *packed; /* what of a .gz is not unpacked yet */
    uint64_t line;
    size_t begin, end; /* what of the buffer is not handed out yet */
    bool at_end;
    char *buffer;
};

static const char *const endings[] = {"", ".bz2", ".gz"};

/* What the user has named. */
static struct name {
    const char *suffix, *path;
    struct name *next;
} * names;

void input_name(const char *suffix, const char *path)
{
    struct name *name = xmalloc(sizeof *name);
    *name = (struct name){suffix, path, names};
    names = name;
}

static char *find(const char *base, const char *suffix)
{
    for (const struct name *name = names; name; name = name->next)
        if (!strcmp(name->suffix, suffix)) {
            struct stat st;
            if (stat(name->path, &st))
                fail_at(name->path, 0, "%s", errno == ENOENT ? "no such file" : strerror(errno));
            if (!S_ISREG(st.st_mode))
                fail_at(name->path, 0, "not a regular file");
            return xstrdup(name->path);
        }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = xasprintf("%s.%s%s", base, suffix, endings[i]);
        struct stat st;
        if (!stat(path, &st)) {
            if (!S_ISREG(st.st_mode))
                fail_at(path, 0, "not a regular file");
            return path;
        }
        if (errno != ENOENT && errno != ENOTDIR)
            fail_at(path, 0, "%s", strerror(errno));
        free(path);
    }
    return NULL;
}

FILE *open_regular(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hold us up */
    if (fd < 0) {
        if (errno == ENOENT)
            return NULL;
        fail_at(path, 0, "%s", strerror(errno));
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        fail_at(path, 0, "not a regular file");
    FILE *file = fdopen(fd, "r");
    if (!file)
        fail_at(path, 0, "%s", strerror(errno));
    return file;
}

static void open_bzip2(struct input *in)
{
    int error;
    in->bz_file = fopen(in->path, "rbe");
    if (!in->bz_file)
        fail_at(in->path, 0, "%s", strerror(errno));
    in->bz = BZ2_bzReadOpen(&error, in->bz_file, 0, 0, NULL, 0);
    if (error != BZ_OK)
        fail_at(in->path, 0, "cannot be decompressed: bzip2 error %d", error);
}

static void open_gzip(struct input *in)
{
    in->gz = xcalloc(1, sizeof *in->gz);
    in->packed = xmalloc(PACKED_SIZE);
    if (inflateInit2(in->gz, 15 + 16) != Z_OK) /* 16: a gzip file, and nothing else */
        fail("out of memory");
}

struct input *input_open(const char *base, const char *suffix)
{
    char *path = find(base, suffix);
    if (!path)
        return NULL;
    struct input *in = xcalloc(1, sizeof *in);
    in->path = path;
    in->buffer = xmalloc(BUFFER_SIZE + 1); /* one more for the NUL after a last line */
    size_t length = strlen(path);
    if (length > 4 && !strcmp(path + length - 4, ".bz2"))
        open_bzip2(in);
    else if (!(in->file = fopen(path, "re")))
        fail_at(path, 0, "%s", strerror(errno));
    else if (length > 3 && !strcmp(path + length - 3, ".gz"))
        open_gzip(in);
    return in;
}

struct input *input_require(const char *base, const char *suffix, const char *what)
{
    struct input *in = input_open(base, suffix);
    if (!in) {
        char *path = xasprintf("%s.%s", base, suffix);
        fail_at(
            path, 0,
            "no such file, nor with .bz2 or .gz: the pinball has no %s, or this is not its name",
            what);
    }
    return in;
}

const char *input_path(const struct input *in)
{
    return in->path;
}

uint64_t input_line_number(const struct input *in)
{
    return in->line;
}

_Noreturn static void fail_in_line(const struct input *in, uint64_t line, const char *format,
                                   va_list args)
{
    char message[512];
    vsnprintf(message, sizeof message, format, args);
    fail_at(in->path, line, "%s", message);
}

void input_fail(const struct input *in, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_in_line(in, in->line, format, args);
}

/* As input_fail, for the line that is being read. */
_Noreturn __attribute__((format(printf, 2, 3))) static void fail_reading(const struct input *in,
                                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_in_line(in, in->line + 1, format, args);
}

/* A bzip2 file may hold several streams one after the other (pbzip2 writes such files). */
static void next_bzip2_stream(struct input *in)
{
    void *unused;
    int error, unused_length;
    char rest[BZ_MAX_UNUSED];
    BZ2_bzReadGetUnused(&error, in->bz, &unused, &unused_length);
    size_t rest_length = error == BZ_OK ? (size_t)unused_length : 0;
    memcpy(rest, unused, rest_length);
    BZ2_bzReadClose(&error, in->bz);
    in->bz = NULL;
    if (!rest_length) {
        int c = getc(in->bz_file);
        if (c == EOF) {
            in->at_end = true;
            return;
        }
        ungetc(c, in->bz_file);
    }
    in->bz = BZ2_bzReadOpen(&error, in->bz_file, 0, 0, rest, (int)rest_length);
    if (error != BZ_OK)
        fail_reading(in, "cannot be decompressed: bzip2 error %d", error);
}

static size_t read_bzip2(struct input *in, char *to, size_t size)
{
    int error;
    int got = BZ2_bzRead(&error, in->bz, to, (int)size);
    if (error == BZ_STREAM_END)
        next_bzip2_stream(in);
    else if (error == BZ_UNEXPECTED_EOF)
        fail_reading(in, "the bzip2 file is cut short");
    else if (error == BZ_IO_ERROR)
        fail_reading(in, "cannot be read: %s", strerror(errno));
    else if (error != BZ_OK)
        fail_reading(in, "the bzip2 file is damaged");
    return (size_t)got;
}

static size_t read_plain(struct input *in, void *to, size_t size)
{
    size_t got = fread(to, 1, size, in->file);
    if (ferror(in->file))
        fail_reading(in, "cannot be read: %s", strerror(errno));
    return got;
}

/* A gzip file may hold several members. gzread would pass a damaged one behind the first over in
 * silence, so this is done by hand. */
static size_t read_gzip(struct input *in, char *to, size_t size)
{
    z_stream *z = in->gz;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)size;
    while (z->avail_out == size) {
        if (z->avail_in == 0) {
            z->next_in = in->packed;
            z->avail_in = (uInt)read_plain(in, in->packed, PACKED_SIZE);
        }
        if (z->avail_in == 0) {
            if (z->total_in) /* in the middle of a member */
                fail_reading(in, "the gzip file is cut short");
            in->at_end = true;
            break;
        }
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            inflateReset(z);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            fail_reading(in, "the gzip file is damaged");
    }
    return size - z->avail_out;
}

static size_t read_bytes(struct input *in, char *to, size_t size)
{
    if (in->bz_file)
        return read_bzip2(in, to, size);
    if (in->gz)
        return read_gzip(in, to, size);
    size_t got = read_plain(in, to, size);
    in->at_end = got == 0;
    return got;
}

/* Moves what is left to the front of the buffer and reads more behind it. */
static void fill(struct input *in)
{
    memmove(in->buffer, in->buffer + in->begin, in->end - in->begin);
    in->end -= in->begin;
    in->begin = 0;
    char *to = in->buffer + in->end;
    size_t size = BUFFER_SIZE - in->end;
    in->end += read_bytes(in, to, size);
}

char *input_line(struct input *in, size_t *length)
{
    char *newline;
    for (;;) {
        char *start = in->buffer + in->begin;
        newline = memchr(start, '\n', in->end - in->begin);
        if (newline || in->at_end)
            break;
        if (in->end - in->begin > LINE_MAX_BYTES) {
            in->line++;
            input_fail(in, "line of more than %d bytes", LINE_MAX_BYTES);
        }
        fill(in);
    }
    if (!newline && in->begin == in->end)
        return NULL;
    char *line = in->buffer + in->begin;
    char *stop = newline ? newline : in->buffer + in->end;
    in->begin = (size_t)(stop - in->buffer) + (newline ? 1 : 0);
    in->line++;
    *stop = '\0';
    *length = (size_t)(stop - line);
    if (*length > LINE_MAX_BYTES)
        input_fail(in, "line of more than %d bytes", LINE_MAX_BYTES);
    if (memchr(line, '\0', *length))
        input_fail(in, "a NUL byte in a text file");
    return line;
}

void input_close(struct input *in)
{
    int error;
    if (!in)
        return;
    if (in->gz)
        inflateEnd(in->gz);
    if (in->file)
        fclose(in->file);
    free(in->gz);
    free(in->packed);
    if (in->bz)
        BZ2_bzReadClose(&error, in->bz);
    if (in->bz_file)
        fclose(in->bz_file);
    free(in->buffer);
    free(in->path);
    free(in);
}
