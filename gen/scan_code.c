/* SPDX-License-Identifier: BSD-3-Clause */
/* See scan_code.h. The decoder is Zydis; this file only walks. */
#include "scan_code.h"
#include "../startup/needs.h"
#include "error.h"
#include "image.h"

#include <Zydis/Zydis.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_INSTRUCTION = 15,       /* bytes, Intel SDM volume 2, 2.3.11 */
    STACK_SEARCHED = 64 << 10,  /* bytes above rsp that are searched for return addresses */
    MAX_INSTRUCTIONS = 20 << 20 /* a program that has more is not going to tell more */
};

/* A page that was walked through: its content, and which instructions were looked at. */
struct code_page {
    uint64_t address;
    uint8_t seen[PAGE_SIZE / 8];
    uint8_t content[PAGE_SIZE + MAX_INSTRUCTION]; /* and the begin of the next one */
    size_t size;
};

struct walk {
    const struct checkpoint *c;
    int pages_fd;
    struct code_scan *scan;
    ZydisDecoder decoder;
    void *pages;            /* tree of struct code_page */
    struct code_page *last; /* found last: mostly it is the same again */
    uint64_t *to_do;
    size_t num_to_do, room;
};

static int by_page(const void *a, const void *b)
{
    const struct code_page *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static struct code_page *page_at(struct walk *w, uint64_t address)
{
    uint64_t page = address & -PAGE_SIZE;
    if (w->last && w->last->address == page)
        return w->last;
    struct code_page *p = xcalloc(1, sizeof *p);
    p->address = page;
    struct code_page **node = tsearch(p, &w->pages, by_page);
    if (!node)
        fail("out of memory");
    if (*node != p)
        free(p);
    else
        p->size = image_read(w->c, w->pages_fd, page, p->content, sizeof p->content);
    return w->last = *node;
}

static void go_on_at(struct walk *w, uint64_t address)
{
    if (w->num_to_do == w->room) {
        w->room = w->room ? 2 * w->room : 1024;
        w->to_do = xreallocarray(w->to_do, w->room, sizeof *w->to_do);
    }
    w->to_do[w->num_to_do++] = address;
}

/* Zydis names a set by the processor's feature and often a width behind it: AVX512BW_256. */
static bool is_set(const char *set, const char *feature)
{
    size_t length = strlen(feature);
    if (strncmp(set, feature, length) != 0)
        return false;
    const char *rest = set + length;
    static const char *const rests[] = {"", "_128", "_128N", "_256", "_512", "_KOP", "_SCALAR"};
    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++)
        if (!strcmp(rest, rests[i]))
            return true;
    return false;
}

static uint64_t set_needs(ZydisISASet isa)
{
    static const struct {
        const char *set; /* as Zydis has it, where the names differ */
        uint64_t needs;
    } sets[] = {
#define ROW(name, level, leaf, reg, bit, xcr0) {#name, NEEDS(name)},
        ELFIE_NEEDS(ROW)
#undef ROW
            {"SSE4", NEEDS(SSE4_1)},
        {"SSE42", NEEDS(SSE4_2)},
        {"CMPXCHG16B", NEEDS(CX16)},
        {"AVX2GATHER", NEEDS(AVX2)},
        {"AVXAES", NEEDS(AVX) | NEEDS(AES)},
        {"AVX_GFNI", NEEDS(AVX) | NEEDS(GFNI)},
        {"AVX512_GFNI", NEEDS(AVX512F) | NEEDS(GFNI)},
        {"VPCLMULQDQ", NEEDS(AVX) | NEEDS(PCLMULQDQ)},
    };
    const char *name = ZydisISASetGetString(isa);
    uint64_t needs = 0;
    for (size_t i = 0; name && i < sizeof sets / sizeof *sets; i++)
        if (is_set(name, sets[i].set))
            needs |= sets[i].needs;
    if (name && !strncmp(name, "AVX512", 6) && (strstr(name, "_128") || strstr(name, "_256")) &&
        !strstr(name, "_128N"))
        needs |= NEEDS(AVX512VL);
    return needs;
}

