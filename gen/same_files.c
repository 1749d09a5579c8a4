/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds which descriptors stand for one file, though each opened it by itself: what is written
 * through one of them is read through the others, in the ELFie too. Their copies are one file with
 * several names, or they have one path and no copy. */
#include "error.h"
#include "sysstate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct key {
    dev_t device; /* of the copy; 0 and 0 without one */
    ino_t inode;
    const char *path; /* without a copy, otherwise "" */
    struct descriptor *descriptor;
};

static int compare_files(const struct key *x, const struct key *y)
{
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int by_file_and_number(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = compare_files(x, y);
    if (order)
        return order;
    return x->descriptor->number < y->descriptor->number ? -1 : 1;
}

static struct key key_of(const struct sysstate *s, struct descriptor *d)
{
    struct key k = {.path = d->copy ? "" : d->path, .descriptor = d};
    if (d->copy) {
        struct stat st;
        char *path = xasprintf("%s/%s", s->path, d->copy);
        if (stat(path, &st))
            fail_at(path, 0, "%s", strerror(errno));
        k.device = st.st_dev;
        k.inode = st.st_ino;
        free(path);
    }
    return k;
}

static bool writes(const struct descriptor *d)
{
    return (d->flags & O_ACCMODE) != O_RDONLY;
}

/* Descriptors FIRST up to END of the keys are those of one file. */
static void set_group(struct key *first, const struct key *end)
{
    bool written = false;
    for (const struct key *k = first; k < end; k++)
        written = written || writes(k->descriptor);
    for (struct key *k = first; k < end; k++) {
        k->descriptor->file = first->descriptor->number;
        k->descriptor->written = written;
    }
}

void same_files_find(struct sysstate *s)
{
    struct key *keys = xcalloc(s->num_descriptors, sizeof *keys);
    size_t count = 0;
    for (size_t i = 0; i < s->num_descriptors; i++) {
        struct descriptor *d = &s->descriptors[i];
        d->file = d->number;
        if (d->action == REOPEN_FILE && !(d->flags & O_PATH))
            keys[count++] = key_of(s, d);
    }
    if (count)
        qsort(keys, count, sizeof *keys, by_file_and_number);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && !compare_files(&keys[first], &keys[end]);)
            end++;
        set_group(&keys[first], &keys[end]);
    }
    free(keys);
}
