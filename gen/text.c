/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.text, the memory image: for each page "/0xADDR 0 0" and its 512 quadwords. Pages
 * stream into pages.bin; only runs of pages are kept, so memory does not grow with the image.
 *
 * From log format 2.9 on a quadword may also be ";N", the previous one plus N, and ":N" repeats
 * the previous one N times.
 *
 * The pages may come in any order. With PinPlay's -log:pages_early the images of the modules
 * come first, in ascending order, as they were when loaded; those that have changed by the start
 * of the region come again behind them, and then the later one counts (measured: pinball st of
 * the year 2017 has six of these, relocated GOTs and the like). Any other page that comes twice
 * is an error, and so is one that comes twice with the same content. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUADWORDS = PAGE_SIZE / 8 };

struct reader {
    struct checkpoint *checkpoint;
    struct input *in;
    FILE *pages_bin;
    const char *path;
    bool delta;       /* ";N" and ":N" are possible */
    uint64_t written; /* bytes in pages.bin */
    uint64_t pages;   /* read so far */
    uint64_t early;   /* pages in the ascending sequence at the front; they may come again */
    uint64_t last;    /* address of the page before */
    time_t begin;     /* of the reading */
    bool shown;       /* progress on the terminal */
    bool low_page;    /* warned of a page below mmap_min_addr */
};

static bool read_delta(const char **at, uint64_t *value)
{
    uint64_t n;
    const char *p = *at + 1;
    bool negative = *p == '-';
    p += negative;
    if (!scan_decimal(&p, &n))
        return false;
    *value += negative ? -n : n;
    *at = p;
    return true;
}

/* Reads one line of values behind the FILLED ones; returns how many there are then. */
static unsigned read_values(struct reader *r, const char *line, size_t length, uint64_t *page,
                            unsigned filled)
{
    const char *at = line;
    uint64_t value = filled ? page[filled - 1] : 0;
    uint64_t count = 1;
    if (line[0] == '0') {
        if (!scan_hex(&at, &value))
            input_fail(r->in, "not a hexadecimal value of 64 bits: '%.80s'", line);
    } else if (r->delta && (line[0] == ';' || line[0] == ':')) {
        if (!filled)
            input_fail(r->in, "a page starts with '%.80s': there is no value before it", line);
        if (line[0] == ';' ? !read_delta(&at, &value) : (at++, !scan_decimal(&at, &count)))
            input_fail(r->in, "not a decimal number of 64 bits: '%.80s'", line);
    } else {
        input_fail(r->in, "neither a page nor a value: '%.80s'", line);
    }
    if (at != line + length && !scan_end(at))
        input_fail(r->in, "'%.40s' stands behind a value: '%.80s'", at, line);
    if (count > QUADWORDS - filled)
        input_fail(r->in, "more than %d values in a page", QUADWORDS);
    for (uint64_t i = 0; i < count; i++)
        page[filled++] = value;
    return filled;
}

static uint64_t read_page_address(struct reader *r, const char *line)
{
    const char *at = line + 1;
    uint64_t address;
    if (line[0] != '/')
        input_fail(r->in,
                   r->pages ? "more than 512 values in a page, or a line that is no page: '%.80s'"
                            : "the file does not start with a page: '%.80s'",
                   line);
    uint64_t unused;
    if (!scan_hex(&at, &address) || !scan_blanks(&at) || !scan_decimal(&at, &unused) ||
        !scan_blanks(&at) || !scan_decimal(&at, &unused) || !scan_end(at))
        input_fail(r->in, "not a page '/0xADDRESS 0 0': '%.80s'", line);
    if (address % PAGE_SIZE)
        input_fail(r->in, "page address 0x%llx is not a multiple of 4096",
                   (unsigned long long)address);
    if (address != VSYSCALL_PAGE && address >= USER_SPACE_END)
        input_fail(r->in, "page address 0x%llx is %s", (unsigned long long)address,
                   address + (UINT64_C(1) << 47) < UINT64_C(1) << 48
                       ? "not in user space, which ends at 0x7ffffffff000"
                       : "not canonical");
    return address;
}

