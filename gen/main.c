/* SPDX-License-Identifier: BSD-3-Clause */
/* pinball2elf: takes a pinball; gives pages.bin, pages.S, start.S, config.S, symbols.S and a linker
 * script, and out of them, with as and ld, an ELFie. */
#include "../startup/needs.h"
#include "build.h"
#include "checkpoint.h"
#include "digest.h"
#include "emit.h"
#include "error.h"
#include "layout.h"
#include "output.h"
#include "readers.h"
#include "replay.h"
#include "scan.h"
#include "scan_code.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *pinball;
    const char *outdir;
    const char *kind;
    const char *datadir;
    struct layout_options layout;
    bool emit_only, regenerate, scan, replay, verbose, print_datadir;
};

static const char usage[] =
    "Usage: pinball2elf [OPTION]... PINBALL\n"
    "Turns a pinball into an ELFie: a stand-alone executable that starts in the captured state.\n"
    "PINBALL is the path of its files up to '.global.log'.\n"
    "\n"
    "      --outdir DIR        write to DIR instead of beside the pinball\n"
    "      --emit-only         write PINBALL.ld and PINBALL.elfie.d/*.S, and stop before as\n"
    "      --regenerate        overwrite a linker script that has been edited\n"
    "      --scan              find out what the code needs of the processor, too\n"
    "      --replay            carry the logs of the pinball: system calls get the recorded "
    "answers\n"
    "      --kind KIND         what runs around the region: basic (default); replay: nothing "
    "else,\n"
    "                          with --replay\n"
    "      --layout LAYOUT     direct (default): each region has its own address in a header;\n"
    "                          compact: all headers lie low, far regions are moved at startup\n"
    "      --max-headers N     program headers at most, 5 to 1170 (default 73, which every\n"
    "                          kernel takes; Linux 5.18 and later take 1170)\n"
    "      --cbk-stack-size N  bytes of stack per thread for the startup and for callbacks\n"
    "                          (default 102400)\n"
    "      --datadir DIR       where libelfie.a and the template of the linker script are\n"
    "      --print-datadir     print that place, and exit\n"
    "      --print-ldflags     print the options for ld that an ELFie needs, and exit\n"
    "  -V, --verbose           say what is done, and show the commands\n"
    "  -h, --help              print this help and exit\n"
    "      --version           print the version and exit\n"
    "\n"
    "Results: PINBALL.ld, PINBALL.elfie.d/, PINBALL.KIND.elfie.\n"
    "Exit status: 0, 1 when something is wrong with the pinball or the system, 2 for wrong usage.\n"
    "AS and LD in the environment name other assemblers and linkers.\n";

