/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread and its C library: the heap, sorting, printing of floating-point numbers, streams in
 * memory, and output that lies in stdout's buffer when the region starts. Also built static, and
 * position-independent. Exits with 7.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region.h"

enum { BLOCKS = 200, NUMBERS = 5000 };

static uint32_t seed = 12345;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint64_t checksum(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t sum = 14695981039346656037U;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 1099511628211U;
    return sum;
}

/* Blocks from 16 bytes to beyond the size at which malloc changes to mmap. */
static void fill(char **blocks, size_t *sizes)
{
    for (int i = 0; i < BLOCKS; i++) {
        sizes[i] = i % 50 ? 16 + next_random() % 3000 : 300000;
        blocks[i] = malloc(sizes[i]);
        if (!blocks[i])
            abort();
        memset(blocks[i], i, sizes[i]);
    }
}

static uint64_t drain(char **blocks, const size_t *sizes)
{
    uint64_t sum = 0;
    for (int i = 0; i < BLOCKS; i++) {
        sum += checksum(blocks[i], sizes[i]);
        free(blocks[i]);
    }
    return sum;
}

/* Writes a table to a stream in memory and reads it back through another one. */
static double through_streams(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 1; out && i <= 300; i++)
        fprintf(out, "%d %.6f\n", i, 1.0 / i);
    if (!out || fclose(out))
        abort();
    FILE *in = fmemopen(text, size, "r");
    double value, sum = 0;
    int number;
    while (in && fscanf(in, "%d %lf", &number, &value) == 2)
        sum += value * number;
    if (!in || fclose(in))
        abort();
    free(text);
    return sum;
}

int main(int argc, char **argv)
{
    static char *before[BLOCKS], *after[BLOCKS];
    static size_t before_sizes[BLOCKS], after_sizes[BLOCKS];
    static uint32_t numbers[NUMBERS];

    printf("plain: %d argument(s)\n", argc);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    fill(before, before_sizes);
    for (int i = 0; i < NUMBERS; i++)
        numbers[i] = next_random();
    fflush(stdout);
    printf("in the buffer at the start of the region; ");

    region_start();

    printf("printed behind it\n");
    fill(after, after_sizes);
    qsort(numbers, NUMBERS, sizeof *numbers, compare);
    printf("sorted: %u %u %u, checksum %016llx\n", numbers[0], numbers[NUMBERS / 2],
           numbers[NUMBERS - 1], (unsigned long long)checksum(numbers, sizeof numbers));
    printf("blocks: %016llx %016llx\n", (unsigned long long)drain(before, before_sizes),
           (unsigned long long)drain(after, after_sizes));
    char text[128];
    snprintf(text, sizeof text, "%.17g %e %a %Lf", 1.0 / 3, 6.02214076e23, 0.1, 2.5L);
    printf("numbers: %s\nstreams: %.9f\n", text, through_streams());
    for (int i = 0; i < 40; i++)
        printf("line %d of many, so that the buffer is written more than once: %08x\n", i,
               next_random());
    return 7;
}
