/* SPDX-License-Identifier: BSD-3-Clause */
/* See instruction.h. Opcodes: Intel SDM volume 2, appendix A. */
#include "instruction.h"

int elfie_is_prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e: /* segments */
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return 1;
    default:
        return byte >> 4 == 4; /* REX */
    }
}

static int is_string(uint8_t opcode)
{
    return (opcode >= 0x6c && opcode <= 0x6f) || (opcode >= 0xa4 && opcode <= 0xa7) ||
           (opcode >= 0xaa && opcode <= 0xaf);
}

enum instruction elfie_instruction_at(const uint8_t *code, size_t size)
{
    int repeated = 0;
    size_t i = 0;
    for (; i < size && elfie_is_prefix(code[i]); i++)
        repeated |= code[i] == 0xf2 || code[i] == 0xf3;
    if (i >= size)
        return PLAIN;
    if (code[i] == 0x9c)
        return PUSH_FLAGS;
    if (repeated && is_string(code[i]))
        return STRING;
    if (i + 1 < size &&
        ((code[i] == 0x0f && code[i + 1] == 0x05) || (code[i] == 0xcd && code[i + 1] == 0x80)))
        return SYSTEM_CALL;
    return PLAIN;
}
