/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the stack as the kernel made it, gives the entry point, hides the vdso and makes the
 * kernel's random bytes the same in each run. */
#include "auxv.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#include "message.h"
#include "repeatable.h"

/* The value of the quadword at ADDRESS. */
static uint64_t read_word(const struct tracee *tracee, uint64_t address)
{
    uint64_t word;
    if (tracee_read(tracee, address, &word, sizeof word) != sizeof word)
        fail("the program's first stack cannot be read at 0x%lx", address);
    return word;
}

/* ADDRESS of a list of pointers; gives the address behind its closing null. */
static uint64_t skip_list(const struct tracee *tracee, uint64_t address)
{
    while (read_word(tracee, address))
        address += 8;
    return address + 8;
}

/* The kernel's 16 random bytes, of which C libraries make stack canaries and the like: with others
 * in each run, no two pinballs would be the same. */
static void fix_random(const struct tracee *tracee, uint64_t address)
{
    static const uint8_t bytes[16] = "\0elfie-record\0\0";
    uint64_t words[2];
    memcpy(words, bytes, sizeof words);
    for (unsigned i = 0; i < 2; i++)
        if (ptrace(PTRACE_POKEDATA, tracee->pid, address + 8 * i, words[i]) != 0)
            fail("the program's random bytes cannot be set: %s", strerror(errno));
}

uint64_t auxv_hide_vdso(const struct tracee *tracee)
{
    struct user_regs_struct registers;
    uint64_t entry = 0;
    tracee_get_registers(tracee->threads[0], &registers);
    /* argc, argv[], envp[], then pairs of type and value. */
    uint64_t pair = skip_list(tracee, skip_list(tracee, registers.rsp + 8));
    for (uint64_t type; (type = read_word(tracee, pair)) != AT_NULL; pair += 16) {
        if (type == AT_RANDOM && repeatable)
            fix_random(tracee, read_word(tracee, pair + 8));
        if (type == AT_ENTRY)
            entry = read_word(tracee, pair + 8);
        if (type != AT_SYSINFO_EHDR)
            continue;
        if (ptrace(PTRACE_POKEDATA, tracee->pid, pair, (uint64_t)AT_IGNORE) != 0 ||
            ptrace(PTRACE_POKEDATA, tracee->pid, pair + 8, UINT64_C(0)) != 0)
            fail("the vdso cannot be hidden from the program: %s", strerror(errno));
    }
    if (!entry)
        fail("the program has no entry point (no AT_ENTRY in its auxiliary vector)");
    return entry;
}