enum {
    OPT_OUTDIR = 256,
    OPT_EMIT_ONLY,
    OPT_REGENERATE,
    OPT_SCAN,
    OPT_REPLAY,
    OPT_KIND,
    OPT_LAYOUT,
    OPT_MAX_HEADERS,
    OPT_STACK_SIZE,
    OPT_DATADIR,
    OPT_PRINT_DATADIR,
    OPT_PRINT_LDFLAGS,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"outdir", required_argument, NULL, OPT_OUTDIR},
    {"emit-only", no_argument, NULL, OPT_EMIT_ONLY},
    {"regenerate", no_argument, NULL, OPT_REGENERATE},
    {"scan", no_argument, NULL, OPT_SCAN},
    {"replay", no_argument, NULL, OPT_REPLAY},
    {"kind", required_argument, NULL, OPT_KIND},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"max-headers", required_argument, NULL, OPT_MAX_HEADERS},
    {"cbk-stack-size", required_argument, NULL, OPT_STACK_SIZE},
    {"datadir", required_argument, NULL, OPT_DATADIR},
    {"print-datadir", no_argument, NULL, OPT_PRINT_DATADIR},
    {"print-ldflags", no_argument, NULL, OPT_PRINT_LDFLAGS},
    {"verbose", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static uint64_t number_option(const char *name, const char *text, uint64_t low, uint64_t high)
{
    const char *at = text;
    uint64_t value;
    if ((!scan_hex(&at, &value) && !scan_decimal(&at, &value)) || *at || value < low ||
        value > high)
        fail_usage("--%s takes a number from %llu to %llu, not '%s'", name, (unsigned long long)low,
                   (unsigned long long)high, text);
    return value;
}

_Noreturn static void print_and_exit(const char *text)
{
    fputs(text, stdout);
    if (fflush(stdout) || ferror(stdout))
        fail("standard output: %s", strerror(errno));
    exit(0);
}

static void set_layout(struct options *o, const char *name)
{
    if (strcmp(name, "direct") != 0 && strcmp(name, "compact") != 0)
        fail_usage("--layout is direct or compact, not '%s'", name);
    o->layout.compact = name[0] == 'c';
}

static void set_option(struct options *o, int option)
{
    switch (option) {
    case OPT_OUTDIR:
        if (!*optarg)
            fail_usage("--outdir is empty");
        o->outdir = optarg;
        break;
    case OPT_EMIT_ONLY:
        o->emit_only = true;
        break;
    case OPT_REGENERATE:
        o->regenerate = true;
        break;
    case OPT_SCAN:
        o->scan = true;
        break;
    case OPT_REPLAY:
        o->replay = true;
        break;
    case OPT_KIND:
        if (strcmp(optarg, "basic") != 0 && strcmp(optarg, "replay") != 0)
            fail_usage("there is no kind '%s'; there is: basic, replay", optarg);
        o->kind = optarg;
        o->replay |= !strcmp(optarg, "replay");
        break;
    case OPT_LAYOUT:
        set_layout(o, optarg);
        break;
    case OPT_MAX_HEADERS:
        o->layout.max_headers =
            (unsigned)number_option("max-headers", optarg, MIN_HEADERS, MAX_HEADERS);
        break;
    case OPT_STACK_SIZE:
        o->layout.callback_stack_size =
            (number_option("cbk-stack-size", optarg, 4 * PAGE_SIZE, 1 << 30) + PAGE_SIZE - 1) /
            PAGE_SIZE * PAGE_SIZE;
        break;
    case OPT_DATADIR:
        o->datadir = optarg;
        break;
    case OPT_PRINT_DATADIR:
        o->print_datadir = true;
        break;
    case OPT_PRINT_LDFLAGS:
        build_print_ldflags();
        exit(0);
    case 'V':
        o->verbose = true;
        break;
    case 'h':
        print_and_exit(usage);
    case OPT_VERSION:
        print_and_exit("pinball2elf " ELFIE_VERSION "\n");
    default:
        fail_usage("wrong usage");
    }
}

/* A user's loop may be over *.address or *.global.log. */
static const char *pinball_name(const char *name)
{
    static const char *const endings[] = {".address", ".global.log"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && !strcmp(name + length - ending, endings[i]))
            return xasprintf("%.*s", (int)(length - ending), name);
    }
    if (!*name)
        fail_usage("the name of the pinball is empty");
    return name;
}

