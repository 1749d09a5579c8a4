/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a page of memory, gives its lines of text. No printf: this is the recorder's inner loop. */
#include "encode.h"

#include <emmintrin.h> /* SSE2, which each x86-64 processor has */
#include <stdbool.h>
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

/* The DIGITS lowest hexadecimal digits of VALUE, 1 to 16. Writes 16 bytes, whatever DIGITS is. */
static char *put_hex(char *text, uint64_t value, unsigned digits)
{
    const __m128i low = _mm_set1_epi8(15), nine = _mm_set1_epi8(9);
    __m128i bytes = _mm_cvtsi64_si128((int64_t)__builtin_bswap64(value << 4 * (16 - digits)));
    __m128i values =
        _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi64(bytes, 4), low), _mm_and_si128(bytes, low));
    __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(values, nine), _mm_set1_epi8('a' - '9' - 1));
    __m128i characters = _mm_add_epi8(_mm_add_epi8(values, _mm_set1_epi8('0')), letters);
    _mm_storeu_si128((__m128i *)text, characters);
    return text + digits;
}

/* The 8 decimal digits of VALUE, below 10^8, the first one in the lowest byte: halves, then pairs,
 * then single digits in parts of a word. Divisions by 100 and 10 are multiplications. */
static inline uint64_t spread_decimal(uint64_t value)
{
    uint64_t halves = value / 10000 | value % 10000 << 32;
    uint64_t upper = (halves * 5243 >> 19) & 0x0000007f0000007f;
    uint64_t pairs = upper | (halves - 100 * upper) << 16;
    uint64_t tens = (pairs * 103 >> 10) & 0x000f000f000f000f;
    return (tens | (pairs - 10 * tens) << 8) + 0x3030303030303030;
}

/* Writes up to 20 bytes, whatever VALUE is. Few branches: the lengths of differences are not
 * foreseeable, and a branch that is not costs more than all else here. */
static char *put_decimal(char *text, uint64_t value)
{
    const uint64_t limit = 10000000000000000; /* 10^16 */
    unsigned digits = decimal_length(value);
    if (value < 100000000) {
        uint64_t few = spread_decimal(value) >> 8 * (8 - digits);
        memcpy(text, &few, sizeof few);
        return text + digits;
    }
    if (value >= limit) {
        text = put_decimal(text, value / limit);
        value %= limit;
        digits = 16;
    }
    unsigned __int128 padded = spread_decimal(value % 100000000);
    padded = padded << 64 | spread_decimal(value / 100000000);
    padded >>= 8 * (16 - digits);
    memcpy(text, &padded, sizeof padded);
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

/* As put_difference(), for two different values below 16. */
static char *put_small(char *text, uint64_t value, uint64_t previous)
{
    uint32_t difference = (uint32_t)(value - previous), number = (uint32_t)value;
    uint32_t letter = number > 9 ? 'a' - '9' - 1 : 0;
    uint32_t as_value = '0' | 'x' << 8 | ('0' + number + letter) << 16 | (uint32_t)'\n' << 24;
    uint32_t as_difference = ';' | ('0' + difference) << 8 | (uint32_t)'\n' << 16;
    bool is_shorter = difference <= 9;
    uint32_t line = is_shorter ? as_difference : as_value;
    memcpy(text, &line, sizeof line);
    return text + (is_shorter ? 3 : 4);
}

/* A value as ";DIFFERENCE" if that is shorter than "0xVALUE", as PinPlay does. Differences are
 * signed and wrap around at 64 bits. */
static char *put_difference(char *text, uint64_t value, uint64_t previous)
{
    if ((value | previous) < 16)
        return put_small(text, value, previous);
    uint64_t difference = value - previous;
    unsigned sign = (unsigned)(difference >> 63);
    difference = (difference ^ -(uint64_t)sign) + sign; /* its amount, without a branch */
    /* Most often the lower bound of decimal_length() decides. */
    unsigned room = 2 + hex_length(value), bits = 64 - (unsigned)__builtin_clzll(difference);
    if (1 + sign + (bits * 1233 >> 12) >= room || 1 + sign + decimal_length(difference) >= room)
        return put_value(text, value, 1);
    text[0] = ';';
    text[1] = '-';
    text = put_decimal(text + 1 + sign, difference);
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