static bool is_zero(const uint64_t *page)
{
    return page[0] == 0 && !memcmp(page, page + 1, PAGE_SIZE - sizeof *page);
}

static void add_run(struct checkpoint *c, struct run run)
{
    if (c->num_runs) {
        struct run *last = &c->runs[c->num_runs - 1];
        uint64_t size = last->pages * PAGE_SIZE;
        if (last->address + size == run.address && last->order + last->pages == run.order &&
            (last->offset == ZERO_PAGES ? run.offset == ZERO_PAGES
                                        : run.offset == last->offset + size)) {
            last->pages++;
            return;
        }
    }
    if ((c->num_runs & (c->num_runs - 1)) == 0)
        c->runs = xreallocarray(c->runs, c->num_runs ? 2 * c->num_runs : 1, sizeof run);
    c->runs[c->num_runs++] = run;
}

static void store_page(struct reader *r, uint64_t address, const uint64_t *page)
{
    if (address < 0x10000 && !r->low_page) {
        r->low_page = true;
        warn_at(input_path(r->in), input_line_number(r->in),
                "a page at 0x%llx: the kernel maps it only where vm.mmap_min_addr allows",
                (unsigned long long)address);
    }
    struct run run = {.address = address, .pages = 1, .offset = ZERO_PAGES, .order = r->pages};
    if (!is_zero(page)) {
        run.offset = r->written;
        if (fwrite(page, PAGE_SIZE, 1, r->pages_bin) != 1)
            fail_at(r->path, 0, "cannot be written: %s", strerror(errno));
        r->written += PAGE_SIZE;
    }
    if (r->early == r->pages && (r->pages == 0 || address > r->last))
        r->early++;
    r->last = address;
    r->pages++;
    add_run(r->checkpoint, run);
}

/* On a terminal, from the second second on: long work shows that it goes on. */
static void show_progress(struct reader *r)
{
    if (r->pages % 4096 || !isatty(STDERR_FILENO))
        return;
    time_t now = time(NULL);
    if (!r->begin)
        r->begin = now;
    if (now - r->begin < 2)
        return;
    fprintf(stderr, "\r%s: %llu MiB of pages", input_path(r->in),
            (unsigned long long)(r->pages * PAGE_SIZE >> 20));
    r->shown = true;
}

static void read_pages(struct reader *r)
{
    uint64_t page[QUADWORDS];
    size_t length;
    for (char *line; (line = input_line(r->in, &length));) {
        uint64_t address = read_page_address(r, line);
        unsigned filled = 0;
        while (filled < QUADWORDS) {
            line = input_line(r->in, &length);
            if (!line || line[0] == '/')
                input_fail(r->in, "page 0x%llx is cut short: %u of %d values",
                           (unsigned long long)address, filled, QUADWORDS);
            filled = read_values(r, line, length, page, filled);
        }
        if (address != VSYSCALL_PAGE) /* the kernel's own; each process has it anyway */
            store_page(r, address, page);
        show_progress(r);
    }
    if (r->shown)
        fputc('\n', stderr);
    if (!r->pages)
        fail_at(input_path(r->in), 0, "the file has no pages");
}

