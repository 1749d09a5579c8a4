/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets the program break. The kernel puts it above the highest program header, which can be
 * beyond the end of user space. PR_SET_MM_MAP needs no privilege (Linux 3.18 and later with
 * CONFIG_CHECKPOINT_RESTORE). */
#include "elfie.h"
#include "syscall.h"

#include <linux/mman.h>
#include <linux/prctl.h>

enum { BREAK_ROOM = 64 << 20 };

/* A kernel's break above the recorded one is a trap: glibc takes any answer to brk(x) that is not
 * below x for success, and there is no memory (measured under a seccomp filter that forbids prctl
 * and under qemu; gem5 24 takes prctl for done and does nothing, sim/mem_state.cc). So there is
 * memory already, as much as is free. Gives its size. */
static uint64_t provide_room(uint64_t kernels_break)
{
    uint64_t begin = (elfie_layout.break_end + PAGE_SIZE - 1) & -PAGE_SIZE;
    if (kernels_break <= begin)
        return 0;
    uint64_t end = kernels_break - begin > BREAK_ROOM ? begin + BREAK_ROOM : kernels_break;
    uint64_t runtime = (uint64_t)_start & -PAGE_SIZE;
    for (const struct elfie_region *r = elfie_regions; r->end; r++)
        if (r->end > begin && r->begin < end)
            end = r->begin;
    if (runtime >= begin && runtime < end)
        end = runtime;
    /* Not NOREPLACE: qemu has reserved all that lies between the first header and the last. */
    if (begin >= end || elfie_syscall(__NR_mmap, begin, end - begin, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                                      0) != (long)begin)
        return 0;
    return end - begin;
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
    elfie_syscall(__NR_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0);
    uint64_t kernels_break = (uint64_t)elfie_syscall(__NR_brk, 0);
    if (kernels_break == elfie_layout.break_end)
        return;
    uint64_t room = provide_room(kernels_break);
    if (elfie_process.verbose) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line, "the program break cannot be set, it is ");
        elfie_put_hex(&line, kernels_break);
        elfie_put(&line, " and not ");
        elfie_put_hex(&line, elfie_layout.break_end);
        elfie_put(&line, "; room for the heap: ");
        elfie_put_hex(&line, room);
        elfie_put(&line, " bytes\n");
        elfie_write(&line);
    }
}
