/* SPDX-License-Identifier: BSD-3-Clause */
/* See names.h. The set of names is the C library's search tree. */
#include "names.h"
#include "error.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct names {
    void *tree;
};

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

char *names_plain(const char *name)
{
    char *plain = xstrdup(name);
    for (char *p = plain; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
            *p = '_';
    return plain;
}

struct names *names_new(void)
{
    return xcalloc(1, sizeof(struct names));
}

void names_free(struct names *seen)
{
    tdestroy(seen->tree, free);
    free(seen);
}

/* Keeps NAME and returns it if it is new; otherwise frees it and returns NULL. */
static char *keep(struct names *seen, char *name)
{
    char **node = tsearch(name, &seen->tree, compare);
    if (!node)
        fail("out of memory");
    if (*node == name)
        return name;
    free(name);
    return NULL;
}

char *names_unique(struct names *seen, const char *name, const char *module)
{
    if (!*name || *name == '.')
        return NULL;
    char *kept = keep(seen, names_plain(name));
    if (kept)
        return kept;
    char *longer = xasprintf("%s:%s", module, name);
    char *plain = names_plain(longer);
    free(longer);
    return keep(seen, plain);
}
