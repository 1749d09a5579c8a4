/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the registers of each thread, gives the initial state of BASE.T.reg. Where the region is
 * not run that is all: no records of system calls, no end marker. */
#include <stdlib.h>

#include "memory.h"
#include "pinball.h"
#include "write.h"

/* Least significant byte first, without the most significant zero bytes; "0" for zero. */
void write_reg_value(struct output *output, unsigned index, const uint8_t *value, unsigned size)
{
    char digits[2 * REG_MAX_BYTES + 1] = "0";
    while (size > 0 && value[size - 1] == 0)
        size--;
    for (unsigned i = 0; i < size; i++) {
        digits[2 * i] = "0123456789abcdef"[value[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[value[i] & 15];
    }
    output_printf(output, "%u %s\n", index, digits);
}

void write_initial_state(const struct reg_table *table, const struct thread_regs *thread,
                         struct output *output)
{
    output_printf(output, "ic ;0 %u\n", table->num_listed);
    for (unsigned i = 0; i < table->count; i++) {
        uint8_t value[REG_MAX_BYTES];
        const struct reg *reg = &table->list[i];
        if (!reg->listed)
            continue;
        regs_value(thread, reg, value);
        write_reg_value(output, i, value, reg->size);
    }
}

void write_reg(const struct snapshot *snapshot, enum compression compression)
{
    for (size_t i = 0; i < snapshot->num_threads; i++) {
        char *suffix = memory_format("%zu.reg", i);
        struct output *output = pinball_create(suffix, compression);
        write_initial_state(&snapshot->table, &snapshot->threads[i], output);
        output_close(output);
        free(suffix);
    }
}
