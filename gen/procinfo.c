/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.procinfo.xml with expat: <module name= base= size=> and the <symbol name= base= size=>
 * in it. */
#include "error.h"
#include "input.h"
#include "readers.h"
#include "scan.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct checkpoint *checkpoint;
    XML_Parser parser;
    const char *path;
    int depth;
};

/* Deeper than any procinfo.xml, which has four levels; expat keeps memory for each. */
enum { MAX_DEPTH = 64, MAX_MODULES = 4096 };

static const char *optional_attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (!strcmp(attributes[0], name))
            return attributes[1];
    return NULL;
}

static const char *attribute(const struct reader *r, const char *element, const char **attributes,
                             const char *name)
{
    const char *value = optional_attribute(attributes, name);
    if (!value)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "a %s has no attribute '%s'", element,
                name);
    return value;
}

static uint64_t size_attribute(const struct reader *r, const char *text)
{
    const char *at = text;
    uint64_t size;
    if ((!scan_hex(&at, &size) && !scan_decimal(&at, &size)) || *at)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "not a number: '%.80s'", text);
    return size;
}

static void read_module(const struct reader *r, const char **attributes)
{
    struct checkpoint *c = r->checkpoint;
    struct module m = {
        .name = xstrdup(attribute(r, "module", attributes, "name")),
        .base = size_attribute(r, attribute(r, "module", attributes, "base")),
    };
    uint64_t size = size_attribute(r, attribute(r, "module", attributes, "size"));
    if (__builtin_add_overflow(m.base, size, &m.end) || m.end > VSYSCALL_PAGE + PAGE_SIZE)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "module %.80s ends too high", m.name);
    if (c->num_modules == MAX_MODULES)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "more than %d modules", MAX_MODULES);
    c->modules = xreallocarray(c->modules, c->num_modules + 1, sizeof m);
    c->modules[c->num_modules++] = m;
}

static void read_symbol(const struct reader *r, const char **attributes)
{
    struct checkpoint *c = r->checkpoint;
    const char *size = optional_attribute(attributes, "size");
    struct symbol symbol = {
        .address = size_attribute(r, attribute(r, "symbol", attributes, "base")),
        .size = size ? size_attribute(r, size) : 0,
        .name = xstrdup(attribute(r, "symbol", attributes, "name")),
        .module = c->num_modules - 1,
    };
    if (!c->num_modules)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "a symbol before the first module");
    if ((c->num_symbols & (c->num_symbols - 1)) == 0)
        c->symbols =
            xreallocarray(c->symbols, c->num_symbols ? 2 * c->num_symbols : 1, sizeof symbol);
    c->symbols[c->num_symbols++] = symbol;
}

static void start_element(void *data, const char *element, const char **attributes)
{
    struct reader *r = data;
    if (++r->depth > MAX_DEPTH)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "more than %d levels of elements",
                MAX_DEPTH);
    if (!strcmp(element, "module"))
        read_module(data, attributes);
    else if (!strcmp(element, "symbol"))
        read_symbol(data, attributes);
}

static void end_element(void *data, const char *element)
{
    struct reader *r = data;
    (void)element;
    r->depth--;
}

/* By address, then by module and name: the order is the same for the same pinball. */
static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->address != y->address)
        return x->address < y->address ? -1 : 1;
    return x->module != y->module ? (x->module < y->module ? -1 : 1) : strcmp(x->name, y->name);
}

static void parse(struct reader *r, FILE *file)
{
    enum { CHUNK = 1 << 16 };
    for (;;) {
        void *buffer = XML_GetBuffer(r->parser, CHUNK);
        if (!buffer)
            fail("out of memory");
        size_t got = fread(buffer, 1, CHUNK, file);
        if (ferror(file))
            fail_at(r->path, 0, "cannot be read: %s", strerror(errno));
        if (XML_ParseBuffer(r->parser, (int)got, got == 0) != XML_STATUS_OK)
            fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "not well-formed XML: %s",
                    XML_ErrorString(XML_GetErrorCode(r->parser)));
        if (got == 0)
            return;
    }
}

void procinfo_read(struct checkpoint *c)
{
    char *path = xasprintf("%s.procinfo.xml", c->base);
    FILE *file = open_regular(path);
    if (file) {
        struct reader r = {.checkpoint = c, .parser = XML_ParserCreate(NULL), .path = path};
        if (!r.parser)
            fail("out of memory");
        XML_SetUserData(r.parser, &r);
        XML_SetElementHandler(r.parser, start_element, end_element);
        parse(&r, file);
        XML_ParserFree(r.parser);
        fclose(file);
        if (c->num_symbols)
            qsort(c->symbols, c->num_symbols, sizeof *c->symbols, by_address);
    }
    free(path);
}
