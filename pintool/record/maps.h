/* SPDX-License-Identifier: BSD-3-Clause */
/* The mappings of the program, as /proc/PID/maps lists them. */
#ifndef MAPS_H
#define MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_BYTES 4096

struct mapping {
    uint64_t lo, hi; /* first byte, and the byte behind the last */
    bool readable, writable, executable;
    bool anonymous_private; /* pages that were never touched are zero */
    char *name;             /* path, "[heap]", "[vdso]" ...; "" if there is none */
};

struct maps {
    struct mapping *list; /* in ascending order */
    size_t count;
};

struct maps maps_read(pid_t pid);

void maps_free(struct maps *maps);

/* The mapping that ADDRESS is in, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

/* The mapping of that name, or NULL. */
const struct mapping *maps_find_name(const struct maps *maps, const char *name);

/* True if the mapping belongs to the program. The kernel's own (vdso, vvar, vsyscall, uprobes) do
 * not: an ELFie gets new ones. Nor do guard areas, which the program cannot access. */
bool maps_is_image(const struct mapping *mapping);

#endif
