/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints symbols.S: the names of the recorded program's functions and variables, twice.
 *
 * As symbols of the ELFie, for gdb, perf and objdump. Those in a region that lies at its own
 * address in a header are relative to its section, which is what perf wants to see; those in
 * moved regions are absolute, at the address where they will be. Names are local, and one that
 * comes a second time carries the name of its module.
 *
 * As a table for the runtime's own messages: struct elfie_symbol and elfie_module of
 * startup/elfie.h, sorted by address. */
#include "emit.h"
#include "error.h"
#include "names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- symbols of the ELFie -------------------------------------------------------------------- */

/* The piece in a header whose content holds ADDRESS, or NULL. Addresses come in rising order, so
 * the search goes on from the piece before. */
static const struct piece *piece_at(const struct layout *l, uint64_t address, size_t *from)
{
    for (; *from < l->num_pieces; ++*from) {
        const struct piece *p = &l->pieces[*from];
        if (address < p->address)
            return NULL;
        if (address < p->address + p->file_pages * PAGE_SIZE)
            return p->placement == IN_HEADER ? p : NULL;
    }
    return NULL;
}

/* Up to the next symbol where the pinball does not say, but not beyond the module. */
static uint64_t symbol_size(const struct checkpoint *c, size_t index)
{
    const struct symbol *s = &c->symbols[index];
    if (s->size)
        return s->size;
    uint64_t end = c->modules[s->module].end;
    for (size_t i = index + 1; i < c->num_symbols; i++)
        if (c->symbols[i].address > s->address) {
            end = c->symbols[i].address < end ? c->symbols[i].address : end;
            break;
        }
    return end > s->address ? end - s->address : 0;
}

/* A section of this file for each piece in a header, for symbols to be relative to. It adds
 * nothing to the one of pages.S, in front of which the linker script puts it. */
static void emit_anchor(FILE *to, const struct layout *l, const struct piece *p)
{
    char name[SECTION_NAME];
    section_name(l, p->address, name);
    fprintf(to,
            "        .section %s, \"awx\", @progbits\n"
            ".Lpage.%" PRIx64 ":\n",
            name, p->address);
}

/* gdb takes these in an executable for a sign that a dynamic loader or libpthread is at work in it,
 * and looks there before the region starts, where nothing is yet (gdb 13: solib-svr4.c,
 * bkpt_names; libthread_db's nptl_version). They get the name of their module. */
static bool is_debuggers(const char *name)
{
    static const char *const names[] = {
        "_dl_debug_state", "_r_debug_state",    "r_debug_state",
        "_r_debug",        "_rtld_debug_state", "__dl_rtld_db_dlactivity",
        "nptl_version",    "__nptl_version",    "rtld_db_dlactivity"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static void emit_elf_symbols(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    struct names *seen = names_new();
    size_t piece = 0;
    names_unique(seen, "_start", ""); /* the ELFie's own */
    for (size_t i = 0; i < l->num_pieces; i++)
        if (l->pieces[i].placement == IN_HEADER)
            emit_anchor(to, l, &l->pieces[i]);
    for (size_t i = 0; i < c->num_symbols; i++) {
        const struct symbol *s = &c->symbols[i];
        const char *module = c->modules[s->module].name;
        char *longer = xasprintf("%s:%s", module, s->name);
        char *name = names_unique(seen, is_debuggers(s->name) ? longer : s->name, module);
        free(longer);
        if (!name || !region_at(l, s->address))
            continue;
        const struct piece *p = piece_at(l, s->address, &piece);
        fprintf(to, "        .set \"%s\", ", name);
        if (p)
            fprintf(to, ".Lpage.%" PRIx64 " + 0x%" PRIx64 "\n", p->address,
                    s->address - p->address);
        else
            fprintf(to, "0x%" PRIx64 "\n", s->address);
        fprintf(to, "        .type \"%s\", @%s\n        .size \"%s\", 0x%" PRIx64 "\n", name,
                is_executed(c, s->address, s->address + 1) ? "function" : "object", name,
                symbol_size(c, i));
    }
    names_free(seen);
}

/* --- table for messages ---------------------------------------------------------------------- */

static void emit_modules(FILE *to, const struct checkpoint *c)
{
    fputs("\n        .section .rodata.elfie.symbols, \"a\", @progbits\n"
          "        .balign 8\n"
          "        .globl  elfie_modules, elfie_symbols\n"
          "        .hidden elfie_modules, elfie_symbols\n"
          "# begin, end, name\n"
          "elfie_modules:\n",
          to);
    for (size_t i = 0; i < c->num_modules; i++)
        fprintf(to, "        .quad 0x%" PRIx64 ", 0x%" PRIx64 ", .Lm%zu\n", c->modules[i].base,
                c->modules[i].end, i);
    fputs("        .quad 0, 0, 0\n", to);
    for (size_t i = 0; i < c->num_modules; i++) {
        char *name = names_plain(c->modules[i].name);
        fprintf(to, ".Lm%zu: .asciz \"%s\"\n", i, name);
        free(name);
    }
}

static void emit_table(FILE *to, const struct checkpoint *c)
{
    fputs("        .balign 8\n# address, size, name\nelfie_symbols:\n", to);
    for (size_t i = 0; i < c->num_symbols; i++)
        fprintf(to, "        .quad 0x%" PRIx64 ", 0x%" PRIx64 ", .Ls%zu\n", c->symbols[i].address,
                symbol_size(c, i), i);
    fputs("        .quad 0, 0, 0\n", to);
    for (size_t i = 0; i < c->num_symbols; i++) {
        char *name = names_plain(c->symbols[i].name);
        fprintf(to, ".Ls%zu: .asciz \"%s\"\n", i, name);
        free(name);
    }
}

void emit_symbols(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    fputs("# Names of the recorded program's functions and variables.\n", to);
    emit_elf_symbols(to, c, l);
    emit_modules(to, c);
    emit_table(to, c);
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
