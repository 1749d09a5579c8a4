/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints pages.S: the content of each output section of the linker script, out of pages.bin. */
#include "emit.h"

#include <inttypes.h>

static void emit_piece(FILE *to, const struct checkpoint *c, const struct piece *p)
{
    for (size_t i = p->first_run; i < p->first_run + p->num_runs; i++)
        fprintf(to, "        .incbin \"pages.bin\", 0x%" PRIx64 ", 0x%" PRIx64 "\n",
                c->runs[i].offset, c->runs[i].pages * PAGE_SIZE);
}

static void begin_section(FILE *to, const struct layout *l, uint64_t address)
{
    char name[SECTION_NAME];
    section_name(l, address, name);
    fprintf(to, "        .section %s, \"awx\", @progbits\n", name);
}

void emit_pages(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    fputs("# Pages of the image: offset and length in pages.bin. Where each section goes is the\n"
          "# linker script's business.\n",
          to);
    for (size_t i = 0; i < l->num_pieces; i++)
        if (l->pieces[i].placement == IN_HEADER) {
            begin_section(to, l, l->pieces[i].address);
            emit_piece(to, c, &l->pieces[i]);
        }
    for (size_t i = 0; i < l->num_staged; i++) {
        const struct staged_section *s = &l->staged[i];
        begin_section(to, l, staged_address(l, s));
        for (size_t k = s->first_piece; k < s->first_piece + s->num_pieces; k++)
            emit_piece(to, c, &l->pieces[k]);
    }
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
