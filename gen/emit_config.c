/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints config.S: struct elfie_config of startup/elfie.h. */
#include "emit.h"

#include <inttypes.h>

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

void emit_config(FILE *to, const struct checkpoint *c)
{
    fprintf(
        to,
        "# What the runtime has to know about this ELFie.\n"
        "        .section .data.elfie.config, \"aw\", @progbits\n"
        "        .balign  8\n"
        "        .globl   elfie_config\n"
        "        .hidden  elfie_config\n"
        "elfie_config:\n"
        "        .quad    %u                     # threads that are started\n"
        "        .quad    0x%x                   # processor: 1 AVX, 2 AVX512F, 4 AVX512BW, 8 AMX\n"
        "        .quad    elfie_on_start        # called once, before any thread is started\n"
        "        .quad    elfie_on_thread_start # called in each thread\n"
        "        .quad    elfie_name            # of the pinball, for messages\n\n"
        "        .section .rodata.elfie.config, \"a\", @progbits\n"
        "elfie_name:\n"
        "        .asciz   ",
        c->num_threads, checkpoint_needs(c));
    put_string(to, c->name);
    fputs("\n        .section .note.GNU-stack, \"\", @progbits\n", to);
}
