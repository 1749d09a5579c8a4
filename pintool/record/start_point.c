/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the start that the user named, gives the program stopped there. */
#include "start_point.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auxv.h"
#include "breakpoint.h"
#include "emulate.h"
#include "maps.h"
#include "memory.h"
#include "message.h"
#include "repeatable.h"
#include "symbols.h"

/* --- parsing ---------------------------------------------------------------------------------- */

static bool parse_number(const char *text, int base, uint64_t *number)
{
    char *end;
    if (!isxdigit((unsigned char)*text))
        return false;
    errno = 0;
    *number = strtoull(text, &end, base);
    return *end == '\0' && errno == 0;
}

/* Cuts ":countN" off TEXT. False if there is a bad one. */
static bool parse_count(char *text, unsigned long *count)
{
    *count = 1;
    char *colon = strrchr(text, ':');
    if (!colon)
        return true;
    *colon = '\0';
    return strncmp(colon + 1, "count", 5) == 0 && parse_number(colon + 6, 10, count) && *count > 0;
}

/* Cuts ENDING off TEXT, if it ends so. */
static bool cut(char *text, const char *ending)
{
    size_t length = strlen(text), size = strlen(ending);
    if (length < size || strcmp(text + length - size, ending) != 0)
        return false;
    text[length - size] = '\0';
    return true;
}

bool start_point_parse(const char *text, struct start_point *start)
{
    *start = (struct start_point){.text = text, .count = 1};
    const char *colon = strchr(text, ':');
    if (!colon || colon[1] == '\0')
        return false;
    uint64_t tag;
    char *what = memory_format("%s", colon + 1);
    start->global = cut(what, ":global");
    bool good = false;
    if (strncmp(text, "icount:", 7) == 0) {
        start->kind = START_ICOUNT;
        good = parse_number(what, 10, &start->count);
    } else if (!parse_count(what, &start->count) || *what == '\0') {
        good = false;
    } else if (strncmp(text, "symbol:", 7) == 0) {
        start->kind = START_SYMBOL;
        start->symbol = what;
        return true;
    } else if (strncmp(text, "ssc:", 4) == 0) {
        start->kind = START_SSC;
        good = isxdigit((unsigned char)*what) && parse_number(what, 16, &tag) && tag <= UINT32_MAX;
        start->tag = (uint32_t)(good ? tag : 0);
    } else if (strncmp(text, "address:", 8) == 0) {
        good = strncmp(what, "0x", 2) == 0 && parse_number(what, 16, &start->address);
    }
    free(what);
    return good;
}

/* --- resolving -------------------------------------------------------------------------------- */

/* What runs in the process now. Scripts and wrappers execute one image after the other. */
struct image {
    char *path;
    bool is_interpreter; /* not the file that the user named: that is a script */
};

static struct image get_image(const struct tracee *tracee, const char *file)
{
    char link[64];
    char path[4096];
    struct stat named, runs;
    snprintf(link, sizeof link, "/proc/%d/exe", tracee->pid);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    bool same = stat(file, &named) != 0 || stat(link, &runs) != 0 ||
                (named.st_dev == runs.st_dev && named.st_ino == runs.st_ino);
    if (!module_is_x86_64(link))
        fail("%s: not a 64-bit x86 program: only those can be recorded", path);
    return (struct image){.path = memory_format("%s", path), .is_interpreter = !same};
}

/* Sets start->address from start->symbol. False if the symbol is nowhere. */
static bool find_symbol(const struct tracee *tracee, struct start_point *start)
{
    struct modules modules = modules_read(tracee->pid);
    struct symbol symbol;
    const struct module *module;
    bool found = modules_find(&modules, start->symbol, &symbol, &module);
    if (found) {
        if (symbol.type == STT_GNU_IFUNC)
            fail("%s: an indirect function of %s: the code that runs under this name is chosen "
                 "when the program starts; name it with address:0xPC",
                 start->symbol, module->path);
        start->address = symbol.address;
        note("%s: at 0x%lx in %s", start->symbol, symbol.address, module->path);
    }
    modules_free(&modules);
    return found;
}

/* Where the SSC mark of start->tag is: mov $TAG,%ebx; fs addr32 nop. Gives how often it is there;
 * the first one is start->address. */
static unsigned find_mark(const struct tracee *tracee, struct start_point *start)
{
    uint8_t mark[8] = {0xbb, 0, 0, 0, 0, 0x64, 0x67, 0x90};
    memcpy(mark + 1, &start->tag, sizeof start->tag);
    unsigned found = 0;
    struct maps maps = maps_read(tracee->pid);
    for (size_t i = 0; i < maps.count; i++) {
        const struct mapping *mapping = &maps.list[i];
        if (!mapping->executable || !maps_is_image(mapping))
            continue;
        size_t size = mapping->hi - mapping->lo;
        uint8_t *code = memory_resize(NULL, size, 1);
        size_t got = tracee_read(tracee, mapping->lo, code, size);
        const uint8_t *at = code;
        while ((at = memmem(at, got - (size_t)(at - code), mark, sizeof mark))) {
            if (found++ == 0)
                start->address = mapping->lo + (uint64_t)(at - code);
            at++;
        }
        free(code);
    }
    maps_free(&maps);
    return found;
}

