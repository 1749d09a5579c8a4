/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes regions and pieces and decides where they go: which pieces have a program header of
 * their own, what the startup has to move or to map, where the runtime and the staging area lie,
 * and where the program break is. */
#include "../startup/needs.h"
#include "error.h"
#include "layout.h"
#include "sysstate.h"

#include <stdlib.h>
#include <string.h>

#define RUNTIME_MAX (UINT64_C(1) << 36)
#define BREAK_RANDOMISATION (UINT64_C(1) << 30) /* arch_randomize_brk(), Linux 6.18 */
#define STACK_ROOM (UINT64_C(8) << 20)          /* RLIMIT_STACK as nearly everybody has it */
#define STACK_HOLE (UINT64_C(1) << 20) /* between pages of the stack that were never touched */

enum {
    FIXED_HEADERS = 3,        /* runtime text, runtime data, PT_GNU_STACK */
    RUNTIME_CODE = 768 << 10, /* library, tables of fixed size: 350 KiB; the rest for callbacks */
    RUNTIME_PER_THREAD = 4 << 10, /* context with all vector registers, entry stub */
    AMX_PER_THREAD = 16 << 10,
    RUNTIME_PER_ROW = 64,    /* a row of a table, and its comment's worth */
    RUNTIME_PER_SYMBOL = 32, /* a row of three quadwords, and a NUL */
    RUNTIME_PER_SITE = 16,
    RUNTIME_PER_STATE = 0x100 + 40, /* of a thread that is replayed */
    RUNTIME_UNIT = 1 << 20,
};

/* --- program headers ------------------------------------------------------------------------ */

static uint64_t piece_end(const struct piece *p)
{
    return p->address + (p->file_pages + p->zero_pages) * PAGE_SIZE;
}

static int larger_first(const void *a, const void *b)
{
    const struct piece *x = *(struct piece *const *)a, *y = *(struct piece *const *)b;
    if (x->file_pages != y->file_pages)
        return x->file_pages > y->file_pages ? -1 : 1;
    return x->address < y->address ? -1 : x->address > y->address;
}

/* Holds the stack of a thread that is started. */
static bool is_stack(const struct layout *l, const struct checkpoint *c, const struct region *r)
{
    for (uint32_t t = 0; t < c->num_threads; t++)
        if (region_at(l, c->threads[t].gpr[RSP]) == r)
            return true;
    return false;
}

static bool keeps_its_place(const struct layout *l, const struct checkpoint *c,
                            const struct piece *p)
{
    return l->options.keep_stack && is_stack(l, c, region_at(l, p->address));
}

/* The largest pieces get the headers that there are: what has one is mapped by the kernel and read
 * on demand, what has none is moved or copied by the startup. */
static void choose_headers(struct layout *l, const struct checkpoint *c)
{
    uint64_t limit = l->options.compact ? COMPACT_LIMIT : KERNEL_WINDOW;
    if (limit > l->options.header_limit)
        limit = l->options.header_limit;
    struct piece **candidates = xcalloc(l->num_pieces, sizeof *candidates);
    size_t count = 0, with_content = 0, first = 0;
    for (size_t i = 0; i < l->num_pieces; i++) {
        struct piece *p = &l->pieces[i];
        p->placement = STAGED;
        with_content += p->file_pages != 0;
        if (p->file_pages && keeps_its_place(l, c, p)) {
            candidates[count++] = candidates[first];
            candidates[first++] = p;
        } else if (p->file_pages && piece_end(p) <= limit) {
            candidates[count++] = p;
        }
    }
    size_t room = l->options.max_headers - FIXED_HEADERS;
    if (count < with_content || count > room)
        room--; /* the staging area's own */
    qsort(candidates + first, count - first, sizeof *candidates, larger_first);
    l->num_header_pieces = count < room ? count : room;
    for (size_t i = 0; i < l->num_header_pieces; i++)
        candidates[i]->placement = IN_HEADER;
    free(candidates);
}

