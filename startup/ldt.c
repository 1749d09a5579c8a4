/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the FS base of a thread into the local descriptor table, as entry of the thread's number,
 * for hosts and tools that look for it there. A descriptor has 32 bits for it: bases beyond are
 * left out. The base itself is set by arch_prctl in any case, and FS does not select the entry. */
#include "elfie.h"
#include "syscall.h"

#include <asm/ldt.h>

void elfie_write_ldt(uint64_t number)
{
    struct user_desc entry = {
        .entry_number = (unsigned)number,
        .base_addr = (unsigned)elfie_threads[number].fs_base,
        .limit = 0xfffff,
        .seg_32bit = 1,
        .limit_in_pages = 1,
        .useable = 1,
    };
    if (elfie_threads[number].fs_base > UINT32_MAX || number >= LDT_ENTRIES)
        return;
    int result = (int)elfie_syscall(__NR_modify_ldt, 0x11, &entry, sizeof entry);
    if (result && elfie_process.verbose) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line, "modify_ldt does not work here\n");
        elfie_write(&line);
    }
}
