/* SPDX-License-Identifier: BSD-3-Clause */
/* Brings the pages to where they belong: zero pages by mmap, small pieces by copying, large ones
 * by mremap, which moves page tables instead of bytes. */
#include "elfie.h"
#include "kernel_window.h"
#include "syscall.h"

#include <asm/errno.h>
#include <linux/mman.h>

/* At most this much is copied. Measured: one mremap costs about as much as copying 16 KiB out of
 * pages that have to be read in first. */
enum { COPY_MAX = 4 * PAGE_SIZE };

static const char occupied[] =
    "the host has memory of its own there; try again, it may lie elsewhere";

static void copy(uint64_t to, uint64_t from, uint64_t length)
{
    uint64_t count = length / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static long map_zero(uint64_t to, uint64_t length, unsigned long how)
{
    return elfie_syscall(__NR_mmap, to, length, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how, -1, 0);
}

static long remap(const struct elfie_move *m)
{
    return elfie_syscall(__NR_mremap, m->from, m->length, m->length, MREMAP_MAYMOVE | MREMAP_FIXED,
                         m->to);
}

static _Noreturn void fail(const struct elfie_move *m, const char *why, long error)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "cannot map ");
    elfie_put_hex(&line, m->to);
    elfie_put(&line, " to ");
    elfie_put_hex(&line, m->to + m->length);
    elfie_put(&line, ": ");
    elfie_put(&line, why);
    elfie_put(&line, "\n");
    elfie_write(&line);
    elfie_fail("the region was not run", error);
}

/* Zero pages where the host has its own things: free places first, because qemu-x86_64 may keep
 * memory of its own there, which it does not show, and lets itself be overwritten. Returns 1 when
 * they are mapped, 0 when something that is seen is in the way. */
static int map_free(const struct elfie_move *m)
{
    long result = map_zero(m->to, m->length, MAP_FIXED_NOREPLACE);
    if (result == (long)m->to)
        return 1;
    if (result > 0) /* kernels before 4.17 take the address for a wish */
        elfie_syscall(__NR_munmap, result, m->length);
    int taken = result > 0 || result == -EEXIST;
    if (taken && elfie_is_unseen(m->to, m->to + m->length))
        fail(m, occupied, -EEXIST);
    return 0;
}

/* What has to be mapped at the target, over whatever is there. */
static void map_target(const struct elfie_move *m, int copied, int inside)
{
    int mapped = !inside && m->to + m->length > KERNEL_WINDOW && map_free(m);
    if (mapped && (copied || !m->from))
        return;
    for (int attempt = 0;; attempt++) {
        long result = m->from && !copied ? remap(m) : map_zero(m->to, m->length, MAP_FIXED);
        if (result == (long)m->to)
            return;
        /* The kernel does not split its vdso and its like: they have to go as a whole. */
        if (result != -EINVAL || attempt)
            fail(m,
                 result == -ENOMEM   ? "no memory, or a limit (ulimit -v, vm.max_map_count)"
                 : result == -EINVAL ? occupied /* valgrind's answer where its own stack lies */
                                     : "refused",
                 result);
        elfie_clear(m->to, m->to + m->length);
    }
}

/* INSIDE: the zero pages for it are mapped by an earlier row. */
static void move(const struct elfie_move *m, int inside)
{
    int copied = m->from && m->length <= COPY_MAX;
    if (!(inside && copied))
        map_target(m, copied, inside);
    if (copied)
        copy(m->to, m->from, m->length);
}

void elfie_move_all(void)
{
    uint64_t zero_begin = 0, zero_end = 0;
    for (const struct elfie_move *m = elfie_moves; m->length; m++) {
        move(m, m->to >= zero_begin && m->to + m->length <= zero_end);
        if (!m->from) {
            zero_begin = m->to;
            zero_end = m->to + m->length;
        }
    }
    if (elfie_layout.staging_length)
        elfie_syscall(__NR_munmap, elfie_layout.staging, elfie_layout.staging_length);
}
