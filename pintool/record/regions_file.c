/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes SimPoint's files or a PinPoints CSV, gives regions. The files come from other tools and are
 * checked: each error names the line. */
#include "regions_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "message.h"

struct reader {
    const char *path;
    FILE *file;
    char *line; /* without the end of line */
    size_t room;
    unsigned long number;
};

static struct reader open_reader(const char *path)
{
    struct reader reader = {.path = path, .file = fopen(path, "re")};
    if (!reader.file)
        fail("%s: cannot be read: %s", path, strerror(errno));
    return reader;
}

/* The next line that is neither empty nor a comment. */
static bool next_line(struct reader *reader)
{
    while (getline(&reader->line, &reader->room, reader->file) > 0) {
        reader->number++;
        reader->line[strcspn(reader->line, "\r\n")] = '\0';
        if (reader->line[0] != '\0' && reader->line[0] != '#')
            return true;
    }
    free(reader->line);
    fclose(reader->file);
    return false;
}

static _Noreturn void fail_line(const struct reader *reader, const char *what)
{
    fail("%s:%lu: %s: '%.200s'", reader->path, reader->number, what, reader->line);
}

static void add_region(struct regions_file *regions, struct listed_region region)
{
    regions->list = memory_resize(regions->list, regions->count + 1, sizeof *regions->list);
    regions->list[regions->count++] = region;
}

/* --- SimPoint --------------------------------------------------------------------------------- */

/* The weight of CLUSTER in the .weights file beside PATH. */
static double find_weight(const char *path, unsigned long cluster)
{
    const char *dot = strrchr(path, '.');
    const char *slash = strrchr(path, '/');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    char *name = memory_format("%.*s.weights", (int)stem, path);
    struct reader reader = open_reader(name);
    double result = -1;
    while (next_line(&reader)) {
        double weight;
        unsigned long which;
        char rest;
        if (sscanf(reader.line, "%lf %lu %c", &weight, &which, &rest) != 2 ||
            !(weight >= 0 && weight <= 1))
            fail_line(&reader, "not a weight from 0 to 1 and the number of a cluster");
        if (which == cluster)
            result = weight;
    }
    if (result < 0)
        fail("%s: no weight of cluster %lu, which %s has", name, cluster, path);
    free(name);
    return result;
}

static void read_simpoints(struct regions_file *regions, uint64_t size, uint64_t warmup)
{
    struct reader reader = open_reader(regions->path);
    while (next_line(&reader)) {
        unsigned long slice, cluster;
        char rest;
        if (strchr(reader.line, '-') ||
            sscanf(reader.line, "%lu %lu %c", &slice, &cluster, &rest) != 2)
            fail_line(&reader, "not the numbers of a slice and a cluster");
        uint64_t start;
        if (__builtin_mul_overflow(slice, size, &start) || start > INT64_MAX)
            fail_line(&reader, "the slice is beyond what can be counted");
        struct listed_region region = {
            .number = (unsigned)regions->count + 1,
            .length = size,
            .warmup = warmup < start ? warmup : start,
            .weight = find_weight(regions->path, cluster),
        };
        region.start = start - region.warmup;
        add_region(regions, region);
    }
}

/* --- CSV -------------------------------------------------------------------------------------- */

enum { COLUMNS = 16 };
enum column { COMMENT, THREAD, REGION, START_PC, START_COUNT = 6, LENGTH = 12, WEIGHT, TYPE = 15 };

static void split(const struct reader *reader, char *fields[COLUMNS])
{
    char *at = reader->line;
    for (int i = 0; i < COLUMNS; i++) {
        fields[i] = at;
        char *comma = at ? strchr(at, ',') : NULL;
        if (!at || (!comma && i < COLUMNS - 1))
            fail_line(reader, "fewer than 16 fields");
        if (comma)
            *comma = '\0';
        at = comma ? comma + 1 : NULL;
    }
}

static uint64_t number(const struct reader *reader, const char *field, const char *what)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(field, &end, 0);
    if (*field < '0' || *field > '9' || *end || errno || value > INT64_MAX)
        fail("%s:%lu: %s is not a number: '%.80s'", reader->path, reader->number, what, field);
    return value;
}

