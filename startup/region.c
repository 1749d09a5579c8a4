/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions about the captured image. */
#include "elfie.h"

int elfie_captured(uint64_t begin, uint64_t end)
{
    for (const struct elfie_region *r = elfie_regions; r->end; r++)
        if (begin >= r->begin && end <= r->end)
            return 1;
    return 0;
}

int elfie_any_captured(uint64_t begin, uint64_t end)
{
    for (const struct elfie_region *r = elfie_regions; r->end; r++)
        if (begin < r->end && r->begin < end)
            return 1;
    return 0;
}
