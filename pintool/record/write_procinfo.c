/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes modules and their symbols, gives BASE.procinfo.xml. Names come from files that may hold
 * anything; what XML cannot hold is replaced by '?'. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "pinball.h"
#include "write.h"

/* Length of the UTF-8 sequence of several bytes at TEXT, 0 if it is none. */
static size_t utf8_length(const char *text)
{
    unsigned char first = (unsigned char)*text;
    size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                    : first >= 0xe0 && first <= 0xef ? 3
                    : first >= 0xf0 && first <= 0xf4 ? 4
                                                     : 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
    /* Neither overlong forms nor surrogates nor what is beyond Unicode. */
    unsigned char second = length > 0 ? (unsigned char)text[1] : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

/* As an attribute's value between apostrophes. Caller frees. */
static char *escape(const char *text)
{
    char *result = memory_new(strlen(text) * 6 + 1);
    char *end = result;
    for (; *text; text++) {
        const char *entity = NULL;
        switch (*text) {
        case '&':
            entity = "&amp;";
            break;
        case '<':
            entity = "&lt;";
            break;
        case '>':
            entity = "&gt;";
            break;
        case '\'':
            entity = "&apos;";
            break;
        case '"':
            entity = "&quot;";
            break;
        default:
            break;
        }
        size_t length = utf8_length(text);
        if (entity) {
            end = stpcpy(end, entity);
        } else if (length > 0) {
            end = mempcpy(end, text, length);
            text += length - 1;
        } else {
            *end++ = *text < ' ' || *text == 0x7f ? '?' : *text; /* char is signed here */
        }
    }
    *end = '\0';
    return result;
}

static bool write_symbol(const struct symbol *symbol, void *context)
{
    struct output *output = context;
    /* Local labels of assembly files are no functions. */
    if (symbol->type == STT_NOTYPE && !(symbol->global && symbol->executable))
        return true;
    char *name = escape(symbol->name);
    output_printf(output, "\t<symbol name='%s'\n\t\tbase='0x%lx' size='%lu' />\n", name,
                  symbol->address, symbol->size);
    free(name);
    return true;
}

static void write_module(const struct module *module, struct output *output)
{
    char *path = escape(module->path);
    output_printf(output,
                  "\t<module\n\t\tpath='%s'\n\t\tname='%s'\n\t\tbase='0x%lx'\n"
                  "\t\tsize='%lu'\n\t>\n",
                  path, strrchr(path, '/') + 1, module->base, module->size);
    module_symbols(module, write_symbol, output);
    output_printf(output, "\t</module>\n");
    free(path);
}

void write_procinfo(const struct snapshot *snapshot)
{
    struct output *output = pinball_create("procinfo.xml", COMPRESS_NONE);
    const struct modules *modules = &snapshot->modules;
    const char *path = modules->count > 0 ? modules->list[0].path : snapshot->arguments[0];
    const char *slash = strrchr(path, '/');
    char *name = escape(slash ? slash + 1 : path);
    output_printf(output,
                  "<?xml version=\"1.0\" standalone=\"yes\" ?>\n"
                  "<!-- Modules and symbols of a recorded process, at run-time addresses. -->\n"
                  "<proc-info>\n<process pid='%d' name='%s'>\n",
                  snapshot->tracee->pid, name);
    for (size_t i = 0; i < modules->count; i++)
        write_module(&modules->list[i], output);
    output_printf(output, "</process>\n\n</proc-info>\n");
    output_close(output);
    free(name);
}
