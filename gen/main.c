/* SPDX-License-Identifier: BSD-3-Clause */
/* pinball2elf: takes a pinball; gives pages.bin, pages.S, start.S, config.S, symbols.S, sysstate.S
 * and a linker script, and out of them, with as and ld, an ELFie. */
#include "../startup/needs.h"
#include "build.h"
#include "checkpoint.h"
#include "digest.h"
#include "emit.h"
#include "error.h"
#include "layout.h"
#include "options.h"
#include "output.h"
#include "readers.h"
#include "replay.h"
#include "scan_code.h"
#include "select.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program in the build directory, or in ../lib/pinball2elf when it is installed. */
static char *find_datadir(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        fail("/proc/self/exe: %s; use --datadir", strerror(errno));
    path[length] = '\0';
    const char *directory = dirname(path);
    static const char *const places[] = {"", "/../lib/pinball2elf"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *datadir = xasprintf("%s%s", directory, places[i]);
        char *library = xasprintf("%s/libelfie.a", datadir);
        bool found = !access(library, R_OK);
        free(library);
        if (found)
            return datadir;
        free(datadir);
    }
    fail("libelfie.a is neither in %s nor in %s/../lib/pinball2elf; use --datadir", directory,
         directory);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* OUTDIR/NAME, or the pinball's own path. */
static char *output_base(const struct options *o)
{
    char *base =
        o->outdir ? xasprintf("%s/%s", o->outdir, last_part(o->pinball)) : xstrdup(o->pinball);
    /* For ld, a name that begins with one of these is an option or a file of options. */
    return base[0] == '@' || base[0] == '-' ? xasprintf("./%s", base) : base;
}

static void write_text(struct output *o, const char *path, const char *text)
{
    *o = output_open(path);
    fputs(text, o->file);
    output_finish(o);
}

/* A file that somebody has edited stays as long as it fits the pinball. */
static bool is_kept(const struct options *o, const char *path, const char *fresh)
{
    bool same;
    enum file_state state = digest_check(path, fresh, &same);
    if (state != FILE_EDITED || o->regenerate)
        return false;
    if (same)
        return true;
    struct output output;
    char *new_path = xasprintf("%s.new", path);
    write_text(&output, new_path, fresh);
    output_commit(&output);
    fail_at(path, 0,
            "edited by hand, and the pinball or the options have changed since: the new one is "
            "in %s. Carry your changes over to it and rename it to %s, or throw them away with "
            "'make ELFIE=%s regen' or --regenerate",
            new_path, path, o->pinball);
}

static void read_pinball(struct checkpoint *c)
{
    global_log_read(c);
    reg_read(c);
    result_read(c);
    event_icount_read(c);
    address_read(c);
    procinfo_read(c);
    brk_log_read(c);
    sysstate_read(c);
}

static void say_scan(const struct code_scan *scan)
{
    for (int i = 0; i < NUM_NEEDS; i++)
        if (scan->needs >> i & 1)
            fprintf(stderr, "code needs %s, first seen at 0x%llx\n", needs_name(i),
                    (unsigned long long)scan->address[i]);
}

/* --- files that are written ----------------------------------------------------------------- */

/* A file that people edit: TEXT goes to PATH, unless what is there is kept. */
struct editable {
    const char *path;
    char *text;
    bool kept;
    struct output output;
};

static void write_editable(struct editable *e)
{
    if (!e->kept)
        write_text(&e->output, e->path, e->text);
}

static void commit_editable(struct editable *e)
{
    if (e->kept)
        return;
    char *outdated = xasprintf("%s.new", e->path);
    output_commit(&e->output);
    unlink(outdated); /* of an earlier conflict, which is settled now */
    free(outdated);
}

/* start.S goes to a place that the user names, too. */
static void write_start(struct output *o, const char *path, const struct checkpoint *c,
                        const struct start_options *options)
{
    *o = output_open(path);
    emit_start(o->file, c, options);
    output_finish(o);
}

/* Reads the memory image, whose pages go to PAGES as they come, and decides where all goes. */
static void read_image(const struct options *o, struct checkpoint *c, struct output *pages,
                       struct output *replay_log, struct layout *l)
{
    text_read(c, pages->file, pages->path);
    select_pages(c, o->user_space_top);
    if (o->scan) {
        struct code_scan scan = {0};
        code_scan(&scan, c, fileno(pages->file));
        c->code_needs = scan.needs;
        c->scanned_instructions = scan.instructions;
        if (o->verbose)
            say_scan(&scan);
    }
    regions_find(l, c);
    if (c->replay) {
        replay_read(c, l, fileno(pages->file), replay_log->file);
        output_finish(replay_log);
    }
    output_finish(pages);
    layout_place(l, c);
}

static void replay_without_layout(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    (void)l;
    emit_replay(to, c);
}

/* Writes everything under temporary names first, so that an error leaves what was there. */
static void emit_all(const struct options *o, struct checkpoint *c, const char *script_path,
                     const char *directory)
{
    static const struct {
        const char *name;
        void (*emit)(FILE *to, const struct checkpoint *c, const struct layout *l);
    } parts[] = {{"pages.S", emit_pages},
                 {"symbols.S", emit_symbols},
                 {"sysstate.S", emit_sysstate},
                 {"replay.S", replay_without_layout}};
    enum { PARTS = sizeof parts / sizeof *parts };
    struct layout l = {.options = o->layout};
    char *replay_path = xasprintf("%s/replay.bin", directory);
    struct output pages = output_open(xasprintf("%s/pages.bin", directory)), outputs[PARTS], start,
                  assembler, replay_log;

    if (c->replay)
        replay_log = output_open(replay_path);
    read_image(o, c, &pages, &replay_log, &l);
    struct editable script = {.path = script_path,
                              .text = emit_ld(c, &l, xasprintf("%s/elfie.ld.in", o->datadir))};
    struct editable config = {.path = xasprintf("%s/config.S", directory),
                              .text = emit_config(c, &o->config)};
    script.kept = is_kept(o, script.path, script.text);
    config.kept = is_kept(o, config.path, config.text);
    write_editable(&script);
    write_editable(&config);
    for (int i = 0; i < PARTS; i++) {
        char *path = xasprintf("%s/%s", directory, parts[i].name);
        outputs[i] = output_open(path);
        parts[i].emit(outputs[i].file, c, &l);
        output_finish(&outputs[i]);
        free(path);
    }
    write_start(&start, xasprintf("%s/start.S", directory), c, &o->start);
    if (o->assembler)
        write_start(&assembler, o->assembler, c, &o->start);
    output_commit(&pages);
    if (c->replay)
        output_commit(&replay_log);
    else
        unlink(replay_path); /* of an earlier run */
    for (int i = 0; i < PARTS; i++)
        output_commit(&outputs[i]);
    output_commit(&start);
    if (o->assembler)
        output_commit(&assembler);
    commit_editable(&config);
    commit_editable(&script);
    if (o->verbose)
        fprintf(stderr,
                "%s: %zu regions, %llu pages, %llu of them zero; %zu in headers, %zu rows of "
                "moves; script %s\n",
                c->base, l.num_regions, (unsigned long long)c->pages,
                (unsigned long long)c->zero_pages, l.num_header_pieces, l.num_moves,
                script.kept ? "kept as edited" : "written");
}

/* A file that is opened must not become standard error, and get its messages. */
static void open_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

static void build(const struct options *o, const char *base, const char *script,
                  const char *directory)
{
    const char *elfie = o->executable ? o->executable : xasprintf("%s.%s.elfie", base, o->kind);
    struct build b = {
        .datadir = o->datadir,
        .directory = directory,
        .script = script,
        .kind = o->kind,
        .elfie = options_want_executable(o) ? elfie : NULL,
        .object = o->object,
        .link = o->link,
        .num_link = o->num_link,
        .startup = !o->layout.no_startup,
        .verbose = o->verbose,
    };
    if (b.elfie || b.object)
        build_elfie(&b);
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    struct options o = options_read(argc, argv);
    if (!o.datadir)
        o.datadir = find_datadir();
    if (o.print_datadir) {
        printf("%s\n", o.datadir);
        if (fflush(stdout))
            fail("standard output: %s", strerror(errno));
        return 0;
    }
    struct checkpoint c = {.base = o.pinball, .name = last_part(o.pinball)};
    clean_up_on_signals();
    if (o.replay)
        c.replay = xcalloc(1, sizeof *c.replay);
    read_pinball(&c);
    select_threads(&c, o.thread_min_icount);
    char *base = output_base(&o);
    char *directory = xasprintf("%s.elfie.d", base);
    const char *script = o.script ? o.script : xasprintf("%s.ld", base);
    make_directory(directory);
    emit_all(&o, &c, script, directory);
    if (!o.emit_only)
        build(&o, base, script, directory);
    return 0;
}
