/* SPDX-License-Identifier: BSD-3-Clause */
/* The layout: where everything of the checkpoint goes. regions.c cuts the image into regions and
 * pieces, place.c decides, emit_ld.c prints it as the linker script, emit_pages.c the content. */
#ifndef GEN_LAYOUT_H
#define GEN_LAYOUT_H

#include "../startup/kernel_window.h"
#include "checkpoint.h"

/* Compact layout: what lies below has its own header, all else is moved. */
#define COMPACT_LIMIT UINT64_C(0x100000000)

enum {
    MIN_HEADERS = 5,      /* runtime text and data, PT_GNU_STACK, staging, and one region */
    DEFAULT_HEADERS = 73, /* kernels before 5.18 read one page of headers at most */
    MAX_HEADERS = 1170,   /* 64 KiB of headers, what Linux accepts */
};

struct layout_options {
    unsigned max_headers;
    bool compact;
    uint64_t callback_stack_size;    /* bytes per thread, a multiple of PAGE_SIZE */
    uint64_t header_limit;           /* what ends above has no header, whatever the layout */
    bool no_startup;                 /* the region begins without the runtime */
    bool keep_stack;                 /* regions that hold a stack have headers all the same */
    unsigned text_flags, data_flags; /* PF_... of executed pages, and of all others */
    const char *text_section, *data_section; /* of regions: first part of their sections' names */
};

enum { SEGMENT_X = 1, SEGMENT_W = 2, SEGMENT_R = 4, SEGMENT_RWX = 7 }; /* elf.h: PF_X, PF_W, PF_R */

enum placement { IN_HEADER, STAGED };

/* Pages of a region that go the same way: non-zero ones, then zero ones, either may be none. */
struct piece {
    uint64_t address;
    uint64_t file_pages, zero_pages;
    size_t first_run, num_runs; /* of checkpoint.runs, the non-zero ones */
    enum placement placement;   /* of the non-zero pages, and in a header of the zero ones too */
};

/* A maximal run of adjacent pages. */
struct region {
    uint64_t begin, end;
    size_t first_piece, num_pieces;
    char *label; /* module, stack, TLS, heap; text or data */
    bool executed;
};

/* Zero pages that the startup maps, or pages that it moves there out of the staging area. */
struct move {
    size_t section;  /* of layout.staged, or NO_SECTION for zero pages */
    uint64_t offset; /* in that section */
    uint64_t to, length;
    const char *label;
};
#define NO_SECTION SIZE_MAX

/* One output section of the staging area: the non-zero pages of adjacent pieces. */
struct staged_section {
    size_t first_piece, num_pieces;
};

struct area {
    uint64_t origin, length;
};

struct layout {
    struct layout_options options;
    struct region *regions;
    size_t num_regions;
    struct piece *pieces;
    size_t num_pieces;
    struct staged_section *staged;
    size_t num_staged;
    struct move *moves;
    size_t num_moves;
    size_t num_header_pieces;
    struct area runtime; /* startup code, contexts, its stacks */
    struct area staging; /* length 0 when nothing is moved */
    uint64_t break_start, break_end;
    bool break_is_recorded;
};

/* Fills regions and pieces, with labels, from the checkpoint. */
void regions_find(struct layout *l, const struct checkpoint *c);

/* Region that holds ADDRESS, or NULL. */
const struct region *region_at(const struct layout *l, uint64_t address);

/* Name of the section that begins with the page at ADDRESS: ".page.400000". */
enum { SECTION_NAME = 96 };
void section_name(const struct layout *l, uint64_t address, char name[SECTION_NAME]);

/* The part of REGION that begins at BEGIN and has the same protection throughout: returns its end,
 * and in FLAGS the protection, PF_... */
uint64_t protection_end(const struct layout *l, const struct checkpoint *c,
                        const struct region *region, uint64_t begin, unsigned *flags);

/* Address in the image of the first page in a section of the staging area; names the section. */
uint64_t staged_address(const struct layout *l, const struct staged_section *s);

/* Room that the startup maps under the initial thread's stack. */
struct area stack_room(const struct layout *l, const struct checkpoint *c);

/* Decides about everything else. Needs the regions. */
void layout_place(struct layout *l, const struct checkpoint *c);

#endif
