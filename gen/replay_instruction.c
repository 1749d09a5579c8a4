/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes an "rd" record, says which instruction it is of, and notes where that is: the runtime has
 * to know before it runs. The image decides. Code that the region maps or writes first is not in
 * it: then what the record sets decides, which differs. */
#include "error.h"
#include "image.h"
#include "replay.h"

enum { OPCODE_MAX = 3 }; /* bytes of the opcode; prefixes are before it */
enum {
    BIT_RAX = 1 << RAX,
    BIT_RBX = 1 << RBX,
    BIT_RCX = 1 << RCX,
    BIT_RDX = 1 << RDX,
    BIT_RIP = 1 << RIP,
    BIT_RFLAGS = 1 << RFLAGS,
    TSC_SETS = BIT_RIP | BIT_RAX | BIT_RDX,
    CPUID_SETS = TSC_SETS | BIT_RBX | BIT_RCX,
};

static bool is_in_module(const struct checkpoint *c, uint64_t address)
{
    for (size_t i = 0; i < c->num_modules; i++)
        if (address >= c->modules[i].base && address < c->modules[i].end)
            return true;
    return false;
}

/* The instruction that ends with CODE; REPLAY_CALL for none of these. Intel SDM, volume 2. */
static enum replay_kind kind_of_code(const uint8_t code[OPCODE_MAX])
{
    if (code[1] == 0x0f && code[2] == 0xa2)
        return REPLAY_CPUID;
    if (code[1] == 0x0f && code[2] == 0x31)
        return REPLAY_RDTSC;
    if (code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9) /* RDTSCP */
        return REPLAY_RDTSC;
    if (code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xd0) /* XGETBV */
        return REPLAY_OTHER;
    /* RDRAND, RDSEED and RDPID: /6 and /7 of a register */
    return code[0] == 0x0f && code[1] == 0xc7 && code[2] >= 0xf0 ? REPLAY_OTHER : REPLAY_CALL;
}

static enum replay_kind kind_of_record(uint32_t registers)
{
    if ((registers & CPUID_SETS) == CPUID_SETS)
        return REPLAY_CPUID;
    return (registers & TSC_SETS) == TSC_SETS && !(registers & BIT_RFLAGS) ? REPLAY_RDTSC
                                                                           : REPLAY_OTHER;
}

/* An RDTSC comes to the runtime wherever it is; nobody need know its place. */
static enum replay_kind find_kind(const struct replay_reader *r, const struct input *in,
                                  uint64_t rip, uint32_t registers)
{
    uint8_t code[OPCODE_MAX];
    enum replay_kind by_record = kind_of_record(registers);
    if (rip < OPCODE_MAX)
        input_fail(in, "rip is %llu: no instruction is before it", (unsigned long long)rip);
    if (image_read(r->c, r->pages_fd, rip - OPCODE_MAX, code, OPCODE_MAX) != OPCODE_MAX)
        return by_record;
    enum replay_kind by_code = kind_of_code(code);
    if (by_code != REPLAY_CALL)
        return by_code;
    bool is_zero = !code[0] && !code[1] && !code[2];
    if (by_record != REPLAY_RDTSC && !is_zero && is_in_module(r->c, rip - 1))
        input_fail(in, "there is no CPUID, RDRAND, RDSEED, RDPID, XGETBV or RDTSC before 0x%llx",
                   (unsigned long long)rip);
    return by_record;
}

enum replay_kind replay_instruction_kind(struct replay_reader *r, const struct input *in,
                                         uint64_t rip, uint32_t registers)
{
    enum replay_kind kind = find_kind(r, in, rip, registers);
    uint32_t needed = kind == REPLAY_CPUID ? CPUID_SETS : kind == REPLAY_RDTSC ? TSC_SETS : 0;
    static const enum gpr order[] = {RAX, RBX, RCX, RDX};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (needed & ~registers & UINT32_C(1) << order[i])
            input_fail(in, "a record without %s", gpr_names[order[i]]);
    if (kind == REPLAY_OTHER && !(registers & ~(uint32_t)(BIT_RIP | BIT_RFLAGS)))
        input_fail(in, "a record without a register that the instruction sets");
    if (kind != REPLAY_RDTSC)
        replay_add_instruction(r->c->replay, rip - replay_opcode_length(kind), kind);
    return kind;
}
