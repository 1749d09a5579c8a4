/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a page of memory, gives its lines of text. No printf: this is the recorder's inner loop. */
#include "encode.h"

#include <string.h>

static unsigned hex_length(uint64_t value)
{
    return value ? (unsigned)(67 - __builtin_clzll(value)) / 4 : 1;
}

/* 2^N has (N + 1) * 1233 / 4096 decimal digits or one more. */
static unsigned decimal_length(uint64_t value)
{
    static const uint64_t powers[] = {
        0,
        10,
        100,
        1000,
        10000,
        100000,
        1000000,
        10000000,
        100000000,
        1000000000,
        10000000000,
        100000000000,
        1000000000000,
        10000000000000,
        100000000000000,
        1000000000000000,
        10000000000000000,
        100000000000000000,
        1000000000000000000,
        10000000000000000000U,
    };
    unsigned guess = (64 - (unsigned)__builtin_clzll(value | 1)) * 1233 >> 12;
    return guess + (value >= powers[guess]);
}

/* The 8 hexadecimal digits of VALUE, the first one in the lowest byte: each digit gets a byte of
 * its own, and those from 10 on are moved up to the letters. */
static uint64_t spread_hex(uint32_t value)
{
    uint64_t digits = __builtin_bswap32(value);
    digits = (digits & 0xffff) | (digits & 0xffff0000) << 16;
    digits = (digits & 0x000000ff000000ff) | (digits & 0x0000ff000000ff00) << 8;
    digits = (digits & 0x00f000f000f000f0) >> 4 | (digits & 0x000f000f000f000f) << 8;
    uint64_t letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return digits + 0x3030303030303030 + letters * ('a' - '9' - 1);
}

/* Writes 16 bytes, whatever DIGITS is. */
static char *put_hex(char *text, uint64_t value, unsigned digits)
{
    value <<= 4 * (16 - digits);
    uint64_t halves[2] = {spread_hex((uint32_t)(value >> 32)), spread_hex((uint32_t)value)};
    memcpy(text, halves, sizeof halves);
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
