/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_lc.h: printing to a descriptor, each thing by one write. */
#include "lte_lc.h"

/* Digits, then the closing character if there is one. */
static ssize_t print_number(int fd, uint64_t value, unsigned radix, const char *closing)
{
    char text[66];
    char *end = text + sizeof text, *p = end;
    if (radix < 2 || radix > 16)
        return -1;
    if (closing)
        *--p = *closing;
    do {
        *--p = "0123456789abcdef"[value % radix];
        value /= radix;
    } while (value);
    return lte_write(fd, p, (size_t)(end - p));
}

ssize_t lte_puts(int fd, const char *s)
{
    return lte_write(fd, s, lte_strlen(s) - 1);
}

ssize_t lte_putc(int fd, char c)
{
    return lte_write(fd, &c, 1);
}

ssize_t lte_diprintf(int fd, uint64_t value)
{
    return print_number(fd, value, 10, NULL);
}

ssize_t lte_xiprintf(int fd, uint64_t value)
{
    return print_number(fd, value, 16, NULL);
}

ssize_t lte_iprintf(int fd, uint64_t value, unsigned radix)
{
    return print_number(fd, value, radix, NULL);
}

ssize_t lte_diprintfe(int fd, uint64_t value, char c)
{
    return print_number(fd, value, 10, &c);
}

ssize_t lte_xiprintfe(int fd, uint64_t value, char c)
{
    return print_number(fd, value, 16, &c);
}

ssize_t lte_iprintfe(int fd, uint64_t value, unsigned radix, char c)
{
    return print_number(fd, value, radix, &c);
}