/* --- moves ---------------------------------------------------------------------------------- */

/* Adjacent pages that the startup has to provide. */
struct stretch {
    uint64_t begin, end;
    size_t first_piece, num_pieces;
    const char *label;         /* of the zero pages */
    const char *content_label; /* of the pieces */
};

struct stretches {
    struct stretch *list;
    size_t count, room;
};

static void add_stretch(struct stretches *s, struct stretch next)
{
    struct stretch *last = s->count ? &s->list[s->count - 1] : NULL;
    if (last && last->end == next.begin) {
        if (!last->num_pieces) {
            last->first_piece = next.first_piece;
            last->content_label = next.content_label;
        }
        last->num_pieces += next.num_pieces;
        last->end = next.end;
        return;
    }
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        s->list = xreallocarray(s->list, s->room, sizeof next);
    }
    s->list[s->count++] = next;
}

static void add_zero_pages(struct stretches *s, uint64_t begin, uint64_t end, const char *label)
{
    if (begin < end)
        add_stretch(s, (struct stretch){.begin = begin, .end = end, .label = label});
}

/* Lowest address of the room under the initial thread's stack: that stack grew by itself when the
 * program was recorded, and this one has to as well. */
static uint64_t stack_room_begin(const struct layout *l, const struct region *stack)
{
    uint64_t floor = stack == l->regions ? UINT64_C(0x10000) : stack[-1].end;
    uint64_t begin = stack->begin > STACK_ROOM ? stack->begin - STACK_ROOM : 0;
    return begin > floor ? begin : floor;
}

struct area stack_room(const struct layout *l, const struct checkpoint *c)
{
    const struct region *stack = region_at(l, c->threads[0].gpr[RSP]);
    if (!stack)
        return (struct area){0};
    uint64_t begin = stack_room_begin(l, stack);
    return (struct area){begin, stack->begin - begin};
}

static void find_stretches(const struct layout *l, const struct checkpoint *c, struct stretches *s)
{
    const struct region *stack =
        l->options.keep_stack ? NULL : region_at(l, c->threads[0].gpr[RSP]);
    for (size_t i = 0; i < l->num_regions; i++) {
        const struct region *r = &l->regions[i];
        if (r == stack)
            add_zero_pages(s, stack_room_begin(l, r), r->begin, "room for the stack to grow");
        else if (stack && r > stack && r->begin >= KERNEL_WINDOW &&
                 r->begin - r[-1].end <= STACK_HOLE)
            add_zero_pages(s, r[-1].end, r->begin, "stack, not touched before the region");
        for (size_t k = r->first_piece; k < r->first_piece + r->num_pieces; k++)
            if (l->pieces[k].placement == STAGED)
                add_stretch(s, (struct stretch){.begin = l->pieces[k].address,
                                                .end = piece_end(&l->pieces[k]),
                                                .first_piece = k,
                                                .num_pieces = 1,
                                                .label = r->label,
                                                .content_label = r->label});
    }
}

static void add_move(struct layout *l, struct move move)
{
    if ((l->num_moves & (l->num_moves - 1)) == 0)
        l->moves = xreallocarray(l->moves, l->num_moves ? 2 * l->num_moves : 1, sizeof move);
    l->moves[l->num_moves++] = move;
}

/* Rows for one stretch: zero pages for all of it where there are any, then what is moved into
 * them. Adjacent pieces share an output section. */
