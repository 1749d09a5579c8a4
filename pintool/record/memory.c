/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes sizes, gives memory or ends the recorder. */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "message.h"

void *memory_resize(void *array, size_t count, size_t size)
{
    void *result = reallocarray(array, count, size);
    if (!result && count && size)
        fail("out of memory: %zu times %zu bytes", count, size);
    return result;
}

void *memory_new(size_t size)
{
    void *result = calloc(1, size);
    if (!result)
        fail("out of memory: %zu bytes", size);
    return result;
}

char *memory_format(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        fail("out of memory: a line of text");
    return text;
}
