/* SPDX-License-Identifier: BSD-3-Clause */
/* The logs of a pinball, packed into replay.bin for an ELFie that replays them: one reader for
 * each kind of file, which checks as it reads and writes as it goes. What each writes is in
 * instrumentation/replay_log.h. Whatever is wrong in a log ends the program with a message that
 * names the file and the line. */
#ifndef GEN_REPLAY_H
#define GEN_REPLAY_H

#include "../instrumentation/replay_log.h"
#include "checkpoint.h"
#include "input.h"
#include "layout.h"
#include <stdio.h>

/* What the readers share while they run. */
struct replay_reader {
    struct checkpoint *c;
    const struct layout *l;
    int pages_fd;   /* pages.bin */
    FILE *to;       /* replay.bin */
    uint64_t *ends; /* of each thread, from its .reg; set by replay_read_reg */
    bool *given;    /* a byte for each gap below a region and the one above the last: the kernel has
                     * given an address in it, and memory may follow there */
};

/* BASE.T.reg behind the initial state: records, then the values of registers. Notes the sites and
 * the gaps that the kernel has given addresses in. Sets ends[t]. */
void replay_read_reg(struct replay_reader *r, uint32_t thread);

/* BASE.T.sel: writes. Needs the .reg of all threads. */
void replay_read_sel(struct replay_reader *r, uint32_t thread);

/* BASE.T.race: orders. Needs the .reg of all threads. */
void replay_read_race(struct replay_reader *r, uint32_t thread);

/* The stops, and BASE.schedule. Needs all of the above. */
void replay_add_stops(struct replay_reader *r);

/* All of them. Needs regions; sets c->replay. PAGES_FD is of pages.bin, TO is replay.bin. */
void replay_read(struct checkpoint *c, const struct layout *l, int pages_fd, FILE *to);

/* Keeps the sites that are system calls in the image, and finds out how to replace them. */
void replay_check_sites(struct checkpoint *c, int pages_fd);

/* Notes that there is a system call instruction at ADDRESS. */
void replay_add_site(struct replay *replay, uint64_t address);

/* Notes that an instruction of KIND is at ADDRESS, behind its prefixes. */
void replay_add_instruction(struct replay *replay, uint64_t address, enum replay_kind kind);

/* Which instruction, the one before RIP, a record is of that sets REGISTERS, a bit for each of enum
 * gpr; notes where it is. Fails where none is there, or registers are missing. */
enum replay_kind replay_instruction_kind(struct replay_reader *r, const struct input *in,
                                         uint64_t rip, uint32_t registers);

/* Number of the gap that ADDRESS lies in, or -1 in a region. */
long replay_gap(const struct layout *l, uint64_t address);

/* "end_marker N [X]": true when LINE is one. N must not be below LAST, and nothing may follow. */
bool replay_end_marker(struct input *in, const char *line, uint64_t last, uint64_t *icount);

/* Code refers to the runtime's data relative to itself, over the log: 2 GiB at most. */
#define REPLAY_MAX (UINT64_C(1) << 30)

#endif
