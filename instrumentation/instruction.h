/* SPDX-License-Identifier: BSD-3-Clause */
/* What kind of instruction is there? Only as far as counting by the trap flag has to know. */
#ifndef ELFIE_INSTRUCTION_H
#define ELFIE_INSTRUCTION_H

#include <stddef.h>
#include <stdint.h>

enum instruction {
    PLAIN,
    SYSTEM_CALL, /* syscall, int 0x80: the trap comes one instruction later */
    PUSH_FLAGS,  /* the program would see the trap flag */
    STRING       /* with a REP prefix: a trap after each turn, at the same address */
};

enum { INSTRUCTION_MAX = 15 }; /* bytes */

/* CODE: up to SIZE bytes that can be read. */
enum instruction elfie_instruction_at(const uint8_t *code, size_t size)
    __attribute__((visibility("hidden")));

int elfie_is_prefix(uint8_t byte) __attribute__((visibility("hidden")));

#endif
