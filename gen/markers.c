/* SPDX-License-Identifier: BSD-3-Clause */
/* See markers.h. Sources: Sniper, include/sim_api.h (SimMagic); Intel SDE, "SSC marks"; Simics,
 * "magic instructions" of the x86 models; gem5, include/gem5/asm/generic/m5ops.h (work_begin,
 * work_end) and util/m5/src/abi/x86/m5op.S. */
#include "markers.h"
#include "error.h"
#include "scan.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint32_t max; /* of the tag */
} types[NUM_MARKER_TYPES] = {
    [SNIPER] = {"sniper", UINT32_MAX},
    [SSC] = {"ssc", UINT32_MAX},
    [SIMICS] = {"simics", 0xffff},
    [GEM5] = {"gem5", UINT32_MAX},
};

static void add(struct markers *m, enum marker_type type, uint32_t tag)
{
    m->list = xreallocarray(m->list, m->count + 1, sizeof *m->list);
    m->list[m->count++] = (struct marker){type, tag};
}

bool markers_add(struct markers *m, const char *text, unsigned otherwise)
{
    const char *colon = strchr(text, ':');
    const char *at = colon ? colon + 1 : text;
    uint64_t tag;
    unsigned wanted = colon ? 0 : otherwise;
    for (int type = 0; colon && type < NUM_MARKER_TYPES; type++)
        if (strlen(types[type].name) == (size_t)(colon - text) &&
            !strncasecmp(types[type].name, text, (size_t)(colon - text)))
            wanted = 1u << type;
    if (!wanted || (!scan_hex(&at, &tag) && !scan_decimal(&at, &tag)) || *at)
        return false;
    for (int type = 0; type < NUM_MARKER_TYPES; type++)
        if (wanted >> type & 1 && tag > types[type].max)
            return false;
    for (int type = 0; type < NUM_MARKER_TYPES; type++)
        if (wanted >> type & 1)
            add(m, (enum marker_type)type, (uint32_t)tag);
    return true;
}

void markers_emit(FILE *to, const struct markers *m, bool second)
{
    for (size_t i = 0; i < m->count; i++) {
        uint32_t tag = m->list[i].tag;
        switch (m->list[i].type) {
        case SNIPER:
            fprintf(to,
                    "        mov       $0x%" PRIx32 ", %%eax          # Sniper\n"
                    "        xchg      %%bx, %%bx\n",
                    tag);
            break;
        case SSC:
            fprintf(to,
                    "        mov       $0x%" PRIx32 ", %%ebx          # SSC mark\n"
                    "        .byte     0x64, 0x67, 0x90    # fs addr32 nop\n",
                    tag);
            break;
        case SIMICS:
            fprintf(to,
                    "        mov       $0x%" PRIx32 ", %%eax          # Simics\n"
                    "        cpuid\n",
                    tag << 16 | 0x4711);
            break;
        case GEM5:
            fprintf(to,
                    "        mov       $0x%" PRIx32 ", %%edi          # gem5: work item\n"
                    "        xor       %%esi, %%esi         # thread\n"
                    "        .byte     0x0f, 0x04, 0x%02x, 0 # work_%s\n",
                    tag, second ? 0x5b : 0x5a, second ? "end" : "begin");
            break;
        case NUM_MARKER_TYPES:
            break;
        }
    }
}
