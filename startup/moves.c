/* SPDX-License-Identifier: BSD-3-Clause */
/* Brings the pages to where they belong: zero pages by mmap, small pieces by copying, large ones
 * by mremap, which moves page tables instead of bytes. */
#include "elfie.h"
#include "syscall.h"

#include <asm/errno.h>
#include <linux/mman.h>

/* At most this much is copied. Measured: one mremap costs about as much as copying 16 KiB out of
 * pages that have to be read in first. */
enum { COPY_MAX = 4 * PAGE_SIZE };

static void copy(uint64_t to, uint64_t from, uint64_t length)
{
    uint64_t count = length / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static long map_zero(uint64_t to, uint64_t length)
{
    return elfie_syscall(__NR_mmap, to, length, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

static long remap(const struct elfie_move *m)
{
    return elfie_syscall(__NR_mremap, m->from, m->length, m->length, MREMAP_MAYMOVE | MREMAP_FIXED,
                         m->to);
}

static _Noreturn void fail(const struct elfie_move *m, long error)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "cannot map ");
    elfie_put_hex(&line, m->to);
    elfie_put(&line, " to ");
    elfie_put_hex(&line, m->to + m->length);
    elfie_put(&line,
              error == -ENOMEM ? ": no memory, or a limit (ulimit -v, vm.max_map_count)\n" : "\n");
    elfie_write(&line);
    elfie_fail("the region was not run", error);
}

/* INSIDE: the zero pages for it are mapped by an earlier row. */
static void move(const struct elfie_move *m, int inside)
{
    int copied = m->from && m->length <= COPY_MAX;
    if (!(copied && inside)) {
        for (int attempt = 0;; attempt++) {
            long result = m->from && !copied ? remap(m) : map_zero(m->to, m->length);
            if (result == (long)m->to)
                break;
            /* The kernel does not split its vdso and its like: they have to go as a whole. */
            if (result != -EINVAL || attempt)
                fail(m, result);
            elfie_clear(m->to, m->to + m->length);
        }
    }
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
