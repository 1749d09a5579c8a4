/* SPDX-License-Identifier: BSD-3-Clause */
/* lte_lc.h: memory and strings. Compilers may put calls of memset and memcpy into callbacks. */
#include "lte_lc.h"

void *memset(void *to, int byte, size_t size);
void *memcpy(void *to, const void *from, size_t size);

void *lte_memset(void *to, int byte, size_t size)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
    return to;
}

void *lte_memcpy(void *to, const void *from, size_t size)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    return lte_memset(to, byte, size);
}

void *memcpy(void *to, const void *from, size_t size)
{
    return lte_memcpy(to, from, size);
}

int lte_strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

size_t lte_strlen(const char *s)
{
    size_t size = 1;
    while (*s++)
        size++;
    return size;
}

/* Before the memory that is handed out; keeps it aligned to 16. */
struct allocation {
    size_t length; /* of the mapping */
    size_t reserved;
};

void *lte_alloc(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t length = size + sizeof(struct allocation);
    struct allocation *a =
        lte_mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a == MAP_FAILED)
        return NULL;
    a->length = length;
    return a + 1;
}

void lte_free(void *memory)
{
    if (!memory)
        return;
    struct allocation *a = (struct allocation *)memory - 1;
    lte_munmap(a, a->length);
}
