/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the linker script: the template of ldscripts/, with its slots filled in. A slot that is
 * a line of its own takes lines. */
#include "digest.h"
#include "emit.h"
#include "error.h"
#include "output.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct context {
    const struct checkpoint *c;
    const struct layout *l;
};

static uint64_t staged_size(const struct layout *l, const struct staged_section *s)
{
    uint64_t pages = 0;
    for (size_t k = s->first_piece; k < s->first_piece + s->num_pieces; k++)
        pages += l->pieces[k].file_pages;
    return pages * PAGE_SIZE;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void put_summary(FILE *to, const struct context *x)
{
    const struct checkpoint *c = x->c;
    fprintf(to, "%zu region%s, %" PRIu64 " pages (%" PRIu64 " non-zero); %u thread%s",
            x->l->num_regions, plural(x->l->num_regions), c->pages, c->pages - c->zero_pages,
            c->num_threads, plural(c->num_threads));
    if (c->threads[0].has_icount)
        fprintf(to, "; %" PRIu64 " instructions of thread 0", c->threads[0].icount);
    fputc('.', to);
    if (c->command_line) {
        fputs("\n * Recorded from: ", to);
        put_comment(to, c->command_line);
    }
}

/* "step+0x12 in st"; true when the place has a name. */
static bool put_symbol(FILE *to, const struct checkpoint *c, uint64_t address, const char *before)
{
    const struct symbol *s = symbol_at(c, address);
    if (!s)
        return false;
    fputs(before, to);
    put_comment(to, s->name);
    if (address != s->address)
        fprintf(to, "+0x%" PRIx64, address - s->address);
    fputs(" in ", to);
    put_comment(to, c->modules[s->module].name);
    return true;
}

static void put_register(FILE *to, const struct context *x, uint32_t t, enum gpr gpr)
{
    uint64_t value = x->c->threads[t].gpr[gpr];
    const struct region *r = region_at(x->l, value);
    char section[SECTION_NAME];
    section_name(x->l, r ? r->begin : 0, section);
    fprintf(to, "t%u.%-7s = 0x%016" PRIx64 ";", x->c->threads[t].number, gpr_names[gpr], value);
    if (r && gpr == RIP) {
        fputs(" /* ", to);
        if (!put_symbol(to, x->c, value, ""))
            fprintf(to, "in %s: %s", section, r->label);
        fputs(" */", to);
    } else if (r && (gpr == RSP || gpr == FS_BASE)) {
        fprintf(to, " /* %s, in %s */", gpr == RSP ? "stack" : "TLS block", section);
    }
    fputc('\n', to);
}

static void put_contexts(FILE *to, const struct context *x)
{
    static const enum gpr order[NUM_GPRS] = {RIP, RSP, RFLAGS, FS_BASE, GS_BASE, RAX, RBX,
                                             RCX, RDX, RSI,    RDI,     RBP,     R8,  R9,
                                             R10, R11, R12,    R13,     R14,     R15};
    for (uint32_t t = 0; t < x->c->num_contexts; t++) {
        const struct thread *thread = &x->c->threads[t];
        fprintf(to, "\n/* Thread %u", thread->number);
        if (thread->has_icount)
            fprintf(to, ": %" PRIu64 " instructions", thread->icount);
        put_symbol(to, x->c, thread->gpr[RIP], thread->has_icount ? " from " : ": from ");
        fputs(" */\n", to);
        for (int i = 0; i < NUM_GPRS; i++)
            put_register(to, x, t, order[i]);
    }
}

/* --- program headers ------------------------------------------------------------------------ */

struct header {
    uint64_t address;
    uint64_t piece; /* number of a page header, or UINT64_MAX */
    const char *name;
    unsigned flags;
};

/* What the pages of a piece need together; the startup takes away what single ones have too much.
 */
static unsigned piece_flags(const struct context *x, const struct piece *p)
{
    const struct region *r = region_at(x->l, p->address);
    uint64_t end = p->address + (p->file_pages + p->zero_pages) * PAGE_SIZE;
    unsigned all = 0, flags;
    for (uint64_t at = p->address; at < end; at = protection_end(x->l, x->c, r, at, &flags)) {
        protection_end(x->l, x->c, r, at, &flags);
        all |= flags;
    }
    return all;
}

static int by_address(const void *a, const void *b)
{
    const struct header *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static size_t num_headers(const struct layout *l)
{
    return l->num_header_pieces + 3 + (l->num_staged != 0);
}

static void put_phdrs(FILE *to, const struct context *x)
{
    const struct layout *l = x->l;
    struct header *headers = xcalloc(num_headers(l), sizeof *headers);
    size_t count = 0;
    for (size_t i = 0; i < l->num_pieces; i++)
        if (l->pieces[i].placement == IN_HEADER) {
            headers[count] =
                (struct header){l->pieces[i].address, count, NULL, piece_flags(x, &l->pieces[i])};
            count++;
        }
    headers[count++] = (struct header){l->runtime.origin, UINT64_MAX, "runtime_text", 5};
    headers[count++] = (struct header){l->runtime.origin + 1, UINT64_MAX, "runtime_data", 6};
    if (l->num_staged)
        headers[count++] = (struct header){l->staging.origin, UINT64_MAX, "staged", 7};
    qsort(headers, count, sizeof *headers, by_address);
    for (size_t i = 0; i < count; i++)
        if (headers[i].name)
            fprintf(to, "  %s PT_LOAD FLAGS(%u);\n", headers[i].name, headers[i].flags);
        else
            fprintf(to, "  p%" PRIu64 " PT_LOAD FLAGS(%u);\n", headers[i].piece, headers[i].flags);
    fputs("  stack PT_GNU_STACK FLAGS(6);\n", to);
    free(headers);
}

/* --- the image ------------------------------------------------------------------------------ */

/* One output section, in columns: name, address (empty: the next one), content, where to, what. */
static void put_section(FILE *to, const char *name, const char *address, const char *content,
                        const char *area, const char *header, const char *label, uint64_t pages)
{
    char what[256];
    snprintf(what, sizeof what, "%s, %" PRIu64 " page%s", label, pages, plural(pages));
    fprintf(to, "  %-18s %-18s : %-33s > %s :%-6s /* %-32s */\n", name, address, content, area,
            header, what);
}

static void put_page_section(FILE *to, const struct layout *l, uint64_t page, bool own_address,
                             const char *area, const char *header, const char *label,
                             uint64_t pages)
{
    char name[SECTION_NAME], address[32] = "", content[SECTION_NAME + 16];
    section_name(l, page, name);
    if (own_address)
        snprintf(address, sizeof address, "0x%016" PRIx64, page);
    snprintf(content, sizeof content, "{ KEEP(*(%s)) }", name);
    put_section(to, name, address, content, area, header, label, pages);
}

static void put_zero_section(FILE *to, uint64_t page, const char *header, uint64_t pages)
{
    char name[32], address[32], content[64];
    snprintf(name, sizeof name, ".zero.%" PRIx64, page);
    snprintf(address, sizeof address, "0x%016" PRIx64, page);
    snprintf(content, sizeof content, "{ . += 0x%" PRIx64 "; }", pages * PAGE_SIZE);
    put_section(to, name, address, content, "image", header, "zero", pages);
}

static void put_image(FILE *to, const struct context *x)
{
    const struct layout *l = x->l;
    size_t number = 0;
    for (size_t i = 0; i < l->num_regions; i++) {
        const struct region *r = &l->regions[i];
        for (size_t k = r->first_piece; k < r->first_piece + r->num_pieces; k++) {
            const struct piece *p = &l->pieces[k];
            if (p->placement != IN_HEADER)
                continue;
            char header[32];
            snprintf(header, sizeof header, "p%zu", number++);
            put_page_section(to, l, p->address, true, "image", header, r->label, p->file_pages);
            if (p->zero_pages)
                put_zero_section(to, p->address + p->file_pages * PAGE_SIZE, header, p->zero_pages);
        }
    }
}

static void put_staged(FILE *to, const struct context *x)
{
    const struct layout *l = x->l;
    if (!l->num_staged)
        return;
    fputs("\n  /* To be moved: what cannot have its own address in a header, because the kernel's\n"
          "   * own stack and vdso live there, or because there is no header left. */\n",
          to);
    for (size_t i = 0; i < l->num_staged; i++) {
        uint64_t address = staged_address(l, &l->staged[i]);
        put_page_section(to, l, address, false, "staging", "staged", region_at(l, address)->label,
                         staged_size(l, &l->staged[i]) / PAGE_SIZE);
    }
}

static void put_moves(FILE *to, const struct context *x)
{
    const struct layout *l = x->l;
    for (size_t i = 0; i < l->num_moves; i++) {
        const struct move *m = &l->moves[i];
        if (m->section == NO_SECTION) {
            fprintf(to, "    QUAD(0)%25s QUAD(0x%016" PRIx64 ") QUAD(0x%" PRIx64 ")", "", m->to,
                    m->length);
        } else {
            char from[SECTION_NAME + 32], name[SECTION_NAME];
            section_name(l, staged_address(l, &l->staged[m->section]), name);
            if (m->offset)
                snprintf(from, sizeof from, "ADDR(%s) + 0x%" PRIx64, name, m->offset);
            else
                snprintf(from, sizeof from, "ADDR(%s)", name);
            fprintf(to, "    QUAD(%s)%*s QUAD(0x%016" PRIx64 ") QUAD(0x%" PRIx64 ")", from,
                    strlen(from) < 26 ? (int)(26 - strlen(from)) : 0, "", m->to, m->length);
        }
        fprintf(to, " /* %s */\n", m->label);
    }
}

static void put_regions(FILE *to, const struct context *x)
{
    for (size_t i = 0; i < x->l->num_regions; i++) {
        const struct region *r = &x->l->regions[i];
        fprintf(to, "    QUAD(0x%016" PRIx64 ") QUAD(0x%016" PRIx64 ") /* %s */\n", r->begin,
                r->end, r->label);
    }
}

/* A row for each part with a protection of its own; none where all may be read, written and
 * executed, which is how everything is mapped before. */
static void put_protections(FILE *to, const struct context *x)
{
    const struct layout *l = x->l;
    if ((l->options.text_flags & l->options.data_flags) == SEGMENT_RWX)
        return;
    for (size_t i = 0; i < l->num_regions; i++) {
        const struct region *r = &l->regions[i];
        unsigned flags;
        for (uint64_t at = r->begin, end; at < r->end; at = end) {
            end = protection_end(l, x->c, r, at, &flags);
            if (flags != SEGMENT_RWX)
                fprintf(to,
                        "    QUAD(0x%016" PRIx64 ") QUAD(0x%016" PRIx64
                        ") QUAD(%u) /* %s%s%s of %s */\n",
                        at, end, flags >> 2 | (flags & SEGMENT_W) | (flags & SEGMENT_X) << 2,
                        flags & SEGMENT_R ? "r" : "-", flags & SEGMENT_W ? "w" : "-",
                        flags & SEGMENT_X ? "x" : "-", r->label);
        }
    }
}

/* --- scalars -------------------------------------------------------------------------------- */

static void put_name(FILE *to, const struct context *x)
{
    put_comment(to, x->c->name);
}

static void put_version(FILE *to, const struct context *x)
{
    (void)x;
    fputs(ELFIE_VERSION, to);
}

static void put_layout(FILE *to, const struct context *x)
{
    fputs(x->l->options.compact ? "compact" : "direct", to);
}

static void put_level(FILE *to, const struct context *x)
{
    needs_print(to, checkpoint_needs(x->c));
    fputc('.', to);
    if (!x->c->scanned_instructions)
        return;
    fprintf(to, " Its code, %" PRIu64 " instructions that can be\n * reached without running it: ",
            x->c->scanned_instructions);
    needs_print(to, x->c->code_needs);
    fputc('.', to);
}

static void put_no_startup(FILE *to, const struct context *x)
{
    if (x->l->options.no_startup)
        fprintf(to,
                "PROVIDE(_start = t%u.rip); /* no startup: your own, or the region without it */\n",
                x->c->threads[0].number);
}

static void put_digest(FILE *to, const struct context *x)
{
    (void)x;
    fputs(EMPTY_DIGEST, to);
}

static void put_break(FILE *to, const struct context *x)
{
    fputs(x->l->break_is_recorded
              ? ""
              : "; the pinball does not say, this is the end of what looks like the heap",
          to);
}

static void put_replay(FILE *to, const struct context *x)
{
    if (x->c->replay)
        fprintf(to,
                "\n  /* What system calls answered when the region was recorded, 0x%" PRIx64
                " bytes. */\n"
                "  .elfie.replay : ALIGN(8) { KEEP(*(.elfie.replay)) } > runtime :runtime_text\n",
                x->c->replay->size);
}

#define SCALAR(name, format, value)                                                                \
    static void name(FILE *to, const struct context *x)                                            \
    {                                                                                              \
        fprintf(to, format, value);                                                                \
    }
SCALAR(put_break_start, "0x%016" PRIx64, x->l->break_start)
SCALAR(put_break_end, "0x%016" PRIx64, x->l->break_end)
SCALAR(put_stack_size, "0x%" PRIx64, x->l->options.callback_stack_size)
SCALAR(put_runtime_origin, "0x%" PRIx64, x->l->runtime.origin)
SCALAR(put_runtime_length, "0x%" PRIx64, x->l->runtime.length)
SCALAR(put_staging_origin, "0x%" PRIx64, x->l->staging.origin)
SCALAR(put_staging_length, "0x%" PRIx64, x->l->staging.length)
SCALAR(put_num_headers, "%zu", num_headers(x->l))
SCALAR(put_max_headers, "%u", x->l->options.max_headers)
SCALAR(put_num_threads, "%u", x->c->num_contexts)

static const struct slot {
    const char *name;
    void (*put)(FILE *to, const struct context *x);
} slots[] = {
    {"NAME", put_name},
    {"VERSION", put_version},
    {"LAYOUT", put_layout},
    {"SUMMARY", put_summary},
    {"DIGEST", put_digest},
    {"LEVEL", put_level},
    {"CONTEXTS", put_contexts},
    {"BREAK", put_break},
    {"BREAK_START", put_break_start},
    {"BREAK_END", put_break_end},
    {"CALLBACK_STACK_SIZE", put_stack_size},
    {"RUNTIME_ORIGIN", put_runtime_origin},
    {"RUNTIME_LENGTH", put_runtime_length},
    {"STAGING_ORIGIN", put_staging_origin},
    {"STAGING_LENGTH", put_staging_length},
    {"NUM_HEADERS", put_num_headers},
    {"MAX_HEADERS", put_max_headers},
    {"PHDRS", put_phdrs},
    {"IMAGE", put_image},
    {"STAGED", put_staged},
    {"MOVES", put_moves},
    {"REGIONS", put_regions},
    {"PROTECTIONS", put_protections},
    {"NUM_THREADS", put_num_threads},
    {"NO_STARTUP", put_no_startup},
    {"REPLAY", put_replay},
};

static const struct slot *find_slot(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (strlen(slots[i].name) == length && !memcmp(slots[i].name, name, length))
            return &slots[i];
    return NULL;
}

/* Prints a line of the template. A slot that is the whole line brings its own newlines. */
static void expand_line(FILE *to, const struct context *x, const char *line, const char *path,
                        uint64_t number)
{
    const char *start = line;
    for (const char *at; (at = strchr(line, '@'));) {
        const char *end = at + 1 + strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        const struct slot *slot = *end == '@' ? find_slot(at + 1, (size_t)(end - at - 1)) : NULL;
        if (!slot)
            fail_at(path, number, "no such slot: '%.40s'", at);
        fwrite(line, 1, (size_t)(at - line), to);
        slot->put(to, x);
        line = end + 1;
        if (at == start && *line == '\n')
            return;
    }
    fputs(line, to);
}

char *emit_ld(const struct checkpoint *c, const struct layout *l, const char *template_path)
{
    struct context x = {c, l};
    char *script = NULL, *line = NULL;
    size_t size, line_size = 0;
    uint64_t number = 0;
    FILE *template_file = fopen(template_path, "re");
    if (!template_file)
        fail_at(template_path, 0, "the template of the linker script cannot be read: %s",
                strerror(errno));
    FILE *to = open_memstream(&script, &size);
    if (!to)
        fail("out of memory");
    while (getline(&line, &line_size, template_file) > 0) {
        number++;
        if (strncmp(line, "@#", 2) != 0) /* a comment of the template's own */
            expand_line(to, &x, line, template_path, number);
    }
    if (ferror(template_file))
        fail_at(template_path, 0, "cannot be read: %s", strerror(errno));
    free(line);
    fclose(template_file);
    if (fclose(to))
        fail("out of memory");
    digest_fill_in(script, template_path);
    return script;
}
