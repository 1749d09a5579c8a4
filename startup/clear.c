/* SPDX-License-Identifier: BSD-3-Clause */
/* Clears the way for a move. The kernel refuses to split vvar, vvar_vclock and the vdso, so the
 * whole mapping goes (measured: without address randomisation, which is how gdb runs programs,
 * pinball st does not start without this). Nobody misses them: recorders hide the vdso from the
 * program. */
#include "elfie.h"
#include "syscall.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

/* Pages on either side of a target that are tried where /proc is not mounted. All three mappings
 * together have 10 pages on Linux 6.18. */
enum { MARGIN = 32 };

struct reader {
    long fd;
    size_t next, end;
    char buffer[4096];
};

static int next_char(struct reader *r)
{
    if (r->next == r->end) {
        long got = elfie_syscall(__NR_read, r->fd, r->buffer, sizeof r->buffer);
        if (got <= 0)
            return -1;
        r->next = 0;
        r->end = (size_t)got;
    }
    return (unsigned char)r->buffer[r->next++];
}

/* Reads hex digits up to another character, which it returns. */
static int read_hex(struct reader *r, uint64_t *value)
{
    int c;
    for (*value = 0; (c = next_char(r)) >= 0; *value = *value << 4 | (unsigned)c) {
        if (c >= '0' && c <= '9')
            c -= '0';
        else if (c >= 'a' && c <= 'f')
            c -= 'a' - 10;
        else
            break;
    }
    return c;
}

/* Is the rest of the line one of the kernel's own mappings: [vdso], [vvar], [vvar_vclock]? */
static int read_is_kernels(struct reader *r)
{
    int c, seen = 0;
    while ((c = next_char(r)) >= 0 && c != '\n') {
        if (seen == 1)
            seen = c == 'v' ? 2 : 3;
        if (c == '[' && seen == 0)
            seen = 1;
    }
    return seen == 2;
}

/* Counts the mappings that overlap the target, as /proc/self/maps names them, or -1 without /proc.
 * With UNMAP those of the kernel's own go, as a whole. */
static int walk_maps(uint64_t begin, uint64_t end, int unmap)
{
    struct reader r = {.next = 0, .end = 0};
    int count = 0;
    r.fd = elfie_syscall(__NR_openat, -100, "/proc/self/maps", O_RDONLY);
    if (r.fd < 0)
        return -1;
    for (;;) {
        uint64_t low, high;
        if (read_hex(&r, &low) != '-' || read_hex(&r, &high) < 0)
            break;
        int kernels = read_is_kernels(&r);
        if (low >= end || begin >= high)
            continue;
        count++;
        if (unmap && kernels)
            elfie_syscall(__NR_munmap, low, high - low);
    }
    elfie_syscall(__NR_close, r.fd);
    return count;
}

int elfie_is_unseen(uint64_t begin, uint64_t end)
{
    return walk_maps(begin, end, 0) == 0;
}

/* Without /proc: the target and more and more pages around it, but none of the image. */
static void clear_by_margin(uint64_t begin, uint64_t end)
{
    uint64_t low = begin, high = end;
    for (int i = 0; i < MARGIN; i++)
        for (int k = 0; k < MARGIN; k++) {
            low = begin - (uint64_t)i * PAGE_SIZE;
            high = end + (uint64_t)k * PAGE_SIZE;
            if (high > USER_SPACE_END || elfie_any_captured(low, begin) ||
                elfie_any_captured(end, high))
                break;
            if (elfie_syscall(__NR_munmap, low, high - low) == 0)
                return;
        }
}

void elfie_clear(uint64_t begin, uint64_t end)
{
    if (walk_maps(begin, end, 1) < 0)
        clear_by_margin(begin, end);
}
