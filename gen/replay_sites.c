/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the system call instructions that ran, and says for each how the runtime may replace it
 * where it has to: a jump of five bytes needs one instruction of five bytes before the call, which
 * is mostly the one that loads the call's number, or one behind it that can be done elsewhere. */
#include "error.h"
#include "image.h"
#include "replay.h"

#include <Zydis/Zydis.h>
#include <stdlib.h>
#include <string.h>

enum {
    CALL_LENGTH = 2,
    MOV_LENGTH = 5, /* mov $NUMBER, %eax */
    CMP_LENGTH = 6, /* cmp $-4095, %rax: is it an error? */
    JUMP_LENGTH = 5,
    MAX_NUMBER = 511,
    NEIGHBOURHOOD = 1 << 15, /* bytes on both sides where branches to the place are looked for */
    NEAR = 136,              /* a short branch is not so far away */
    LEAD = 256,              /* bytes before, by the end of which decoding has found its feet */
};

static bool is_call(const struct checkpoint *c, int pages_fd, uint64_t address)
{
    uint8_t code[CALL_LENGTH];
    return image_read(c, pages_fd, address, code, sizeof code) == sizeof code && code[0] == 0x0f &&
           code[1] == 0x05;
}

/* mov $NUMBER, %eax, and not the end of a longer instruction: no REX prefix, and no byte before
 * that would make 0xb8 a displacement in front of an immediate operand. */
static bool has_mov(const struct checkpoint *c, int pages_fd, uint64_t address)
{
    uint8_t code[2 + MOV_LENGTH];
    uint32_t number;
    if (address < sizeof code ||
        image_read(c, pages_fd, address - sizeof code, code, sizeof code) != sizeof code)
        return false;
    memcpy(&number, code + 3, sizeof number);
    return code[2] == 0xb8 && number <= MAX_NUMBER && (code[1] & 0xf0) != 0x40 && code[0] != 0xc7 &&
           code[0] != 0x81 && code[0] != 0x69;
}

static bool starts_at(const struct checkpoint *c, uint64_t begin, uint64_t end)
{
    for (uint32_t t = 0; t < c->num_contexts; t++)
        if (c->threads[t].gpr[RIP] >= begin && c->threads[t].gpr[RIP] < end)
            return true;
    return false;
}

/* What is behind it need not be an instruction. */
static bool leads_elsewhere(const ZydisDecodedInstruction *i)
{
    return i->meta.category == ZYDIS_CATEGORY_UNCOND_BR || i->meta.category == ZYDIS_CATEGORY_RET;
}

/* Where instructions may begin around ADDRESS: those that follow from each of the first places that
 * are looked at, one of which is right; behind a jump, too, where there may be data. The sequences
 * soon become the same one. MAY_BEGIN is for NEAR bytes on both sides. */
static void find_instructions(const struct checkpoint *c, int pages_fd, uint64_t address,
                              bool may_begin[2 * NEAR])
{
    enum { MAX_INSTRUCTION = 15, SIZE = LEAD + 2 * NEAR };
    uint8_t code[SIZE + MAX_INSTRUCTION];
    bool begins[SIZE + MAX_INSTRUCTION + 1] = {false};
    ZydisDecoder decoder;
    memset(may_begin, true, 2 * NEAR);
    uint64_t from = address - NEAR - LEAD;
    if (address < NEAR + LEAD || image_read(c, pages_fd, from, code, sizeof code) != sizeof code ||
        !ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        return;
    memset(begins, true, MAX_INSTRUCTION);
    for (size_t i = 0; i < SIZE; i++) {
        ZydisDecodedInstruction instruction;
        if (!begins[i])
            continue;
        if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code + i, MAX_INSTRUCTION,
                                                        &instruction)))
            begins[i + 1] = true;
        else if (leads_elsewhere(&instruction))
            memset(begins + i + instruction.length, true,
                   sizeof begins - (i + instruction.length) < MAX_INSTRUCTION
                       ? sizeof begins - (i + instruction.length)
                       : MAX_INSTRUCTION);
        else
            begins[i + instruction.length] = true;
    }
    memcpy(may_begin, begins + LEAD, 2 * NEAR);
}

/* Any bytes that could be a branch to BEGIN up to END. Those of a short branch are common among
 * other bytes, and have to be where an instruction may begin. */
