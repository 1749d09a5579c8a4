/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints config.S: struct elfie_config and struct elfie_marks of startup/elfie.h. A file to be
 * edited: it has a digest, like the linker script. */
#include "../startup/flags.h"
#include "digest.h"
#include "emit.h"
#include "error.h"
#include "names.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>

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
                w->icount, w->pc, w->count, end, e->pc, e->count, thread->number);
    }
}

static void emit_head(FILE *to, const struct checkpoint *c)
{
    fputs("/* config.S: what the runtime has to know of the ELFie \"", to);
    put_comment(to, c->name);
    fputs("\".\n * Edit and run `make ELFIE=", to);
    put_comment(to, c->name);
    fputs("` again: this file is kept as long as you have changed it.\n * `make ELFIE=", to);
    put_comment(to, c->name);
    fputs(" regen` throws your changes away.\n"
          " * digest " EMPTY_DIGEST
          " of this file as it was made; it tells an edited file from a fresh one. */\n\n",
          to);
}

static void emit_flags(FILE *to, uint64_t flags)
{
    static const struct {
        uint64_t flag;
        const char *meaning;
    } meanings[] = {
#define ROW(name, bit, meaning) {UINT64_C(1) << bit, meaning},
        ELFIE_FLAGS(ROW)
#undef ROW
    };
    fprintf(to, "        .quad    0x%-20" PRIx64 " # flags, the sum of:\n", flags);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        fprintf(to, "        %-31s #   %s 0x%02" PRIx64 ": %s\n", "",
                flags & meanings[i].flag ? "*" : " ", meanings[i].flag, meanings[i].meaning);
}

/* The name of a function or a string, or 0. */
static void emit_name(FILE *to, const char *name, const char *comment)
{
    fprintf(to, "        .quad    %-22s # %s\n", name ? name : "0", comment);
}

/* A name and its string, which may be missing. */
static void emit_string(FILE *to, const char *label, const char *value)
{
    if (!value)
        return;
    fprintf(to, "%s:\n        .asciz   ", label);
    put_quoted(to, value);
    fputc('\n', to);
}

static void emit_strings(FILE *to, const struct checkpoint *c, const struct config_options *o)
{
    fputs("\n        .section .rodata.elfie.config, \"a\", @progbits\n", to);
    emit_string(to, "elfie_name", c->name);
    emit_string(to, "elfie_perf_prefix", o->perf_prefix);
    emit_string(to, "elfie_message", o->message);
}

/* struct elfie_config */
static void emit_table(FILE *to, const struct checkpoint *c, const struct config_options *o)
{
    fprintf(to, "        .section .data.elfie.config, \"aw\", @progbits\n"
                "        .balign  8\n"
                "        .globl   elfie_config\n"
                "        .hidden  elfie_config\n");
    if (o->on_exit && o->may_lack_exit) /* that of the kind or of the user's, if they have one */
        fprintf(to, "        .weak    %s\n", o->on_exit);
    fprintf(to,
            "elfie_config:\n"
            "        .quad    %-22u # threads that are started\n",
            c->num_threads);
    emit_needs(to, checkpoint_needs(c), "the contexts");
    emit_needs(to, c->code_needs, "the code, where --scan has looked");
    emit_name(to, o->on_start, "called once, before any thread is started");
    emit_name(to, o->on_thread_start, "called in each thread, before the region");
    emit_name(to, "elfie_name", "of the pinball, for messages");
    emit_name(to, o->on_exit, "called in the monitor, after all threads have ended; or 0");
    emit_flags(to, o->flags);
    emit_name(to, o->perf_prefix ? "elfie_perf_prefix" : NULL,
              "first part of the names of perf reports; or 0");
    emit_name(to, o->message ? "elfie_message" : NULL, "printed by sim ELFies; or 0");
    emit_name(to, c->replay ? "elfie_replay" : NULL, "recorded answers of system calls; or 0");
}

char *emit_config(const struct checkpoint *c, const struct config_options *o)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        fail("out of memory");
    emit_head(to, c);
    emit_table(to, c, o);
    emit_marks(to, c);
    emit_strings(to, c, o);
    emit_note(to, c);
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
    if (fclose(to))
        fail("out of memory");
    digest_fill_in(text, "config.S");
    return text;
}
