/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes bytes, gives a plain, bzip2 or gzip file. */
#include "output.h"

#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "background.h"
#include "memory.h"
#include "message.h"

struct output {
    char *name;
    enum compression compression;
    FILE *file;    /* plain and bzip2 */
    BZFILE *bzip2; /* on top of file */
    gzFile gzip;
    char *buffer;                  /* output_buffer() of a compressed file */
    struct background *background; /* ... and of a plain one, else NULL */
};

static _Noreturn void fail_with(const struct output *output, int error)
{
    fail("%s: cannot be written: %s%s", output->name, strerror(error),
         error == ENOSPC || error == EDQUOT ? "; name a place with more room with --output" : "");
}

static _Noreturn void fail_writing(const struct output *output)
{
    fail_with(output, errno);
}

const char *output_extension(enum compression compression)
{
    switch (compression) {
    case COMPRESS_BZIP2:
        return ".bz2";
    case COMPRESS_GZIP:
        return ".gz";
    case COMPRESS_NONE:
        break;
    }
    return "";
}

struct output *output_open(const char *path, const char *name, enum compression compression)
{
    struct output *output = memory_new(sizeof *output);
    output->name = memory_format("%s", name);
    output->compression = compression;
    errno = 0;
    if (compression == COMPRESS_GZIP) {
        /* Level 6 is the default of gzip; "x" is O_EXCL. */
        output->gzip = gzopen(path, "wbx6");
        if (!output->gzip)
            fail_writing(output);
        return output;
    }
    output->file = fopen(path, "wbx");
    if (!output->file)
        fail_writing(output);
    if (compression == COMPRESS_BZIP2) {
        int status;
        output->bzip2 = BZ2_bzWriteOpen(&status, output->file, 9, 0, 0);
        if (status != BZ_OK)
            fail("%s: bzip2 cannot start: error %d", name, status);
    }
    return output;
}

/* At most INT_MAX bytes, which is what both compressors take at once. */
static void write_piece(struct output *output, const void *data, size_t size)
{
    int status = BZ_OK;
    errno = 0;
    switch (output->compression) {
    case COMPRESS_BZIP2:
        /* The library does not change its input; the prototype only forgets to say so. */
        BZ2_bzWrite(&status, output->bzip2, (void *)(size_t)data, (int)size);
        if (status != BZ_OK)
            fail_writing(output);
        break;
    case COMPRESS_GZIP:
        if (gzwrite(output->gzip, data, (unsigned)size) != (int)size)
            fail_writing(output);
        break;
    case COMPRESS_NONE:
        if (fwrite(data, 1, size, output->file) != size)
            fail_writing(output);
        break;
    }
}

void output_write(struct output *output, const void *data, size_t size)
{
    const char *rest = data;
    message_check_signal();
    while (size > 0) {
        size_t piece = size < INT_MAX ? size : INT_MAX;
        write_piece(output, rest, piece);
        rest += piece;
        size -= piece;
    }
}

char *output_buffer(struct output *output)
{
    if (output->compression != COMPRESS_NONE) {
        if (!output->buffer)
            output->buffer = memory_new(OUTPUT_BUFFER);
        return output->buffer;
    }
    if (!output->background)
        output->background = background_start(fileno(output->file));
    return background_buffer(output->background);
}

void output_flush(struct output *output, size_t used)
{
    if (output->compression != COMPRESS_NONE) {
        output_write(output, output->buffer, used);
        return;
    }
    message_check_signal();
    int error = background_write(output->background, used);
    if (error)
        fail_with(output, error);
}

void output_printf(struct output *output, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        fail("out of memory: a line of %s", output->name);
    output_write(output, text, (size_t)length);
    free(text);
}

void output_close(struct output *output)
{
    int error = output->background ? background_end(output->background) : 0;
    if (error)
        fail_with(output, error);
    errno = 0;
    if (output->compression == COMPRESS_BZIP2) {
        int status;
        BZ2_bzWriteClose(&status, output->bzip2, 0, NULL, NULL);
        if (status != BZ_OK)
            fail_writing(output);
    }
    if (output->compression == COMPRESS_GZIP) {
        if (gzclose(output->gzip) != Z_OK)
            fail_writing(output);
    } else if (fclose(output->file) != 0) {
        fail_writing(output);
    }
    free(output->buffer);
    free(output->name);
    free(output);
}
