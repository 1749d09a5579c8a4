/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a page of memory, gives its lines of text. No printf: this is the recorder's inner loop. */
#include "encode.h"

#include <string.h>

static unsigned hex_length(uint64_t value)
{
    return value ? (unsigned)(67 - __builtin_clzll(value)) / 4 : 1;
}

static unsigned decimal_length(uint64_t value)
{
    unsigned length = 1;
    for (; value >= 10000; value /= 10000)
        length += 4;
    return length + (value >= 10) + (value >= 100) + (value >= 1000);
}

static char *put_hex(char *text, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    return text + digits;
}

static char *put_decimal(char *text, uint64_t value)
{
    unsigned digits = decimal_length(value);
    for (unsigned i = digits; i-- > 0; value /= 10)
        text[i] = (char)('0' + value % 10);
    return text + digits;
}

/* "0x", at least MINIMUM digits, end of line. */
static char *put_value(char *text, uint64_t value, unsigned minimum)
{
    unsigned digits = hex_length(value);
    *text++ = '0';
    *text++ = 'x';
    text = put_hex(text, value, digits > minimum ? digits : minimum);
    *text++ = '\n';
    return text;
}

static char *put_repeats(char *text, unsigned repeats)
{
    if (repeats == 0)
        return text;
    *text++ = ':';
    text = put_decimal(text, repeats);
    *text++ = '\n';
    return text;
}

/* A value as ";DIFFERENCE" if that is shorter than "0xVALUE", as PinPlay does. Differences are
 * signed and wrap around at 64 bits. */
static char *put_difference(char *text, uint64_t value, uint64_t previous)
{
    uint64_t difference = value - previous;
    unsigned sign = (unsigned)(difference >> 63);
    if (sign)
        difference = -difference;
    if (1 + sign + decimal_length(difference) >= 2 + hex_length(value))
        return put_value(text, value, 1);
    *text++ = ';';
    if (sign)
        *text++ = '-';
    text = put_decimal(text, difference);
    *text++ = '\n';
    return text;
}

static char *encode_2_11(const uint64_t *values, char *text)
{
    unsigned repeats = 0;
    text = put_value(text, values[0], 1);
    for (unsigned i = 1; i < ENCODE_QUADWORDS; i++) {
        if (values[i] == values[i - 1]) {
            repeats++;
            continue;
        }
        text = put_repeats(text, repeats);
        repeats = 0;
        text = put_difference(text, values[i], values[i - 1]);
    }
    return put_repeats(text, repeats);
}

static char *encode_2_6(const uint64_t *values, char *text)
{
    for (unsigned i = 0; i < ENCODE_QUADWORDS; i++)
        text = put_value(text, values[i], 9);
    return text;
}

size_t encode_page(enum log_format format, uint64_t address,
                   const uint64_t values[ENCODE_QUADWORDS], char *text)
{
    static const uint64_t zeros[ENCODE_QUADWORDS];
    char *start = text;
    *text++ = '/';
    text = put_value(text, address, 9) - 1;
    memcpy(text, " 0 0\n", 5);
    text += 5;
    if (!values)
        values = zeros;
    text = format == LOG_FORMAT_2_6 ? encode_2_6(values, text) : encode_2_11(values, text);
    return (size_t)(text - start);
}
