/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads BASE.procinfo.xml with expat: <module name= base= size=>. The file is streamed;
 * symbols are not kept. */
#include "error.h"
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
};

static const char *attribute(const struct reader *r, const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (!strcmp(attributes[0], name))
            return attributes[1];
    fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "a module has no attribute '%s'", name);
}

static uint64_t size_attribute(const struct reader *r, const char *text)
{
    const char *at = text;
    uint64_t size;
    if ((!scan_hex(&at, &size) && !scan_decimal(&at, &size)) || *at)
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "not a number: '%.80s'", text);
    return size;
}

static void start_element(void *data, const char *element, const char **attributes)
{
    struct reader *r = data;
    struct checkpoint *c = r->checkpoint;
    if (strcmp(element, "module") != 0)
        return;
    struct module m = {
        .name = xstrdup(attribute(r, attributes, "name")),
        .base = size_attribute(r, attribute(r, attributes, "base")),
    };
    if (__builtin_add_overflow(m.base, size_attribute(r, attribute(r, attributes, "size")), &m.end))
        fail_at(r->path, XML_GetCurrentLineNumber(r->parser), "module %.80s ends above 2^64",
                m.name);
    c->modules = xreallocarray(c->modules, c->num_modules + 1, sizeof m);
    c->modules[c->num_modules++] = m;
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
    FILE *file = fopen(path, "re");
    if (!file && errno != ENOENT)
        fail_at(path, 0, "%s", strerror(errno));
    if (file) {
        struct reader r = {.checkpoint = c, .parser = XML_ParserCreate(NULL), .path = path};
        if (!r.parser)
            fail("out of memory");
        XML_SetUserData(r.parser, &r);
        XML_SetStartElementHandler(r.parser, start_element);
        parse(&r, file);
        XML_ParserFree(r.parser);
        fclose(file);
    }
    free(path);
}
