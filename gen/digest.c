/* SPDX-License-Identifier: BSD-3-Clause */
/* See digest.h. The digest is zlib's CRC-32 of the script with EMPTY_DIGEST in its place. */
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
static char *place(char *script)
{
    char *word = strstr(script, mark);
    char *digits = word ? word + strlen(mark) : NULL;
    return digits && strspn(digits, "0123456789abcdef") == DIGITS ? digits : NULL;
}

/* Blanks the digits at DIGITS_AT and computes what should stand there. */
static void compute(char *script, char *digits_at, char result[DIGITS + 1])
{
    memcpy(digits_at, EMPTY_DIGEST, DIGITS);
    uLong crc = crc32_z(0, (const Bytef *)script, strlen(script));
    snprintf(result, DIGITS + 1, "%08lx", crc);
}

void digest_fill_in(char *script, const char *template_path)
{
    char *at = place(script);
    char digest[DIGITS + 1];
    if (!at)
        fail_at(template_path, 0, "the template has no line ' * digest @DIGEST@'");
    compute(script, at, digest);
    memcpy(at, digest, DIGITS);
}

static char *read_script(const char *path)
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

enum script_state digest_check(const char *path, const char *fresh, bool *same)
{
    char *script = read_script(path);
    *same = false;
    if (!script)
        return SCRIPT_MISSING;
    enum script_state state = SCRIPT_EDITED;
    char *at = place(script);
    if (at) {
        char said[DIGITS + 1] = {0}, digest[DIGITS + 1];
        char *copy = xstrdup(fresh);
        memcpy(said, at, DIGITS);
        compute(script, at, digest);
        if (!strcmp(said, digest))
            state = SCRIPT_AS_GENERATED;
        *same = !memcmp(said, place(copy), DIGITS);
        free(copy);
    }
    free(script);
    return state;
}
