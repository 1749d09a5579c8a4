/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes counts and events, gives the lines of B.event_icount.T.txt. */
#include "event_count.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int event_count_begin(struct event_count *count, const char *prefix, size_t threads,
                      const uint64_t *addresses, size_t num_addresses)
{
    *count = (struct event_count){.num_threads = threads, .num_addresses = num_addresses};
    count->threads = calloc(threads + 1, sizeof *count->threads);
    count->files = calloc(threads + 1, sizeof *count->files);
    count->addresses = calloc(num_addresses + 1, sizeof *count->addresses);
    if (!count->threads || !count->files || !count->addresses)
        return ENOMEM;
    for (size_t i = 0; i < num_addresses; i++)
        count->addresses[i] = addresses[i];
    for (size_t i = 0; i < threads; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s.event_icount.%zu.txt", prefix, i);
        if (length < 0 || (size_t)length >= sizeof name)
            return ENAMETOOLONG;
        count->threads[i].executions = calloc(num_addresses + 1, sizeof(uint64_t));
        if (!count->threads[i].executions)
            return ENOMEM;
        count->files[i] = fopen(name, "w");
        if (!count->files[i])
            return errno;
    }
    return 0;
}

int event_count_find(const struct event_count *count, uint64_t address)
{
    for (size_t i = 0; i < count->num_addresses; i++)
        if (count->addresses[i] == address)
            return (int)i;
    return -1;
}

static void put_addresses(const struct event_count *count, size_t thread, const char *label)
{
    for (size_t i = 0; i < count->num_addresses; i++) {
        unsigned long long sum = 0;
        for (size_t k = 0; k < count->num_threads; k++)
            sum += count->threads[k].executions[i];
        fprintf(count->files[thread], "%s  %llx  global_addrcount: %llu\n", label,
                (unsigned long long)count->addresses[i], sum);
        fprintf(count->files[thread], "%s  %llx tid: %zu addrcount %llu\n", label,
                (unsigned long long)count->addresses[i], thread,
                (unsigned long long)count->threads[thread].executions[i]);
    }
}

/* BLANK: the last record has one more behind its name. */
static void put_record(struct event_count *count, const char *event, const char *blank,
                       const char *label)
{
    unsigned long long sum = 0;
    for (size_t i = 0; i < count->num_threads; i++)
        sum += count->threads[i].instructions;
    for (size_t i = 0; i < count->num_threads; i++) {
        FILE *file = count->files[i];
        fprintf(file, "%s%s global_icount: %llu\n%s%s tid: %zu icount %llu\n", event, blank, sum,
                event, blank, i, (unsigned long long)count->threads[i].instructions);
        put_addresses(count, i, label);
        if (fflush(file) != 0 && !count->error)
            count->error = errno;
    }
}

void event_count_mark(struct event_count *count, const char *event)
{
    put_record(count, event, "", "\tMarker");
}

int event_count_end(struct event_count *count)
{
    put_record(count, "Fini", " ", "Addr");
    for (size_t i = 0; i < count->num_threads; i++) {
        if (fclose(count->files[i]) != 0 && !count->error)
            count->error = errno;
        free(count->threads[i].executions);
    }
    free(count->threads);
    free(count->files);
    free(count->addresses);
    return count->error;
}
