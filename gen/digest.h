/* SPDX-License-Identifier: BSD-3-Clause */
/* The digest in a linker script, which tells a script that somebody has edited from one that is
 * as it was generated. It guards against loss by accident, not against intent. */
#ifndef GEN_DIGEST_H
#define GEN_DIGEST_H

#include <stdbool.h>

#define EMPTY_DIGEST "00000000"

/* Puts the digest in the place of EMPTY_DIGEST behind the first line that begins with " * digest ".
 * A script without that ends the program; TEMPLATE_PATH is for the message. */
void digest_fill_in(char *script, const char *template_path);

enum script_state { SCRIPT_MISSING, SCRIPT_AS_GENERATED, SCRIPT_EDITED };

/* Looks at the script in file PATH. SAME tells whether it was generated as FRESH is now, whatever
 * has been edited since. */
enum script_state digest_check(const char *path, const char *fresh, bool *same);

#endif
