/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the bytes of an instruction, gives the kind it is of. Only the few kinds that need care are
 * told apart; encodings are those of the Intel SDM, volume 2. */
#include "instruction.h"

#include <stdbool.h>

/* Legacy prefixes, but not REX. */
static bool is_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

/* ins, outs, movs, cmps, stos, lods, scas */
static bool is_string(uint8_t opcode)
{
    return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) ||
           (opcode >= 0xaa && opcode <= 0xaf);
}

/* 0f c7 /6 and /7 of a register: rdrand and rdseed; with f3 /7 is rdpid, and /6 something else. */
static enum instruction classify_group_9(uint8_t modrm, bool has_f3)
{
    if (modrm >= 0xf8)
        return has_f3 ? INSTRUCTION_RDPID : INSTRUCTION_RANDOM;
    return modrm >= 0xf0 && !has_f3 ? INSTRUCTION_RANDOM : INSTRUCTION_PLAIN;
}

static enum instruction classify_two_bytes(const uint8_t *code, size_t size, bool has_f3)
{
    if (code[1] == 0x05)
        return INSTRUCTION_SYSCALL;
    if (code[1] == 0x34)
        return INSTRUCTION_OTHER_CALL;
    if (code[1] == 0x31)
        return INSTRUCTION_RDTSC;
    if (code[1] == 0x01 && size > 2 && code[2] == 0xf9)
        return INSTRUCTION_RDTSCP;
    if (code[1] == 0x01 && size > 2 && code[2] == 0xd0)
        return INSTRUCTION_XGETBV;
    if (code[1] == 0xa2)
        return INSTRUCTION_CPUID;
    if (code[1] == 0xc7 && size > 2)
        return classify_group_9(code[2], has_f3);
    return INSTRUCTION_PLAIN;
}

enum instruction instruction_classify(const uint8_t *code, size_t size)
{
    bool repeated = false, has_f3 = false;
    while (size > 0 && is_prefix(*code)) {
        repeated |= *code == 0xf2 || *code == 0xf3;
        has_f3 |= *code == 0xf3;
        code++;
        size--;
    }
    if (size > 0 && (*code & 0xf0) == 0x40) { /* REX */
        code++;
        size--;
    }
    if (size == 0)
        return INSTRUCTION_PLAIN;
    if (code[0] == 0x0f && size > 1)
        return classify_two_bytes(code, size, has_f3);
    if (repeated && is_string(code[0]))
        return INSTRUCTION_REPEATED;
    if (code[0] == 0x9c)
        return INSTRUCTION_PUSHF;
    if (code[0] == 0xcc)
        return INSTRUCTION_INT3;
    if (code[0] == 0xcd && size > 1)
        return code[1] == 0x80   ? INSTRUCTION_OTHER_CALL
               : code[1] == 0x03 ? INSTRUCTION_INT3
                                 : INSTRUCTION_PLAIN;
    return INSTRUCTION_PLAIN;
}

unsigned instruction_destination(const uint8_t *code, size_t size)
{
    const unsigned rex_b = 1;
    unsigned high = 0;
    while (size > 0 && is_prefix(*code)) {
        code++;
        size--;
    }
    if (size > 0 && (*code & 0xf0) == 0x40) {
        high = *code & rex_b ? 8 : 0;
        code++;
        size--;
    }
    return size > 2 ? high + (code[2] & 7) : 0;
}
