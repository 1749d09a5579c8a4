/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program's mappings and memory, gives BASE.text and BASE.address. One piece of memory is
 * held at a time, however large the program is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"
#include "pinball.h"
#include "write.h"

#define PIECE_PAGES 256 /* read at once: 1 MiB */

/* Some programs reserve terabytes of memory that they never touch (sanitizers: shadow memory). A
 * page of zeros still takes 25 bytes of text. */
#define MAX_BYTES (UINT64_C(1) << 40)

struct writer {
    const struct snapshot *snapshot;
    enum log_format format;
    struct output *text;
    struct output *address;
    char *buffer; /* of text: what is not yet written */
    size_t used;
    int pagemap;             /* /proc/PID/pagemap, -1 if it cannot be read */
    uint64_t lo, hi;         /* range of pages not yet in BASE.address */
    bool executable;         /* ... and its label */
    uint64_t pages, written; /* of all mappings; so far */
    struct timespec last_progress;
};

/* --- progress --------------------------------------------------------------------------------- */

static void show_progress(struct writer *writer)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)(now.tv_sec - writer->last_progress.tv_sec) +
                     (double)(now.tv_nsec - writer->last_progress.tv_nsec) * 1e-9;
    if (seconds < 0.5 || !isatty(STDERR_FILENO))
        return;
    writer->last_progress = now;
    fprintf(stderr, "\relfie-record: %3.0f %% of %lu MiB",
            100 * (double)writer->written / (double)writer->pages,
            writer->pages * PAGE_BYTES >> 20);
}

static void end_progress(const struct writer *writer, const struct timespec *start)
{
    if (memcmp(&writer->last_progress, start, sizeof *start) != 0)
        fprintf(stderr, "\r%*s\r", 48, "");
}

/* --- one page --------------------------------------------------------------------------------- */

static void end_range(struct writer *writer)
{
    if (writer->lo < writer->hi)
        output_printf(writer->address, "0x%09lx 0x%09lx %s 0\n", writer->lo, writer->hi,
                      writer->executable ? "text" : "data");
}

/* VALUES NULL: zeros. */
static void put_page(struct writer *writer, uint64_t address, const uint64_t *values)
{
    if (address != writer->hi) {
        end_range(writer);
        writer->lo = address;
    }
    writer->hi = address + PAGE_BYTES;
    if (OUTPUT_BUFFER - writer->used < ENCODE_PAGE_MAX) {
        output_flush(writer->text, writer->used);
        writer->buffer = output_buffer(writer->text);
        writer->used = 0;
        show_progress(writer);
    }
    writer->used += encode_page(writer->format, address, values, writer->buffer + writer->used);
    writer->written++;
}

/* --- one piece of a mapping ------------------------------------------------------------------- */

/* True if no page of the piece was ever touched. For anonymous private memory that means zeros,
 * which need not be read, and so are not brought into existence by reading. Format of the entries:
 * Documentation/admin-guide/mm/pagemap.rst of the kernel. */
static bool is_untouched(const struct writer *writer, uint64_t address, size_t pages)
{
    uint64_t entries[PIECE_PAGES];
    const uint64_t present_or_swapped = UINT64_C(3) << 62;
    size_t size = pages * sizeof *entries;
    if (writer->pagemap < 0 ||
        pread(writer->pagemap, entries, size, (off_t)(address / PAGE_BYTES * sizeof *entries)) !=
            (ssize_t)size)
        return false;
    for (size_t i = 0; i < pages; i++)
        if (entries[i] & present_or_swapped)
            return false;
    return true;
}

/* Pages that cannot be read although they are mapped: behind the end of a file, of a device. */
static void skip_page(struct writer *writer, const struct mapping *mapping, uint64_t address)
{
    tracee_check_stopped(writer->snapshot->tracee);
    note("page 0x%lx of %s cannot be read: left out", address,
         *mapping->name ? mapping->name : "anonymous memory");
    writer->pages--;
}

static void put_piece(struct writer *writer, const struct mapping *mapping, uint64_t address,
                      size_t pages)
{
    static uint64_t values[PIECE_PAGES * ENCODE_QUADWORDS];
    if (mapping->anonymous_private && is_untouched(writer, address, pages)) {
        for (size_t i = 0; i < pages; i++)
            put_page(writer, address + i * PAGE_BYTES, NULL);
        return;
    }
    for (size_t done = 0; done < pages;) {
        size_t size = snapshot_read(writer->snapshot, address + done * PAGE_BYTES, values,
                                    (pages - done) * PAGE_BYTES);
        size_t good = size / PAGE_BYTES;
        for (size_t i = 0; i < good; i++)
            put_page(writer, address + (done + i) * PAGE_BYTES, values + i * ENCODE_QUADWORDS);
        done += good;
        if (done < pages)
            skip_page(writer, mapping, address + done++ * PAGE_BYTES);
    }
}

/* --- all -------------------------------------------------------------------------------------- */

static void put_mapping(struct writer *writer, const struct mapping *mapping)
{
    if (mapping->executable != writer->executable) {
        end_range(writer);
        writer->lo = writer->hi = mapping->lo;
        writer->executable = mapping->executable;
    }
    for (uint64_t address = mapping->lo; address < mapping->hi;) {
        uint64_t pages = (mapping->hi - address) / PAGE_BYTES;
        if (pages > PIECE_PAGES)
            pages = PIECE_PAGES;
        put_piece(writer, mapping, address, pages);
        address += pages * PAGE_BYTES;
    }
}

static uint64_t count_pages(const struct maps *maps)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < maps->count; i++)
        if (maps_is_image(&maps->list[i]))
            pages += (maps->list[i].hi - maps->list[i].lo) / PAGE_BYTES;
    if (pages > MAX_BYTES / PAGE_BYTES)
        fail("the program has %lu GiB of memory mapped, too much for a pinball of all of it; if "
             "it is built with a sanitizer (-fsanitize=...), record it without",
             pages * PAGE_BYTES >> 30);
    return pages;
}

void write_text(const struct snapshot *snapshot, enum log_format format,
                enum compression compression)
{
    char *pagemap = memory_format("/proc/%d/pagemap", snapshot->tracee->pid);
    struct writer writer = {
        .snapshot = snapshot,
        .format = format,
        .pages = count_pages(&snapshot->maps),
        .pagemap = snapshot->core ? -1 : open(pagemap, O_RDONLY | O_CLOEXEC),
    };
    writer.text = pinball_create("text", compression);
    writer.buffer = output_buffer(writer.text);
    writer.address = pinball_create("address", COMPRESS_NONE);
    clock_gettime(CLOCK_MONOTONIC, &writer.last_progress);
    struct timespec start = writer.last_progress;

    for (size_t i = 0; i < snapshot->maps.count; i++)
        if (maps_is_image(&snapshot->maps.list[i]))
            put_mapping(&writer, &snapshot->maps.list[i]);
    end_range(&writer);
    output_flush(writer.text, writer.used);
    output_close(writer.text);
    output_close(writer.address);
    end_progress(&writer, &start);
    note("%lu pages in the image", writer.written);

    if (writer.pagemap >= 0)
        close(writer.pagemap);
    free(pagemap);
}