static bool is_code(const struct tracee *tracee, uint64_t address)
{
    struct maps maps = maps_read(tracee->pid);
    const struct mapping *mapping = maps_find(&maps, address);
    bool result = mapping && mapping->executable && maps_is_image(mapping);
    maps_free(&maps);
    return result;
}

static bool is_there(const struct tracee *tracee, struct start_point *start)
{
    switch (start->kind) {
    case START_SYMBOL:
        return find_symbol(tracee, start);
    case START_SSC: {
        unsigned marks = find_mark(tracee, start);
        if (marks > 1)
            fail("%s: this mark is at %u places, the first one 0x%lx: name one of them with "
                 "address:0xPC",
                 start->text, marks, start->address);
        return marks == 1;
    }
    case START_ADDRESS:
        return is_code(tracee, start->address);
    case START_ICOUNT:
        break;
    }
    return true;
}

void start_point_find(const struct tracee *tracee, struct start_point *start)
{
    if (!is_there(tracee, start))
        fail("%s: not in the program or its libraries", start->text);
}

/* False if this image does not have the start point, but the next one may. */
static bool resolve(const struct tracee *tracee, const struct image *image,
                    struct start_point *start)
{
    if (is_there(tracee, start))
        return true;
    if (image->is_interpreter) {
        note("%s: not in %s: waiting for the program that it executes", start->text, image->path);
        return false;
    }
    if (start->symbol)
        fail("%s: no such function in %s or its libraries; if it is stripped, "
             "symbol:__libc_start_main is just before main, and address:0xPC any place; C++ names "
             "are needed as nm prints them without -C",
             start->symbol, image->path);
    if (start->kind == START_SSC)
        fail("%s: no such mark in %s or its libraries", start->text, image->path);
    fail("0x%lx: no code there when %s starts; for a position-independent program this is a "
         "run-time address, and equal in each run only without randomisation",
         start->address, image->path);
}

/* --- running ---------------------------------------------------------------------------------- */

static _Noreturn void fail_ended(const struct tracee *tracee, const char *file,
                                 const struct start_point *start, unsigned long hits)
{
    char how[64];
    if (WIFSIGNALED(tracee->status))
        snprintf(how, sizeof how, "signal %d, %s", WTERMSIG(tracee->status),
                 strsignal(WTERMSIG(tracee->status)));
    else
        snprintf(how, sizeof how, "status %d", WEXITSTATUS(tracee->status));
    if (start->count > 1)
        fail("%s ended (%s) before the start was reached: %s: only %lu of %lu", file, how,
             start->text, hits, start->count);
    fail("%s ended (%s) before the start was reached: %s", file, how, start->text);
}

static void insert(struct tracee *tracee, uint64_t address)
{
    if (!breakpoint_insert(tracee, address))
        fail("0x%lx: no breakpoint can be set there: %s", address, strerror(errno));
}

/* Runs a new image to its entry point, where all libraries are mapped, and sets the breakpoint of
 * the start there. *HITS is 1 if the start is the entry itself. */
static enum event enter_image(struct tracee *tracee, const char *file, struct start_point *start,
                              struct thread **thread)
{
    struct image image = get_image(tracee, file);
    uint64_t entry = auxv_hide_vdso(tracee);
    repeatable_hide_time(tracee);
    insert(tracee, entry);
    tracee_resume_all(tracee);
    enum event event = tracee_wait(tracee, thread);
    if (event == EVENT_BREAKPOINT) {
        event = tracee_stop_all(tracee); /* constructors of libraries may have started threads */
        if (event == EVENT_NONE) {
            breakpoint_remove(tracee);
            repeatable_show_time(tracee);
            bool found = resolve(tracee, &image, start);
            if (found)
                insert(tracee, start->address);
            if (found && start->address == entry)
                event = EVENT_BREAKPOINT;
            else
                tracee_resume_all(tracee);
        }
    }
    free(image.path);
    return event;
}

/* Has THREAD execute the instruction under the breakpoint and go on. */
static enum event pass(struct tracee *tracee, struct thread *thread, unsigned long *hits)
{
    const struct breakpoint *breakpoint = &tracee->breakpoint;
    if (!emulate(tracee, thread, breakpoint->address, breakpoint->original)) {
        enum event event = tracee_stop_all(tracee);
        if (event != EVENT_NONE)
            return event;
        if (!breakpoint_step_over(tracee, thread))
            --*hits; /* a signal came first: it will be here again */
    }
    tracee_resume_all(tracee);
    return EVENT_NONE;
}

struct thread *start_point_reach(struct tracee *tracee, const char *file, struct start_point *start)
{
    struct thread *thread;
    unsigned long hits = 0;
    enum event event = EVENT_EXEC;
    for (;;) {
        switch (event) {
        case EVENT_EXEC:
            hits = 0;
            event = enter_image(tracee, file, start, &thread);
            break;
        case EVENT_BREAKPOINT:
            if (++hits < start->count) {
                event = pass(tracee, thread, &hits);
                break;
            }
            event = tracee_stop_all(tracee);
            if (event == EVENT_NONE) {
                breakpoint_remove(tracee);
                return thread;
            }
            break;
        case EVENT_ENDED:
            fail_ended(tracee, file, start, hits);
        case EVENT_COUNTER: /* there is none here */
        case EVENT_NONE:
            event = tracee_wait(tracee, &thread);
            break;
        }
    }
}
