/* SPDX-License-Identifier: BSD-3-Clause */
/* ELFIE_REPLAY_LOG=FILE: a line for each system call: thread, number, name, six arguments, answer,
 * and whether it was injected or executed. */
#include "replay.h"
#include "syscall.h"

#include <linux/fcntl.h>

enum { HIGH_DESCRIPTOR = 1000 }; /* out of the way of people who look at /proc */

static char path[4096];
static long file = -1;

void replay_trace_path(const char *value)
{
    size_t i = 0;
    for (; value[i] && i < sizeof path - 1; i++)
        path[i] = value[i];
    if (value[i])
        elfie_fail("ELFIE_REPLAY_LOG is too long a name; the region was not run", 0);
}

void replay_install_trace(void)
{
    if (!path[0])
        return;
    long fd =
        elfie_syscall(__NR_open, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        elfie_fail("the file of ELFIE_REPLAY_LOG cannot be written; the region was not run", fd);
    file = elfie_syscall(__NR_fcntl, fd, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    if (file < 0)
        file = fd;
    else
        elfie_syscall(__NR_close, fd);
}

void replay_trace(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                  uint64_t answer, const char *how)
{
    struct elfie_line line;
    const uint64_t arguments[] = {registers->rdi, registers->rsi, registers->rdx,
                                  registers->r10, registers->r8,  registers->r9};
    if (file < 0)
        return;
    line.length = 0;
    elfie_put_decimal(&line, thread);
    elfie_put(&line, " ");
    elfie_put_decimal(&line, number);
    elfie_put(&line, " ");
    elfie_put(&line, replay_name_of(number));
    for (int i = 0; i < 6; i++) {
        elfie_put(&line, " ");
        elfie_put_hex(&line, arguments[i]);
    }
    elfie_put(&line, " = ");
    elfie_put_hex(&line, answer);
    elfie_put(&line, " ");
    elfie_put(&line, how);
    elfie_put(&line, "\n");
    elfie_syscall(__NR_write, file, line.text, line.length);
}
