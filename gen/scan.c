/* SPDX-License-Identifier: BSD-3-Clause */
/* See scan.h. */
#include "scan.h"

#include <string.h>

/* Value of a hex digit, or 255. A table, because .text is hundreds of megabytes of digits. */
static const uint8_t hex_value[256] = {
#define INVALID16 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255
#define LETTERS 255, 10, 11, 12, 13, 14, 15, 255, 255, 255, 255, 255, 255, 255, 255, 255
    INVALID16, INVALID16, INVALID16, 0,         1,         2,         3,         4,
    5,         6,         7,         8,         9,         255,       255,       255,
    255,       255,       255,       LETTERS,   INVALID16, LETTERS,   INVALID16, INVALID16,
    INVALID16, INVALID16, INVALID16, INVALID16, INVALID16, INVALID16, INVALID16,
};

bool scan_hex(const char **at, uint64_t *value)
{
    const unsigned char *p = (const unsigned char *)*at;
    if (p[0] != '0' || p[1] != 'x')
        return false;
    p += 2;
    uint64_t v = 0;
    const unsigned char *first = p;
    for (; hex_value[*p] != 255; p++) {
        if (v >> 60)
            return false;
        v = v << 4 | hex_value[*p];
    }
    if (p == first)
        return false;
    *value = v;
    *at = (const char *)p;
    return true;
}

bool scan_decimal(const char **at, uint64_t *value)
{
    const char *p = *at;
    uint64_t v = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == *at)
        return false;
    *value = v;
    *at = p;
    return true;
}

bool scan_bytes(const char **at, uint8_t *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)*at;
    memset(bytes, 0, size);
    if (p[0] == '0' && hex_value[p[1]] == 255) {
        *at += 1;
        return true;
    }
    size_t n = 0;
    for (; hex_value[p[0]] != 255; p += 2, n++) {
        if (n == size || hex_value[p[1]] == 255)
            return false;
        bytes[n] = (uint8_t)(hex_value[p[0]] << 4 | hex_value[p[1]]);
    }
    if (n == 0)
        return false;
    *at = (const char *)p;
    return true;
}

bool scan_blanks(const char **at)
{
    const char *p = *at;
    while (*p == ' ' || *p == '\t')
        p++;
    bool any = p != *at;
    *at = p;
    return any;
}

bool scan_end(const char *at)
{
    scan_blanks(&at);
    return *at == '\0' || (*at == '\r' && at[1] == '\0');
}
