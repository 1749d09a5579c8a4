/* SPDX-License-Identifier: BSD-3-Clause */
/* Protects pages of the image, where the user wants less than what they are mapped with. */
#include "elfie.h"
#include "syscall.h"

void elfie_protect_all(void)
{
    for (const struct elfie_protection *p = elfie_protections; p->end; p++) {
        long result = elfie_syscall(__NR_mprotect, p->begin, p->end - p->begin, p->prot);
        if (result)
            elfie_fail("cannot protect the pages of the image; the region was not run", result);
    }
}
