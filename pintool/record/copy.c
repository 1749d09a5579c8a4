/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a descriptor of the program, gives a file of the pinball with the same contents. */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/sysstate.h"
#include "message.h"
#include "pinball.h"

bool copy_descriptor(pid_t pid, int number, const char *name, const char *suffix)
{
    char path[64];
    int reading;
    /* A new open file, with a position of its own, of the same file, even if that has no name. */
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, number);
    int from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (from < 0) {
        warn("%s: cannot be copied: %s", name, strerror(errno));
        return false;
    }
    char *copy = pinball_reserve(suffix);
    int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int error = to < 0 ? errno : sysstate_copy(from, to, &reading);
    if (to >= 0 && close(to) != 0 && !error)
        error = errno;
    close(from);
    if (error && (to < 0 || !reading))
        fail("copy of %s: cannot be written: %s", name, strerror(error));
    if (error) {
        warn("%s: cannot be read: %s: not copied", name, strerror(error));
        pinball_drop(suffix);
    }
    free(copy);
    return !error;
}
