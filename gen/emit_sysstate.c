/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints sysstate.S: struct elfie_sysstate of instrumentation/sysstate.h, what the startup restores
 * of files and of the kernel's state. */
#include "emit.h"
#include "output.h"
#include "sysstate.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of each row and of the head of the tables; see instrumentation/sysstate.h. */
enum { HEAD = 64, ROW = 64, ROW_OF_PATH = 8, ROW_OF_ADDRESS = 8 };

static const char *const actions[] = {
    [REOPEN_FILE] = "a file",
    [REOPEN_PATH] = "a directory or a device",
    [DUPLICATE] = "the same open file as",
    [UNAVAILABLE] = "cannot be opened again:",
};

static void emit_text(FILE *to, const char *label, size_t number, const char *text)
{
    if (!text)
        return;
    fprintf(to, "%s%zu: .asciz ", label, number);
    put_quoted(to, text);
    fputc('\n', to);
}

static void emit_reference(FILE *to, const char *label, size_t number, const char *text)
{
    if (text)
        fprintf(to, ", %s%zu", label, number);
    else
        fputs(", 0", to);
}

/* Without need there is no path of this machine in the ELFie. */
static bool needs_directory(const struct sysstate *s)
{
    bool needed = s->has_files || s->num_absolute;
    for (size_t i = 0; i < s->num_descriptors; i++)
        needed = needed || s->descriptors[i].copy;
    return needed;
}

static void emit_head(FILE *to, const struct sysstate *s)
{
    fprintf(to,
            "# What the startup restores of the pinball's sysstate. Edit, and link again.\n"
            "        .section .data.elfie.sysstate, \"aw\", @progbits\n"
            "        .balign  8\n"
            "        .globl   elfie_sysstate\n"
            "        .hidden  elfie_sysstate\n"
            "elfie_sysstate:\n"
            "        .quad    %-18s # where it is; ELFIE_SYSSTATE names another place\n"
            "        .quad    %-18s # working directory, relative to it; 0: the caller's\n"
            "        .quad    descriptors\n"
            "        .quad    %-18zu # how many there are\n"
            "        .quad    files              # that the region opens by absolute path\n"
            "        .quad    mapped             # addresses that its mmap calls gave\n"
            "        .quad    %-18zu # how many there are\n"
            "        .quad    %-18" PRIu64 " # process id when recorded; 0: not known\n\n",
            needs_directory(s) ? "directory" : "0", s->has_files ? "workdir" : "0",
            s->num_descriptors, s->num_mapped, s->pid);
}

static void emit_descriptors(FILE *to, const struct sysstate *s)
{
    fputs(
        "# Descriptors that were open before the region:\n"
        "# number, action, flags of open(2), offset (dup: the other one), lowest descriptor of "
        "the\n"
        "# same file, is it written, copy relative to the sysstate, path. Actions: 0 file,\n"
        "# 1 directory or device, 2 dup, 3 cannot be opened again. 0 to 2 are the caller's unless\n"
        "# ELFIE_STDIO is set.\n"
        "descriptors:\n",
        to);
    for (size_t i = 0; i < s->num_descriptors; i++) {
        const struct descriptor *d = &s->descriptors[i];
        uint64_t offset = d->action == DUPLICATE ? d->original : d->offset;
        fprintf(to, "        .quad %4" PRIu32 ", %d, %#9" PRIx32 ", %6" PRIu64 ", %4" PRIu32 ", %d",
                d->number, (int)d->action, d->flags, offset, d->file, d->written);
        emit_reference(to, "copy", i, d->copy);
        emit_reference(to, "path", i, d->path);
        fprintf(to, " # %s ", actions[d->action]);
        if (d->action == DUPLICATE)
            fprintf(to, "descriptor %" PRIu32, d->original);
        else
            put_comment(to, d->copy ? d->copy : d->path);
        fputc('\n', to);
    }
    fputs("\n", to);
}

static void emit_lists(FILE *to, const struct sysstate *s)
{
    fputs("# Looked for at startup, and named when missing.\nfiles:\n", to);
    for (size_t i = 0; i < s->num_absolute; i++)
        fprintf(to, "        .quad    file%zu\n", i);
    fputs("        .quad    0\n\nmapped:\n", to);
    for (size_t i = 0; i < s->num_mapped; i++)
        fprintf(to, "        .quad    0x%016" PRIx64 "\n", s->mapped[i]);
}

void emit_sysstate(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    const struct sysstate *s = c->sysstate;
    (void)l;
    emit_head(to, s);
    emit_descriptors(to, s);
    emit_lists(to, s);
    fputs("\n        .section .rodata.elfie.sysstate, \"a\", @progbits\n", to);
    if (needs_directory(s)) {
        fputs("directory: .asciz ", to);
        put_quoted(to, s->directory);
        fputc('\n', to);
    }
    if (s->has_files) {
        fputs("workdir: .asciz ", to);
        put_quoted(to, s->workdir);
        fputc('\n', to);
    }
    for (size_t i = 0; i < s->num_descriptors; i++) {
        emit_text(to, "copy", i, s->descriptors[i].copy);
        emit_text(to, "path", i, s->descriptors[i].path);
    }
    for (size_t i = 0; i < s->num_absolute; i++)
        emit_text(to, "file", i, s->absolute[i]);
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}

static uint64_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

uint64_t sysstate_size(const struct checkpoint *c)
{
    const struct sysstate *s = c->sysstate;
    uint64_t size = HEAD + text_size(s->directory) + text_size(s->workdir) +
                    s->num_mapped * ROW_OF_ADDRESS + s->num_descriptors * ROW +
                    (s->num_absolute + 1) * ROW_OF_PATH;
    for (size_t i = 0; i < s->num_descriptors; i++)
        size += text_size(s->descriptors[i].copy) + text_size(s->descriptors[i].path);
    for (size_t i = 0; i < s->num_absolute; i++)
        size += text_size(s->absolute[i]);
    return size;
}
