/* SPDX-License-Identifier: BSD-3-Clause */
/* The digest in a file that is generated and may be edited, the linker script or config.S: it tells
 * one that somebody has edited from one that is as it was generated. It guards against loss by
 * accident, not against intent. */
#ifndef GEN_DIGEST_H
#define GEN_DIGEST_H

#include <stdbool.h>

#define EMPTY_DIGEST "00000000"

/* Puts the digest in the place of EMPTY_DIGEST behind the first line that begins with " * digest ".
 * A text without that ends the program; TEMPLATE_PATH is for the message. */
void digest_fill_in(char *text, const char *template_path);

enum file_state { FILE_MISSING, FILE_AS_GENERATED, FILE_EDITED };

/* Looks at the file PATH. SAME tells whether it was generated as FRESH is now, whatever
 * has been edited since. */
enum file_state digest_check(const char *path, const char *fresh, bool *same);

#endif