static bool may_be_target(const struct checkpoint *c, int pages_fd, uint64_t begin, uint64_t end)
{
    static uint8_t code[2 * NEIGHBOURHOOD];
    bool may_begin[2 * NEAR];
    uint64_t from = begin > NEIGHBOURHOOD ? begin - NEIGHBOURHOOD : 0;
    uint8_t byte;
    while (from < begin && !image_read(c, pages_fd, from, &byte, 1))
        from = from / PAGE_SIZE * PAGE_SIZE + PAGE_SIZE; /* the image begins behind it */
    size_t size = image_read(c, pages_fd, from, code, sizeof code);
    find_instructions(c, pages_fd, begin, may_begin);
    for (size_t i = 0; i + 5 <= size; i++) {
        uint64_t at = from + i, near, far;
        int32_t offset;
        memcpy(&offset, code + i + 1, sizeof offset);
        near = at + 2 + (uint64_t)(int64_t)(int8_t)code[i + 1];
        far = at + 5 + (uint64_t)(int64_t)offset;
        bool is_near = (code[i] & 0xf0) == 0x70 || code[i] == 0xeb || (code[i] & 0xfc) == 0xe0;
        bool is_far = code[i] == 0xe8 || code[i] == 0xe9 || (code[i] & 0xf0) == 0x80;
        if (is_near && near >= begin && near < end && may_begin[at - (begin - NEAR)])
            return true;
        if (is_far && far >= begin && far < end)
            return true;
    }
    return false;
}

static bool has_cmp(const struct checkpoint *c, int pages_fd, uint64_t address)
{
    static const uint8_t error[] = {0xf0, 0xff, 0xff};
    uint8_t code[CMP_LENGTH];
    uint64_t begin = address + CALL_LENGTH, end = begin + CMP_LENGTH;
    return image_read(c, pages_fd, begin, code, sizeof code) == sizeof code && code[0] == 0x48 &&
           code[1] == 0x3d && !memcmp(code + 3, error, sizeof error) && !starts_at(c, begin, end) &&
           !may_be_target(c, pages_fd, begin, end);
}

/* --- lists of addresses ----------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
    const struct replay_site *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

/* Puts LIST in order without repeats. Gives how many are left. */
static size_t put_in_order(struct replay_site *list, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(list, count, sizeof *list, by_address);
    for (size_t i = 0; i < count; i++)
        if (!kept || list[i].address != list[kept - 1].address)
            list[kept++] = list[i];
    return kept;
}

/* Records of a log name the same few addresses again and again, or each another one: the list is
 * put in order when it is full, and grows if that leaves no room. */
static void add_site(struct replay_sites *sites, struct replay_site site)
{
    if (sites->count == sites->max) {
        sites->count = put_in_order(sites->list, sites->count);
        if (sites->count >= sites->max / 2) {
            sites->max = sites->max ? 2 * sites->max : 64;
            sites->list = xreallocarray(sites->list, sites->max, sizeof site);
        }
    }
    sites->list[sites->count++] = site;
}

void replay_add_instruction(struct replay *replay, uint64_t address, enum replay_kind kind)
{
    add_site(&replay->instructions, (struct replay_site){address, kind});
}

void replay_add_site(struct replay *replay, uint64_t address)
{
    add_site(&replay->sites, (struct replay_site){address, SITE_ALONE});
}

void replay_check_sites(struct checkpoint *c, int pages_fd)
{
    struct replay *replay = c->replay;
    for (size_t i = 0; i < c->num_call_sites; i++)
        if (is_call(c, pages_fd, c->call_sites[i]))
            replay_add_site(replay, c->call_sites[i]);
        else if (c->call_sites[i] >= CALL_LENGTH)
            replay_add_site(replay, c->call_sites[i] - CALL_LENGTH);
    struct replay_sites *sites = &replay->sites, *others = &replay->instructions;
    others->count = put_in_order(others->list, others->count);
    sites->count = put_in_order(sites->list, sites->count);
    size_t kept = 0;
    for (size_t i = 0; i < sites->count; i++)
        if (is_call(c, pages_fd, sites->list[i].address))
            sites->list[kept++] = sites->list[i];
    sites->count = kept;
    for (size_t i = 0; i < sites->count; i++) {
        struct replay_site *s = &sites->list[i];
        s->form = has_mov(c, pages_fd, s->address)   ? SITE_HAS_MOV
                  : has_cmp(c, pages_fd, s->address) ? SITE_HAS_CMP
                                                     : SITE_ALONE;
    }
}
