/* SPDX-License-Identifier: BSD-3-Clause */
/* Output for the user's eyes: what the region writes to standard output and error is written there,
 * as much of it as was written when it was recorded. What becomes of it is not the region's
 * business. */
#include "replay.h"
#include "syscall.h"

#include <asm/errno.h>
#include <asm/poll.h>
#include <linux/fcntl.h>

enum { DESCRIPTORS = 1024 };

/* What the program's descriptor is here, plus 1; 0: nothing that the user sees. */
static uint8_t shown[DESCRIPTORS] = {[1] = 2, [2] = 3};

static void write_all(int fd, const char *bytes, uint64_t size)
{
    while (size) {
        long done = elfie_syscall(__NR_write, fd, bytes, size);
        if (done == -EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            elfie_syscall(__NR_poll, &wait, 1, -1);
        } else if (done > 0) {
            bytes += done;
            size -= (uint64_t)done;
        } else if (done != -EINTR) {
            return; /* closed, full, or nobody reads */
        }
    }
}

struct vector {
    const char *bytes;
    uint64_t size;
};

void replay_show(const struct sigcontext *registers, uint64_t number, int64_t result)
{
    uint64_t fd = registers->rdi;
    if (fd >= DESCRIPTORS || !shown[fd] || result <= 0)
        return;
    uint64_t left = (uint64_t)result;
    struct vector one = {(const char *)registers->rsi, left};
    const struct vector *v = number == __NR_writev ? (const struct vector *)registers->rsi : &one;
    uint64_t count = number == __NR_writev ? registers->rdx : 1;
    for (; count && left; count--, v++) {
        uint64_t part = v->size < left ? v->size : left;
        write_all(shown[fd] - 1, v->bytes, part);
        left -= part;
    }
}

void replay_descriptor(const struct sigcontext *registers, uint64_t number, int64_t result)
{
    uint64_t fd = registers->rdi;
    if (result < 0)
        return;
    if (number == __NR_close) {
        if (fd < DESCRIPTORS)
            shown[fd] = 0;
        return;
    }
    if (number == __NR_fcntl && registers->rsi != F_DUPFD && registers->rsi != F_DUPFD_CLOEXEC)
        return;
    if (result < DESCRIPTORS)
        shown[result] = fd < DESCRIPTORS ? shown[fd] : 0;
}