static void add_moves(struct layout *l, const struct stretch *s)
{
    uint64_t content = 0;
    for (size_t k = s->first_piece; k < s->first_piece + s->num_pieces; k++)
        content += l->pieces[k].file_pages * PAGE_SIZE;
    if (content != s->end - s->begin)
        add_move(l, (struct move){.section = NO_SECTION,
                                  .to = s->begin,
                                  .length = s->end - s->begin,
                                  .label = s->label});
    if (!content)
        return;
    uint64_t offset = 0;
    for (size_t k = s->first_piece; k < s->first_piece + s->num_pieces; k++) {
        const struct piece *p = &l->pieces[k];
        if (p->file_pages)
            add_move(l, (struct move){.section = l->num_staged,
                                      .offset = offset,
                                      .to = p->address,
                                      .length = p->file_pages * PAGE_SIZE,
                                      .label = s->content_label});
        offset += p->file_pages * PAGE_SIZE;
    }
    if ((l->num_staged & (l->num_staged - 1)) == 0)
        l->staged =
            xreallocarray(l->staged, l->num_staged ? 2 * l->num_staged : 1, sizeof *l->staged);
    l->staged[l->num_staged++] =
        (struct staged_section){.first_piece = s->first_piece, .num_pieces = s->num_pieces};
    l->staging.length += content;
}

/* --- gaps ----------------------------------------------------------------------------------- */

/* Everything that has its place by now, in order of address. */
struct occupied {
    struct area *areas;
    size_t count;
};

static int by_origin(const void *a, const void *b)
{
    const struct area *x = a, *y = b;
    return x->origin < y->origin ? -1 : x->origin > y->origin;
}

static void occupy(struct occupied *o, struct area area)
{
    o->areas = xreallocarray(o->areas, o->count + 1, sizeof area);
    o->areas[o->count++] = area;
    qsort(o->areas, o->count, sizeof area, by_origin);
}

/* Lowest address from FROM on where LENGTH bytes are free with a page to spare on both sides, a
 * multiple of UNIT and below the kernel's window; 0 when there is none. */
static uint64_t find_gap(const struct occupied *o, uint64_t from, uint64_t length, uint64_t unit)
{
    uint64_t at = (from + unit - 1) / unit * unit;
    for (size_t i = 0; i <= o->count; i++) {
        uint64_t next = i < o->count ? o->areas[i].origin : KERNEL_WINDOW;
        if (next > KERNEL_WINDOW)
            next = KERNEL_WINDOW;
        if (next > at && next - at > PAGE_SIZE && next - at - PAGE_SIZE >= length)
            return at;
        if (i == o->count)
            break;
        uint64_t end = o->areas[i].origin + o->areas[i].length;
        if (end + PAGE_SIZE > at)
            at = (end + PAGE_SIZE + unit - 1) / unit * unit;
    }
    return 0;
}

static uint64_t find_first(const struct occupied *o, const uint64_t *from, size_t count,
                           uint64_t length, uint64_t unit)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t at = find_gap(o, from[i], length, unit);
        if (at)
            return at;
    }
    fail("the image leaves no gap of %llu bytes below 0x%llx", (unsigned long long)length,
         (unsigned long long)KERNEL_WINDOW);
}

static uint64_t runtime_size(const struct layout *l, const struct checkpoint *c)
{
    uint64_t per_thread = RUNTIME_PER_THREAD + l->options.callback_stack_size;
    if (checkpoint_needs(c) & NEEDS(AMX_TILE))
        per_thread += AMX_PER_THREAD;
    if (per_thread > RUNTIME_MAX / c->num_contexts)
        fail("%u threads with stacks of %llu bytes: more than fits", c->num_contexts,
             (unsigned long long)l->options.callback_stack_size);
    uint64_t size = RUNTIME_CODE + (1 + (uint64_t)c->num_contexts) * per_thread +
                    (l->num_moves + l->num_regions) * RUNTIME_PER_ROW;
    size += sysstate_size(c);
    for (size_t i = 0; i < c->num_symbols; i++)
        size += RUNTIME_PER_SYMBOL + strlen(c->symbols[i].name);
    if (c->replay)
        size += c->replay->size +
                (c->replay->sites.count + c->replay->instructions.count) * RUNTIME_PER_SITE +
                c->num_contexts * RUNTIME_PER_STATE;
    return (size + RUNTIME_UNIT - 1) / RUNTIME_UNIT * RUNTIME_UNIT;
}

