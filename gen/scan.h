/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers out of the text of a pinball. Each function looks at *AT, and when a number that fits
 * stands there, stores it, moves *AT behind it and returns true; otherwise nothing changes. */
#ifndef GEN_SCAN_H
#define GEN_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool scan_hex(const char **at, uint64_t *value);     /* 0x and 1 or more digits, below 2^64 */
bool scan_decimal(const char **at, uint64_t *value); /* 1 or more digits, below 2^64 */

/* "0", or up to SIZE bytes of two hex digits, least significant byte first; the rest of BYTES
 * becomes zero. */
bool scan_bytes(const char **at, uint8_t *bytes, size_t size);

/* Moves *AT over blanks; true when there was one at least. */
bool scan_blanks(const char **at);

/* True when only blanks are left. */
bool scan_end(const char *at);

#endif
