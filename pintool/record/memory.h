/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocation that ends the recorder when there is no memory, so that callers need not check. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* As realloc(array, count * size), overflow checked. */
void *memory_resize(void *array, size_t count, size_t size);

/* Zeroed memory. */
void *memory_new(size_t size);

/* As asprintf(). */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
