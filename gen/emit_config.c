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

/* struct elfie_marks: a row for each thread. */
static void emit_marks(FILE *to, const struct checkpoint *c)
{
    fputs(
        "\n# Where the warm-up and the simulation of each thread end: number of instructions from "
        "the\n"
        "# start of the region, or address and how often it runs from there; 0: not known.\n"
        "        .section .data.elfie.marks, \"aw\", @progbits\n"
        "        .balign  8\n"
        "        .globl   elfie_marks\n"
        "        .hidden  elfie_marks\n"
        "elfie_marks:\n"
        "#                warmup_icount, warmup_pc, warmup_count, end_icount, end_pc, end_count\n",
        to);
    for (uint32_t t = 0; t < c->num_threads; t++) {
        const struct thread *thread = &c->threads[t];
        const struct mark *w = &thread->warmup, *e = &thread->end;
        uint64_t end = e->has_icount ? e->icount : thread->has_icount ? thread->icount : 0;
        fprintf(to,
                "        .quad    %" PRIu64 ", 0x%" PRIx64 ", %" PRIu64 ", %" PRIu64 ", 0x%" PRIx64
                ", %" PRIu64 " # thread %u\n",
                w->icount, w->pc, w->count, end, e->pc, e->count, t);
    }
}

/* The name of a function, or 0. */
static void emit_function(FILE *to, const char *name, const char *comment)
{
    fprintf(to, "        .quad    %-22s # %s\n", name ? name : "0", comment);
}

static void emit_string(FILE *to, const char *label, const char *value)
{
    fprintf(to, "%s:\n        .asciz   ", label);
    put_string(to, value);
    fputc('\n', to);
}

void emit_config(FILE *to, const struct checkpoint *c, const struct config_options *o)
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
    emit_function(to, o->on_start, "called once, before any thread is started");
    emit_function(to, o->on_thread_start, "called in each thread");
    emit_function(to, "elfie_name", "of the pinball, for messages");
    if (!o->on_exit) /* that of the kind, or of the user's objects, if they have one */
        fputs("        .weak    elfie_on_exit\n", to);
    emit_function(to, o->on_exit ? o->on_exit : "elfie_on_exit",
                  "called in the monitor, after all threads have ended; or 0");
    fprintf(to, "        .quad    0x%-20" PRIx64 " # flags: see below\n", o->flags);
    emit_function(to, o->perf_prefix ? "elfie_perf_prefix" : NULL,
                  "of the names of perf reports; or 0");
    emit_marks(to, c);
    fputs("\n        .section .rodata.elfie.config, \"a\", @progbits\n", to);
    emit_string(to, "elfie_name", c->name);
    if (o->perf_prefix)
        emit_string(to, "elfie_perf_prefix", o->perf_prefix);
    emit_note(to, c);
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
