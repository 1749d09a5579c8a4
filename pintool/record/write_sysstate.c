/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the stopped program, gives BASE.sysstate/ but for the break:
 *
 *   CWD.log         the working directory
 *   PID.log         the process id
 *   FD.log          a line "FD KIND FLAGS OFFSET PATH" for each open descriptor; KIND is file, dir,
 *                   pipe, socket, tty, char, other, or dup: the same open file as descriptor PATH.
 *                   FLAGS are those of open(2) in hexadecimal, OFFSET is in bytes, PATH is the rest
 *                   of the line. Lines that begin with # are for people.
 *   workdir/FD_N    the contents of the regular file behind descriptor N
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/sysstate.h"
#include "copy.h"
#include "descriptors.h"
#include "memory.h"
#include "message.h"
#include "pinball.h"
#include "process.h"
#include "write.h"

/* What the recorder has under the same number came from whoever called it, and he knows. */
static bool is_inherited(const struct descriptor *descriptor)
{
    struct stat own;
    return fstat(descriptor->number, &own) == 0 && own.st_dev == descriptor->status.st_dev &&
           own.st_ino == descriptor->status.st_ino;
}

/* Descriptors 0, 1 and 2 are those of whoever runs the ELFie. */
static void report(const struct descriptor *descriptor)
{
    if (descriptor->explanation && descriptor->number > 2 && !is_inherited(descriptor))
        warn("descriptor %d (%s) is %s; the ELFie has what its caller hands it", descriptor->number,
             descriptor->path, descriptor->explanation);
}

/* A pipe, a device or the like that the program has from whoever called the recorder, and has done
 * nothing with: the ELFie has what its own caller hands it. Of duplicates either all are, or none.
 */
static bool is_callers(const struct descriptors *descriptors, const struct descriptor *descriptor)
{
    int original = descriptor->original >= 0 ? descriptor->original : descriptor->number;
    for (size_t i = 0; i < descriptors->count; i++) {
        const struct descriptor *other = &descriptors->list[i];
        if (other->number != original && other->original != original)
            continue;
        if (other->number <= 2 || !is_inherited(other) || strcmp(other->kind, "file") == 0 ||
            strcmp(other->kind, "dir") == 0)
            return false;
    }
    return true;
}

/* --- contents --------------------------------------------------------------------------------- */

/* A regular file of a real file system, not of /proc. */
static bool is_to_be_copied(const struct descriptor *descriptor)
{
    char name[SYSSTATE_NAME_MAX];
    return strcmp(descriptor->kind, "file") == 0 && descriptor->original < 0 &&
           sysstate_place(descriptor->path, name) != SYSSTATE_OF_KERNEL;
}

/* Two descriptors that opened one file share its contents in the ELFie, too. */
static int find_copy(const struct descriptors *descriptors, size_t end)
{
    const struct stat *status = &descriptors->list[end].status;
    for (size_t i = 0; i < end; i++) {
        const struct descriptor *other = &descriptors->list[i];
        if (other->status.st_ino == status->st_ino && other->status.st_dev == status->st_dev &&
            is_to_be_copied(other))
            return other->number;
    }
    return -1;
}

static void copy_contents(pid_t pid, const struct descriptors *descriptors, size_t index)
{
    const struct descriptor *descriptor = &descriptors->list[index];
    char *suffix = memory_format("sysstate/workdir/FD_%d", descriptor->number);
    int earlier = find_copy(descriptors, index);
    if (earlier >= 0) {
        char *other = memory_format("sysstate/workdir/FD_%d", earlier);
        if (!pinball_link(other, suffix))
            earlier = -1;
        free(other);
    }
    if (earlier < 0)
        copy_descriptor(pid, descriptor->number, descriptor->path, suffix);
    free(suffix);
}

/* --- FD.log ----------------------------------------------------------------------------------- */

static void put_line(struct output *output, const struct descriptor *descriptor)
{
    char line[SYSSTATE_NAME_MAX + 128], original[16];
    bool is_dup = descriptor->original >= 0;
    snprintf(original, sizeof original, "%d", descriptor->original);
    if (descriptor->explanation && !is_dup)
        output_printf(output, "# %d is %s\n", descriptor->number, descriptor->explanation);
    size_t length =
        sysstate_line(line, sizeof line, descriptor->number, is_dup ? "dup" : descriptor->kind,
                      descriptor->flags, descriptor->offset, is_dup ? original : descriptor->path);
    if (length == 0) {
        warn("descriptor %d: its file has a line break in its name: it is left out of FD.log",
             descriptor->number);
        output_printf(output, "# %d is left out: a line break in its name\n", descriptor->number);
        return;
    }
    output_write(output, line, length);
}

static void write_descriptors(pid_t pid, bool is_started)
{
    struct descriptors descriptors = descriptors_read(pid);
    struct output *output = pinball_create("sysstate/FD.log", COMPRESS_NONE);
    output_printf(output, "# FD KIND FLAGS OFFSET PATH\n");
    for (size_t i = 0; i < descriptors.count; i++) {
        const struct descriptor *descriptor = &descriptors.list[i];
        if (is_started && is_callers(&descriptors, descriptor)) {
            output_printf(output, "# %d is left out: it is the recorder's caller's\n",
                          descriptor->number);
            continue;
        }
        report(descriptor);
        put_line(output, descriptor);
        if (is_to_be_copied(descriptor) && !strchr(descriptor->path, '\n'))
            copy_contents(pid, &descriptors, i);
    }
    output_close(output);
    descriptors_free(&descriptors);
}

/* --- all -------------------------------------------------------------------------------------- */

static void write_directory(pid_t pid)
{
    char *directory = process_link(pid, "cwd");
    if (!directory || *directory != '/' || strchr(directory, '\n')) {
        warn("the working directory is not recorded: %s",
             directory ? "its name cannot stand in CWD.log" : strerror(errno));
    } else {
        struct output *output = pinball_create("sysstate/CWD.log", COMPRESS_NONE);
        output_printf(output, "%s\n", directory);
        output_close(output);
    }
    free(directory);
}

void write_process_id(const struct snapshot *snapshot)
{
    struct output *output = pinball_create("sysstate/PID.log", COMPRESS_NONE);
    output_printf(output, "%d\n", snapshot->tracee->pid);
    output_close(output);
}

void write_sysstate(const struct snapshot *snapshot, bool is_started)
{
    write_process_id(snapshot);
    write_directory(snapshot->tracee->pid);
    write_descriptors(snapshot->tracee->pid, is_started);
}