static struct options parse_options(int argc, char **argv)
{
    struct options o = {
        .kind = "basic",
        .layout = {.max_headers = DEFAULT_HEADERS, .callback_stack_size = 25 * PAGE_SIZE},
    };
    for (int option; (option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1;)
        set_option(&o, option);
    if (o.print_datadir)
        return o;
    if (optind + 1 != argc)
        fail_usage(optind == argc ? "no pinball is named" : "more than one pinball is named");
    o.pinball = pinball_name(argv[optind]);
    return o;
}

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

/* A script that somebody has edited stays as long as it fits the pinball. */
static bool keep_script(const struct options *o, const char *path, const char *fresh)
{
    bool same;
    enum script_state state = digest_check(path, fresh, &same);
    if (state != SCRIPT_EDITED || o->regenerate)
        return false;
    if (same)
        return true;
    struct output output;
    char *new_path = xasprintf("%s.new", path);
    write_text(&output, new_path, fresh);
    output_commit(&output);
    fail_at(path, 0,
            "edited by hand, and the pinball or the options have changed since: the new script is "
            "in %s. Carry your changes over to it and rename it to %s, or throw them away with "
            "'make ELFIE=%s regen' or --regenerate",
            new_path, path, o->pinball);
}

static void read_pinball(struct checkpoint *c)
{
    global_log_read(c);
    reg_read(c);
    result_read(c);
    address_read(c);
    procinfo_read(c);
    brk_log_read(c);
}

static void say_scan(const struct code_scan *scan)
{
    for (int i = 0; i < NUM_NEEDS; i++)
        if (scan->needs >> i & 1)
            fprintf(stderr, "code needs %s, first seen at 0x%llx\n", needs_name(i),
                    (unsigned long long)scan->address[i]);
}

static void scan_image(const struct options *o, struct checkpoint *c, int pages_fd)
{
    struct code_scan scan = {0};
    code_scan(&scan, c, pages_fd);
    c->code_needs = scan.needs;
    c->scanned_instructions = scan.instructions;
    if (o->verbose)
        say_scan(&scan);
}

/* replay.bin, complete, still under its temporary name. */
static struct output pack_logs(struct checkpoint *c, const struct layout *l, int pages_fd,
                               const char *path)
{
    struct output log = output_open(path);
    replay_read(c, l, pages_fd, log.file);
    output_finish(&log);
    return log;
}

typedef void emitter(FILE *to, const struct checkpoint *c, const struct layout *l);

static void start_without_layout(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    (void)l;
    emit_start(to, c);
}

static void replay_without_layout(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    (void)l;
    emit_replay(to, c);
}

static void config_without_layout(FILE *to, const struct checkpoint *c, const struct layout *l)
{
    (void)l;
    emit_config(to, c);
}

/* Writes everything under temporary names first, so that an error leaves what was there. */
static void emit_all(const struct options *o, struct checkpoint *c, const char *base,
                     const char *directory)
{
    static const struct {
        const char *name;
        emitter *emit;
    } parts[] = {{"pages.S", emit_pages},
                 {"start.S", start_without_layout},
                 {"config.S", config_without_layout},
                 {"replay.S", replay_without_layout},
                 {"symbols.S", emit_symbols}};
    enum { PARTS = sizeof parts / sizeof *parts };
    struct layout l = {.options = o->layout};
    char *pages_path = xasprintf("%s/pages.bin", directory);
    char *script_path = xasprintf("%s.ld", base);
    char *template_path = xasprintf("%s/elfie.ld.in", o->datadir);
    char *replay_path = xasprintf("%s/replay.bin", directory);
    struct output pages = output_open(pages_path), script, replay_log, outputs[PARTS];

    text_read(c, pages.file, pages.path);
    if (o->scan)
        scan_image(o, c, fileno(pages.file));
    regions_find(&l, c);
    if (c->replay)
        replay_log = pack_logs(c, &l, fileno(pages.file), replay_path);
    output_finish(&pages);
    layout_place(&l, c);
    char *text = emit_ld(c, &l, template_path);
    bool keep = keep_script(o, script_path, text);
    if (!keep)
        write_text(&script, script_path, text);
    for (int i = 0; i < PARTS; i++) {
        char *path = xasprintf("%s/%s", directory, parts[i].name);
        outputs[i] = output_open(path);
        parts[i].emit(outputs[i].file, c, &l);
        output_finish(&outputs[i]);
        free(path);
    }
    output_commit(&pages);
    if (c->replay)
        output_commit(&replay_log);
    else
        unlink(replay_path); /* of an earlier run */
    for (int i = 0; i < PARTS; i++)
        output_commit(&outputs[i]);
    if (!keep) {
        char *outdated = xasprintf("%s.new", script_path);
        output_commit(&script);
        unlink(outdated); /* of an earlier conflict, which is settled now */
        free(outdated);
    }
    if (o->verbose)
        fprintf(stderr,
                "%s: %zu regions, %llu pages, %llu of them zero; %zu in headers, %zu rows of "
                "moves; script %s\n",
                c->base, l.num_regions, (unsigned long long)c->pages,
                (unsigned long long)c->zero_pages, l.num_header_pieces, l.num_moves,
                keep ? "kept as edited" : "written");
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

int main(int argc, char **argv)
{
    open_standard_descriptors();
    struct options o = parse_options(argc, argv);
    if (!o.datadir)
        o.datadir = find_datadir();
    if (o.print_datadir) {
        print_and_exit(xasprintf("%s\n", o.datadir));
    }
    struct checkpoint c = {.base = o.pinball, .name = last_part(o.pinball)};
    clean_up_on_signals();
    if (o.replay)
        c.replay = xcalloc(1, sizeof *c.replay);
    read_pinball(&c);
    char *base = output_base(&o);
    char *directory = xasprintf("%s.elfie.d", base);
    make_directory(directory);
    emit_all(&o, &c, base, directory);
    if (!o.emit_only) {
        struct build b = {
            .datadir = o.datadir,
            .directory = directory,
            .script = xasprintf("%s.ld", base),
            .kind = o.kind,
            .elfie = xasprintf("%s.%s.elfie", base, o.kind),
            .verbose = o.verbose,
        };
        build_elfie(&b);
    }
    return 0;
}