static void note_needs(struct walk *w, const ZydisDecodedInstruction *i, uint64_t address)
{
    /* TZCNT is BSF to older processors, and compilers use it where both do the same. */
    if (i->mnemonic == ZYDIS_MNEMONIC_TZCNT)
        return;
    uint64_t news = set_needs(i->meta.isa_set) & ~w->scan->needs;
    for (int bit = 0; bit < NUM_NEEDS; bit++)
        if (news >> bit & 1)
            w->scan->address[bit] = address;
    w->scan->needs |= news;
}

/* Where a branch or call goes, if that can be seen: a fixed address, or what a pointer at a fixed
 * address holds. */
static bool branch_target(struct walk *w, const ZydisDecodedInstruction *i,
                          const ZydisDecodedOperand *operand, uint64_t address, uint64_t *target)
{
    ZyanU64 value;
    if (!i->operand_count || !ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(i, operand, address, &value)))
        return false;
    if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        *target = value;
        return true;
    }
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
           image_read(w->c, w->pages_fd, value, target, sizeof *target) == sizeof *target;
}

/* Looks at one instruction. Returns the address of the next one, or 0 where the path ends. */
static uint64_t look(struct walk *w, uint64_t address)
{
    struct code_page *p = page_at(w, address);
    size_t offset = address - p->address;
    ZydisDecodedInstruction i;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    if (offset >= p->size || p->seen[offset / 8] >> offset % 8 & 1)
        return 0;
    p->seen[offset / 8] |= (uint8_t)(1u << offset % 8);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&w->decoder, p->content + offset, p->size - offset, &i,
                                             operands)))
        return 0;
    w->scan->instructions++;
    note_needs(w, &i, address);
    ZydisInstructionCategory category = i.meta.category;
    bool call = category == ZYDIS_CATEGORY_CALL, jump = category == ZYDIS_CATEGORY_UNCOND_BR;
    uint64_t target;
    if ((call || jump || category == ZYDIS_CATEGORY_COND_BR) &&
        branch_target(w, &i, &operands[0], address, &target))
        go_on_at(w, target);
    bool ends = jump || category == ZYDIS_CATEGORY_RET || i.mnemonic == ZYDIS_MNEMONIC_UD2 ||
                i.mnemonic == ZYDIS_MNEMONIC_HLT;
    return ends ? 0 : address + i.length;
}

/* Does a call end at ADDRESS? call rel32, or call through a register or memory of 2 to 7 bytes. */
static bool follows_call(struct walk *w, uint64_t address)
{
    uint8_t before[7];
    if (image_read(w->c, w->pages_fd, address - sizeof before, before, sizeof before) !=
        sizeof before)
        return false;
    if (before[2] == 0xe8)
        return true;
    for (size_t i = 0; i + 1 < sizeof before; i++)
        if (before[i] == 0xff && (before[i + 1] >> 3 & 7) == 2)
            return true;
    return false;
}

static void start_at_thread(struct walk *w, const struct thread *t)
{
    static uint64_t stack[STACK_SEARCHED / 8];
    go_on_at(w, t->gpr[RIP]);
    size_t size = image_read(w->c, w->pages_fd, t->gpr[RSP] & ~UINT64_C(7), stack, sizeof stack);
    for (size_t i = 0; i < size / 8; i++)
        if (is_executed(w->c, stack[i], stack[i] + 1) && follows_call(w, stack[i]))
            go_on_at(w, stack[i]);
}

void code_scan(struct code_scan *scan, const struct checkpoint *c, int pages_fd)
{
    struct walk w = {.c = c, .pages_fd = pages_fd, .scan = scan};
    if (!ZYAN_SUCCESS(
            ZydisDecoderInit(&w.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        fail("the instruction decoder cannot be set up");
    for (uint32_t t = 0; t < c->num_threads; t++)
        start_at_thread(&w, &c->threads[t]);
    while (w.num_to_do && scan->instructions < MAX_INSTRUCTIONS)
        for (uint64_t at = w.to_do[--w.num_to_do]; at;)
            at = look(&w, at);
    tdestroy(w.pages, free);
    free(w.to_do);
}
