/* SPDX-License-Identifier: BSD-3-Clause */
/* Text of a page, as B.text holds it. */
#ifndef ENCODE_H
#define ENCODE_H

#include <stddef.h>
#include <stdint.h>

enum log_format {
    LOG_FORMAT_2_6, /* 512 values a page */
    LOG_FORMAT_2_11 /* values, differences and repeats */
};

#define ENCODE_QUADWORDS 512
#define ENCODE_PAGE_MAX 12288 /* bytes that a page's text takes: 512 lines of 19, and its head */

/* Writes the page at ADDRESS to TEXT (at least ENCODE_PAGE_MAX bytes) and gives the length. VALUES
 * NULL: a page of zeros. */
size_t encode_page(enum log_format format, uint64_t address,
                   const uint64_t values[ENCODE_QUADWORDS], char *text);

#endif
