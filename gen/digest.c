/* SPDX-License-Identifier: BSD-3-Clause */
/* See digest.h. The digest is zlib's CRC-32 of the text with EMPTY_DIGEST in its place. */
#include "digest.h"
#include "error.h"
#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { DIGITS = sizeof EMPTY_DIGEST - 1 };

/* At the beginning of a line, where no name of a pinball or command line can be. */
static const char mark[] = "\n * digest ";

/* Where the digits are, or NULL. */
static char *place(char *text)
{
    char *word = strstr(text, mark);
    char *digits = word ? word + strlen(mark) : NULL;
    return digits && strspn(digits, "0123456789abcdef") == DIGITS ? digits : NULL;
}

/* Blanks the digits at DIGITS_AT and computes what should stand there. */
static void compute(char *text, char *digits_at, char result[DIGITS + 1])
{
    memcpy(digits_at, EMPTY_DIGEST, DIGITS);
    uLong crc = crc32_z(0, (const Bytef *)text, strlen(text));
    snprintf(result, DIGITS + 1, "%08lx", crc);
}

void digest_fill_in(char *text, const char *template_path)
{
    char *at = place(text);
    char digest[DIGITS + 1];
    if (!at)
        fail_at(template_path, 0, "the template has no line ' * digest @DIGEST@'");
    compute(text, at, digest);
    memcpy(at, digest, DIGITS);
}

static char *read_text(const char *path)
{
    FILE *file = open_regular(path);
    char *text = NULL;
    size_t size = 0;
    if (!file)
        return NULL;
    ssize_t length = getdelim(&text, &size, '\0', file);
    if (ferror(file))
        fail_at(path, 0, "cannot be read: %s", strerror(errno));
    fclose(file);
    return length > 0 ? text : xstrdup("");
}

enum file_state digest_check(const char *path, const char *fresh, bool *same)
{
    char *text = read_text(path);
    *same = false;
    if (!text)
        return FILE_MISSING;
    enum file_state state = FILE_EDITED;
    char *at = place(text);
    if (at) {
        char said[DIGITS + 1] = {0}, digest[DIGITS + 1];
        char *copy = xstrdup(fresh);
        memcpy(said, at, DIGITS);
        compute(text, at, digest);
        if (!strcmp(said, digest))
            state = FILE_AS_GENERATED;
        *same = !memcmp(said, place(copy), DIGITS);
        free(copy);
    }
    free(text);
    return state;
}