static size_t watch(struct regions_file *regions, uint64_t address)
{
    for (size_t i = 0; i < regions->num_addresses; i++)
        if (regions->addresses[i] == address)
            return i;
    regions->addresses =
        memory_resize(regions->addresses, regions->num_addresses + 1, sizeof *regions->addresses);
    regions->addresses[regions->num_addresses] = address;
    return regions->num_addresses++;
}

static struct listed_region parse_row(const struct reader *reader, char *fields[COLUMNS])
{
    struct listed_region region = {.global = strcmp(fields[THREAD], "global") == 0};
    char *end;
    if (!region.global)
        region.thread = (unsigned)number(reader, fields[THREAD], "thread-id");
    if (region.thread != 0)
        fail("%s:%lu: thread-id %u: regions are counted by thread 0, or by all (global)",
             reader->path, reader->number, region.thread);
    region.number = (unsigned)number(reader, fields[REGION], "region-id");
    region.address = number(reader, fields[START_PC], "start-pc");
    region.count = number(reader, fields[START_COUNT], "start-pc-count");
    region.length = number(reader, fields[LENGTH], "region-length");
    region.weight = strtod(fields[WEIGHT], &end);
    if (end == fields[WEIGHT] || *end || !(region.weight >= 0 && region.weight <= 1))
        fail("%s:%lu: region-weight is not a number from 0 to 1: '%.80s'", reader->path,
             reader->number, fields[WEIGHT]);
    if (region.address == 0 || region.count == 0 || region.length == 0)
        fail("%s:%lu: start-pc, start-pc-count or region-length is 0", reader->path,
             reader->number);
    return region;
}

/* A warm-up row stands before the row of its region, and is where the pinball starts. */
static void read_csv(struct regions_file *regions)
{
    struct reader reader = open_reader(regions->path);
    struct listed_region warmup = {0};
    while (next_line(&reader)) {
        char *fields[COLUMNS];
        split(&reader, fields);
        struct listed_region region = parse_row(&reader, fields);
        if (strcmp(fields[TYPE], "warmup") == 0) {
            warmup = region;
            continue;
        }
        if (strcmp(fields[TYPE], "simulation") != 0)
            fail("%s:%lu: region-type is neither warmup nor simulation: '%.80s'", reader.path,
                 reader.number, fields[TYPE]);
        if (warmup.number == region.number && warmup.address) {
            region.address = warmup.address;
            region.count = warmup.count;
            region.warmup = warmup.length;
        }
        region.watched = watch(regions, region.address);
        warmup = (struct listed_region){0};
        add_region(regions, region);
    }
}

/* --- all -------------------------------------------------------------------------------------- */

/* By start; rows of a CSV stay in their order, which only running the program could check. */
static int compare(const void *a, const void *b)
{
    const struct listed_region *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

struct regions_file *regions_file_read(const char *path, uint64_t slice, uint64_t warmup)
{
    struct regions_file *regions = memory_new(sizeof *regions);
    regions->path = path;
    size_t length = strlen(path);
    bool is_csv = length > 4 && strcmp(path + length - 4, ".csv") == 0;
    if (is_csv) {
        read_csv(regions);
    } else {
        if (slice == 0)
            fail("%s: slices of how many instructions? Give it with --length", path);
        read_simpoints(regions, slice, warmup);
        qsort(regions->list, regions->count, sizeof *regions->list, compare);
    }
    if (regions->count == 0)
        fail("%s: no region in it", path);
    return regions;
}

char *regions_file_name(const struct listed_region *region, const char *base)
{
    char weight[32];
    snprintf(weight, sizeof weight, "%.5f", region->weight);
    *strchr(weight, '.') = '-';
    return memory_format("%s_%sr%u_warmup%lu_prolog0_region%lu_epilog0_%03u_%s.0", base,
                         region->global ? "global" : "t0", region->number, region->warmup,
                         region->length, region->number, weight);
}
