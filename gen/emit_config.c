/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints config.S: struct elfie_config of startup/elfie.h. */
#include "emit.h"

#include "names.h"

#include <inttypes.h>
#include <stdlib.h>

/* A string for .asciz: everything but plain characters as an octal escape. */
static void put_string(FILE *to, const char *s)
{
    fputc('"', to);
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\')
            fprintf(to, "\\%03o", *p);
        else
            fputc(*p, to);
    fputc('"', to);
}

/* A note that readelf -n prints as text: the packaging metadata of the freedesktop.org
 * specification, a JSON object. */
static void emit_note(FILE *to, const struct checkpoint *c)
{
    char *name = names_plain(c->name);
    fprintf(
        to,
        "        .section .note.elfie, \"a\", @note\n"
        "        .balign  4\n"
        "        .long    4, 2f - 1f, 0xcafe1a7e\n"
        "        .asciz   \"FDO\"\n"
        "1:      .ascii   \"{\\\"type\\\":\\\"elfie\\\",\\\"tool\\\":\\\"pinball2elf %s\\\",\"\n"
        "        .ascii   \"\\\"pinball\\\":\\\"%s\\\",\\\"threads\\\":%u,\"\n",
        ELFIE_VERSION, name, c->num_threads);
    if (c->threads[0].has_icount)
        fprintf(to, "        .ascii   \"\\\"instructions\\\":%" PRIu64 ",\"\n",
                c->threads[0].icount);
    fputs("        .ascii   \"\\\"needs\\\":\\\"", to);
    needs_print(to, checkpoint_needs(c));
    if (c->scanned_instructions) {
        fputs("\\\",\\\"code_needs\\\":\\\"", to);
        needs_print(to, c->code_needs);
    }
    fputs("\\\"}\\0\"\n"
          "2:      .balign  4\n",
          to);
    free(name);
}

static void emit_needs(FILE *to, uint64_t needs, const char *whose)
{
    fprintf(to, "        .quad    0x%-20" PRIx64 " # needs of %s: ", needs, whose);
    needs_print(to, needs);
    fputc('\n', to);
}

void emit_config(FILE *to, const struct checkpoint *c)
{
    fprintf(to,
            "# What the runtime has to know about this ELFie.\n"
            "        .section .data.elfie.config, \"aw\", @progbits\n"
            "        .balign  8\n"
            "        .globl   elfie_config\n"
            "        .hidden  elfie_config\n"
            "elfie_config:\n"
            "        .quad    %-22u # threads that are started\n",
            c->num_threads);
    emit_needs(to, checkpoint_needs(c), "the contexts");
    emit_needs(to, c->code_needs, "the code, where --scan has looked");
    fputs("        .quad    elfie_on_start         # called once, before any thread is started\n"
          "        .quad    elfie_on_thread_start  # called in each thread\n"
          "        .quad    elfie_name             # of the pinball, for messages\n",
          to);
    fprintf(to, "        .quad    %-22s # recorded answers of system calls\n\n",
            c->replay ? "elfie_replay" : "0");
    fputs("        .section .rodata.elfie.config, \"a\", @progbits\n"
          "elfie_name:\n"
          "        .asciz   ",
          to);
    put_string(to, c->name);
    fputs("\n", to);
    emit_note(to, c);
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