static int by_address(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Ends the program: page ADDRESS is there twice. Finds the line by reading once more. */
_Noreturn static void fail_twice(const struct reader *r, uint64_t address)
{
    struct input *in = input_require(r->checkpoint->base, "text", "memory image");
    size_t length;
    uint64_t first = 0, found;
    for (char *line; (line = input_line(in, &length));) {
        const char *at = line + 1;
        if (line[0] != '/' || !scan_hex(&at, &found) || found != address)
            continue;
        if (first)
            input_fail(in, "page 0x%llx is there twice: first in line %llu",
                       (unsigned long long)address, (unsigned long long)first);
        first = input_line_number(in);
    }
    fail_at(input_path(in), 0, "page 0x%llx is there twice", (unsigned long long)address);
}

static void read_back(const struct reader *r, uint64_t offset, uint8_t *page)
{
    memset(page, 0, PAGE_SIZE);
    if (offset != ZERO_PAGES &&
        pread(fileno(r->pages_bin), page, PAGE_SIZE, (off_t)offset) != (ssize_t)PAGE_SIZE)
        fail_at(r->path, 0, "cannot be read back: %s", strerror(errno));
}

/* The part of RUN from page FIRST on, COUNT pages. */
static struct run part(const struct run *run, uint64_t first, uint64_t count)
{
    struct run p = *run;
    p.address += first * PAGE_SIZE;
    p.offset += p.offset == ZERO_PAGES ? 0 : first * PAGE_SIZE;
    p.order += first;
    p.pages = count;
    return p;
}

/* Ends the program unless each page of LATE may take the place of its page in EARLY. */
static void check_replaces(const struct reader *r, const struct run *early, const struct run *late)
{
    for (uint64_t i = 0; i < late->pages; i++) {
        uint8_t before[PAGE_SIZE], after[PAGE_SIZE];
        struct run e = part(early, i, 1), l = part(late, i, 1);
        if (e.order >= r->early || l.order < r->early)
            fail_twice(r, l.address);
        read_back(r, e.offset, before);
        read_back(r, l.offset, after);
        if (!memcmp(before, after, PAGE_SIZE))
            fail_twice(r, l.address);
    }
}

struct run_list {
    struct run *runs;
    size_t count, room;
};

static void append(struct run_list *list, struct run run)
{
    if (!run.pages)
        return;
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->runs = xreallocarray(list->runs, list->room, sizeof run);
    }
    list->runs[list->count++] = run;
}

/* Appends NEXT, the next one in order of address. Where both hold the same
 * pages the one that came later in the file wins, and the other is cut around it. */
static void merge_run(const struct reader *r, struct run_list *list, struct run next)
{
    if (!list->count) {
        append(list, next);
        return;
    }
    struct run last = list->runs[list->count - 1];
    if (next.address < last.address)
        fail_twice(r, next.address); /* behind a page that was replaced already: a third time */
    uint64_t before = (next.address - last.address) / PAGE_SIZE; /* pages of last before next */
    if (before >= last.pages) {
        append(list, next);
        return;
    }
    uint64_t common = last.pages - before < next.pages ? last.pages - before : next.pages;
    struct run last_common = part(&last, before, common), next_common = part(&next, 0, common);
    struct run last_rest = part(&last, before + common, last.pages - before - common);
    struct run next_rest = part(&next, common, next.pages - common);
    list->runs[list->count - 1].pages = before;
    list->count -= before == 0;
    if (last.order < next.order) {
        check_replaces(r, &last_common, &next_common);
        append(list, next_common);
    } else {
        check_replaces(r, &next_common, &last_common);
        append(list, last_common);
    }
    append(list, last_rest);
    append(list, next_rest);
}

static void sort_runs(struct reader *r)
{
    struct checkpoint *c = r->checkpoint;
    struct run_list list = {0};
    qsort(c->runs, c->num_runs, sizeof *c->runs, by_address);
    for (size_t i = 0; i < c->num_runs; i++)
        merge_run(r, &list, c->runs[i]);
    free(c->runs);
    c->runs = list.runs;
    c->num_runs = list.count;
    for (size_t i = 0; i < c->num_runs; i++) {
        c->pages += c->runs[i].pages;
        if (c->runs[i].offset == ZERO_PAGES)
            c->zero_pages += c->runs[i].pages;
    }
}

void text_read(struct checkpoint *c, FILE *pages_bin, const char *path)
{
    struct reader r = {
        .checkpoint = c,
        .in = input_require(c->base, "text", "memory image"),
        .pages_bin = pages_bin,
        .path = path,
        .delta = c->version_minor >= 9,
    };
    read_pages(&r);
    if (fflush(pages_bin))
        fail_at(path, 0, "cannot be written: %s", strerror(errno));
    sort_runs(&r);
    input_close(r.in);
}