/* Below the image where that is possible: above it is where the heap grows. */
static void place_runtime(struct layout *l, const struct checkpoint *c, struct occupied *o)
{
    if (c->has_break)
        occupy(o, (struct area){c->program_break, PAGE_SIZE});
    static const uint64_t from[] = {UINT64_C(0x10000000), UINT64_C(0x100000)};
    l->runtime.length = runtime_size(l, c);
    uint64_t low = find_gap(o, 0x100000, l->runtime.length, 0x10000);
    l->runtime.origin =
        low && low < l->regions[0].begin ? low : find_first(o, from, 2, l->runtime.length, 0x10000);
    occupy(o, l->runtime);
    if (l->staging.length) {
        l->staging.origin = find_first(o, from, 2, l->staging.length, 0x10000);
        occupy(o, l->staging);
    }
}

static bool in_module(const struct checkpoint *c, const struct region *r)
{
    for (size_t i = 0; i < c->num_modules; i++)
        if (c->modules[i].base < r->end && r->begin < c->modules[i].end)
            return true;
    return false;
}

/* Where a heap that ends at END begins: behind the modules, in the region that holds its end. */
static uint64_t heap_begin(const struct layout *l, const struct checkpoint *c, uint64_t end)
{
    const struct region *r = region_at(l, end - 1);
    uint64_t begin = r ? r->begin : end;
    for (size_t i = 0; i < c->num_modules; i++) {
        uint64_t above = (c->modules[i].end + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
        if (above > begin && c->modules[i].base < end)
            begin = above;
    }
    return begin < end ? begin : end;
}

/* Where the recorded break is not known, it is the end of what looks like the heap: the last region
 * without a module that lies where the kernel may have put one, else the end of the program. The C
 * library goes on from the break that it remembers: a hole in between ends in SIGSEGV. */
static uint64_t guess_break(const struct layout *l, const struct checkpoint *c)
{
    const struct region *program = c->num_modules ? region_at(l, c->modules[0].base) : l->regions;
    if (!program)
        program = l->regions;
    uint64_t end = program->end;
    for (const struct region *r = program + 1; r < l->regions + l->num_regions; r++) {
        if (r->begin - program->end > BREAK_RANDOMISATION)
            break;
        if (!in_module(c, r))
            end = r->end;
    }
    return end;
}

static void place_break(struct layout *l, const struct checkpoint *c)
{
    l->break_is_recorded = c->has_break;
    l->break_end = c->has_break ? c->program_break : guess_break(l, c);
    l->break_start = heap_begin(l, c, l->break_end);
}

static void check_entries(const struct layout *l, const struct checkpoint *c)
{
    for (uint32_t t = 0; t < c->num_contexts; t++) {
        uint64_t rip = c->threads[t].gpr[RIP];
        if (!region_at(l, rip) && rip < USER_SPACE_END)
            fail("%s: thread %u starts at 0x%llx, in a page that was not captured or is left out",
                 c->base, c->threads[t].number, (unsigned long long)rip);
    }
}

void layout_place(struct layout *l, const struct checkpoint *c)
{
    struct stretches s = {0};
    struct occupied o = {0};
    check_entries(l, c);
    choose_headers(l, c);
    find_stretches(l, c, &s);
    o.areas = xmalloc((l->num_regions + s.count) * sizeof *o.areas);
    for (size_t i = 0; i < l->num_regions; i++)
        o.areas[o.count++] =
            (struct area){l->regions[i].begin, l->regions[i].end - l->regions[i].begin};
    for (size_t i = 0; i < s.count; i++) {
        add_moves(l, &s.list[i]);
        o.areas[o.count++] = (struct area){s.list[i].begin, s.list[i].end - s.list[i].begin};
    }
    qsort(o.areas, o.count, sizeof *o.areas, by_origin);
    place_runtime(l, c, &o);
    place_break(l, c);
    free(s.list);
    free(o.areas);
}
