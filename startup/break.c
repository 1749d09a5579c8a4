/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets the program break. The kernel puts it above the highest program header, which can be
 * beyond the end of user space. PR_SET_MM_MAP needs no privilege (Linux 3.18 and later with
 * CONFIG_CHECKPOINT_RESTORE); where it does not work the program's malloc falls back to mmap. */
#include "elfie.h"
#include "syscall.h"

#include <linux/mman.h>
#include <linux/prctl.h>

enum { BREAK_ROOM = 16 << 20 };

extern char _start[] __attribute__((visibility("hidden")));

/* A simulator may take prctl for done and do nothing, and then answer the program's brk(), which
 * lies below its own break, with success and no memory (gem5 24: sim/mem_state.cc). So there is
 * memory already, if the place is free. Linux refuses such a brk(), and malloc goes to mmap. */
static void provide_room(void)
{
    uint64_t begin = (elfie_layout.break_end + PAGE_SIZE - 1) & -PAGE_SIZE;
    long result = elfie_syscall(__NR_mmap, begin, BREAK_ROOM, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (result > 0 && result != (long)begin)
        elfie_syscall(__NR_munmap, result, BREAK_ROOM);
}

void elfie_set_break(void)
{
    if (!elfie_layout.break_end)
        return;
    /* kernel/sys.c, validate_prctl_map_addr(): code must not be empty, data may; old kernels want
     * the data to end below the break. */
    uint64_t code = (uint64_t)_start;
    struct prctl_mm_map map = {
        .start_code = code,
        .end_code = code + 1,
        .start_data = code,
        .end_data = code,
        .start_brk = elfie_layout.break_start,
        .brk = elfie_layout.break_end,
        .start_stack = (uint64_t)elfie_process.args,
        .arg_start = (uint64_t)elfie_process.args,
        .arg_end = (uint64_t)elfie_process.args + elfie_process.args_size,
        .env_start = (uint64_t)elfie_process.args,
        .env_end = (uint64_t)elfie_process.args,
        .exe_fd = (uint32_t)-1,
    };
    long result = elfie_syscall(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
    if (!result && elfie_syscall(__NR_brk, 0) != (long)elfie_layout.break_end)
        provide_room();
    if (result < 0 && elfie_process.verbose) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line, "the program break cannot be set (error ");
        elfie_put_decimal(&line, (uint64_t)-result);
        elfie_put(&line, "); memory will come from mmap instead\n");
        elfie_write(&line);
    }
}
