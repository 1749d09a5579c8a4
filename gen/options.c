/* SPDX-License-Identifier: BSD-3-Clause */
/* See options.h. */
#include "options.h"
#include "../startup/flags.h"
#include "build.h"
#include "error.h"
#include "input.h"
#include "scan.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: pinball2elf [OPTION]... PINBALL [OBJECT|LIBRARY]...\n"
    "Turns a pinball into an ELFie: a stand-alone executable that starts in the captured state.\n"
    "PINBALL is the path of its files up to '.global.log'. Objects (.o), libraries (.a, -lNAME, -L "
    "DIR)\n"
    "and -Wl,OPTION,... go to ld.\n"
    "\n"
    "What to read:\n"
    "  -d, --arch-desc FILE    global.log; where no PINBALL is named, it names it, too\n"
    "  -s, --arch-state FILE   .reg of thread 0; given again, of thread 1 and so on\n"
    "  -m, --mem FILE          .text, the memory image\n"
    "  -r, --mem-layout FILE   .address\n"
    "  -i, --thread-min-icount N  start no thread that runs fewer than N instructions\n"
    "  -u, --usr-space-top ADDR   leave out pages from ADDR (hex) on; 'unlimited' (default): none\n"
    "      --scan              find out what the code needs of the processor, too\n"
    "      --replay            carry the logs of the pinball: system calls get the recorded\n"
    "                          answers\n"
    "What to write:\n"
    "      --outdir DIR        write to DIR instead of beside the pinball\n"
    "  -x FILE                 the executable, instead of PINBALL.KIND.elfie\n"
    "  -o FILE                 a relocatable object of all parts; without -x no executable\n"
    "  -S FILE                 the contexts as assembler, too; without -x no executable\n"
    "  -T, --ld-script FILE    the linker script, instead of PINBALL.ld\n"
    "      --emit-only         write PINBALL.ld and PINBALL.elfie.d/*.S, and stop before as\n"
    "      --regenerate        overwrite a linker script or config.S that has been edited\n"
    "Where it lies:\n"
    "      --layout LAYOUT     direct (default): each region has its own address in a header;\n"
    "                          compact: all headers lie low, far regions are moved at startup\n"
    "      --max-headers N     program headers at most, 5 to 1170 (default 73, which every\n"
    "                          kernel takes; Linux 5.18 and later take 1170)\n"
    "  -l, --ld-break-addr ADDR  no headers for pages above ADDR (hex): the startup moves them\n"
    "      --no-stack-remap    headers for stacks, even where the kernel has its own\n"
    "  -C, --text-seg-flags FLAGS  protection of executed pages, letters of AWX (default AWX)\n"
    "  -D, --data-seg-flags FLAGS  protection of all others\n"
    "      --text-seg-name NAME  sections of executed regions are NAME.ADDR (default .page.ADDR)\n"
    "      --data-seg-name NAME  sections of all others\n"
    "What runs around the region:\n"
    "      --kind KIND         basic (default), sim (with markers), perf (with counters),\n"
    "                          or replay (nothing, with --replay)\n"
    "      --message TEXT      what sim ELFies print\n"
    "      --perf-prefix NAME  first part of the names of perf reports (default: the pinball's)\n"
    "      --warmup            the region begins with a warm-up\n"
    "  -p, --process-cbk NAME       called once, before any thread runs (default elfie_on_start)\n"
    "  -t, --thread-cbk NAME        called in each thread (default elfie_on_thread_start)\n"
    "  -e, --process-exit-cbk NAME  called in the monitor, when all threads have ended\n"
    "      --user-code         callbacks may use vector registers; implied by objects\n"
    "      --[no-]monitor-thread    a monitor waits for the end of the program; -e implies it\n"
    "      --cbk-stack-size N  bytes of stack per thread for the startup and for callbacks\n"
    "                          (default 102400)\n"
    "      --roi-start [TYPE:]TAG   marker in front of the region; sniper, ssc, simics, gem5;\n"
    "                          without TYPE the first three. May be given several times\n"
    "      --magic2 [TYPE:]TAG      second marker, where the warm-up ends (default type simics)\n"
    "      --no-futexes        leave tid words and robust lists alone, wait without futexes\n"
    "      --modify-ldt        write a descriptor of each thread's FS base to the LDT\n"
    "      --no-startup        leave the startup out: _start is yours, or thread 0's first\n"
    "                          instruction\n"
    "Others:\n"
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
    OPT_STACK_REMAP,
    OPT_NO_STACK_REMAP,
    OPT_STARTUP,
    OPT_NO_STARTUP,
    OPT_MODIFY_LDT,
    OPT_NO_MODIFY_LDT,
    OPT_FUTEXES,
    OPT_NO_FUTEXES,
    OPT_MONITOR_THREAD,
    OPT_NO_MONITOR_THREAD,
    OPT_ROI_START,
    OPT_MAGIC2,
    OPT_DATA_SEG_NAME,
    OPT_TEXT_SEG_NAME,
    OPT_PERF_PREFIX,
    OPT_WARMUP,
    OPT_MESSAGE,
    OPT_USER_CODE,
};

/* The first '-': what is no option is given in its place, because ld looks at the order. */
static const char short_options[] = "-hVd:s:m:r:x:o:S:T:D:C:u:l:i:p:e:t:W:L:";

static const struct option long_options[] = {
    {"arch-desc", required_argument, NULL, 'd'},
    {"arch-state", required_argument, NULL, 's'},
    {"mem", required_argument, NULL, 'm'},
    {"mem-layout", required_argument, NULL, 'r'},
    {"ld-script", required_argument, NULL, 'T'},
    {"data-seg-flags", required_argument, NULL, 'D'},
    {"text-seg-flags", required_argument, NULL, 'C'},
    {"usr-space-top", required_argument, NULL, 'u'},
    {"ld-break-addr", required_argument, NULL, 'l'},
    {"thread-min-icount", required_argument, NULL, 'i'},
    {"process-cbk", required_argument, NULL, 'p'},
    {"process-exit-cbk", required_argument, NULL, 'e'},
    {"thread-cbk", required_argument, NULL, 't'},
    {"outdir", required_argument, NULL, OPT_OUTDIR},
    {"emit-only", no_argument, NULL, OPT_EMIT_ONLY},
    {"regenerate", no_argument, NULL, OPT_REGENERATE},
    {"scan", no_argument, NULL, OPT_SCAN},
    {"replay", no_argument, NULL, OPT_REPLAY},
    {"kind", required_argument, NULL, OPT_KIND},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"max-headers", required_argument, NULL, OPT_MAX_HEADERS},
    {"cbk-stack-size", required_argument, NULL, OPT_STACK_SIZE},
    {"stack-remap", no_argument, NULL, OPT_STACK_REMAP},
    {"no-stack-remap", no_argument, NULL, OPT_NO_STACK_REMAP},
    {"startup", no_argument, NULL, OPT_STARTUP},
    {"no-startup", no_argument, NULL, OPT_NO_STARTUP},
    {"modify-ldt", no_argument, NULL, OPT_MODIFY_LDT},
    {"no-modify-ldt", no_argument, NULL, OPT_NO_MODIFY_LDT},
    {"futexes", no_argument, NULL, OPT_FUTEXES},
    {"no-futexes", no_argument, NULL, OPT_NO_FUTEXES},
    {"monitor-thread", no_argument, NULL, OPT_MONITOR_THREAD},
    {"no-monitor-thread", no_argument, NULL, OPT_NO_MONITOR_THREAD},
    {"roi-start", required_argument, NULL, OPT_ROI_START},
    {"magic2", required_argument, NULL, OPT_MAGIC2},
    {"data-seg-name", required_argument, NULL, OPT_DATA_SEG_NAME},
    {"text-seg-name", required_argument, NULL, OPT_TEXT_SEG_NAME},
    {"perf-prefix", required_argument, NULL, OPT_PERF_PREFIX},
    {"warmup", no_argument, NULL, OPT_WARMUP},
    {"message", required_argument, NULL, OPT_MESSAGE},
    {"user-code", no_argument, NULL, OPT_USER_CODE},
    {"datadir", required_argument, NULL, OPT_DATADIR},
    {"print-datadir", no_argument, NULL, OPT_PRINT_DATADIR},
    {"print-ldflags", no_argument, NULL, OPT_PRINT_LDFLAGS},
    {"verbose", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

_Noreturn static void print_and_exit(const char *text)
{
    fputs(text, stdout);
    if (fflush(stdout) || ferror(stdout))
        fail("standard output: %s", strerror(errno));
    exit(0);
}

/* --- values --------------------------------------------------------------------------------- */

static uint64_t number_option(const char *name, const char *text, uint64_t low, uint64_t high)
{
    const char *at = text;
    uint64_t value;
    if ((!scan_hex(&at, &value) && !scan_decimal(&at, &value)) || *at || value < low ||
        value > high)
        fail_usage("%s takes a number from %llu to %llu, not '%s'", name, (unsigned long long)low,
                   (unsigned long long)high, text);
    return value;
}

/* Addresses are hexadecimal, with 0x or without. */
static uint64_t address_option(const char *name, const char *text)
{
    const char *digits = text + (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 2 : 0);
    size_t length = strlen(digits);
    if (!length || length > 16 || strspn(digits, "0123456789abcdefABCDEF") != length)
        fail_usage("%s takes an address of up to 16 hexadecimal digits, not '%s'", name, text);
    uint64_t value = strtoull(digits, NULL, 16);
    if (value % PAGE_SIZE)
        fail_usage("%s takes the address of a page, not '%s'", name, text);
    return value;
}

static unsigned flags_option(const char *name, const char *text)
{
    unsigned flags = 0;
    for (const char *p = text; *p; p++)
        switch (toupper((unsigned char)*p)) {
        case 'A':
            flags |= SEGMENT_R;
            break;
        case 'W':
            flags |= SEGMENT_W;
            break;
        case 'X':
            flags |= SEGMENT_X;
            break;
        default:
            fail_usage("%s takes letters of A (there, and readable), W and X, not '%s'", name,
                       text);
        }
    if (!(flags & SEGMENT_R))
        fail_usage("%s has no A: pages that are not even there help nobody", name);
    return flags;
}

/* Goes into an assembler file: nothing but a plain symbol. */
static const char *symbol_option(const char *name, const char *text, size_t most)
{
    size_t length = strlen(text);
    bool plain = length && length <= most && !isdigit((unsigned char)text[0]);
    for (const char *p = text; *p; p++)
        plain &= isalnum((unsigned char)*p) || *p == '_' || *p == '.';
    if (!plain)
        fail_usage("%s takes a name of up to %zu letters, digits, '_' and '.', not '%s'", name,
                   most, text);
    return text;
}

static const char *file_option(const char *name, const char *text)
{
    if (!*text)
        fail_usage("%s is empty", name);
    /* For ld, a name that begins with one of these is an option or a file of options. */
    return *text == '@' || *text == '-' ? xasprintf("./%s", text) : text;
}

static void set_flag(struct options *o, uint64_t flag, bool on)
{
    o->config.flags = on ? o->config.flags | flag : o->config.flags & ~flag;
}

static void set_layout(struct options *o, const char *name)
{
    if (strcmp(name, "direct") != 0 && strcmp(name, "compact") != 0)
        fail_usage("--layout is direct or compact, not '%s'", name);
    o->layout.compact = name[0] == 'c';
}

static void set_kind(struct options *o, const char *name)
{
    static const char *const kinds[] = {"basic", "sim", "perf", "replay"};
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(name, kinds[i]) != 0)
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        fail_usage("there is no kind '%s'; there are: basic sim perf replay", name);
    o->kind = name;
    o->replay |= !strcmp(name, "replay");
}

static void set_marker(struct markers *m, const char *name, const char *text, unsigned otherwise)
{
    if (!markers_add(m, text, otherwise))
        fail_usage("%s takes [TYPE:]TAG, TYPE one of sniper, ssc, simics and gem5, TAG a number of "
                   "32 bits, of 16 for simics, not '%s'",
                   name, text);
}

static void add_link(struct options *o, const char *argument)
{
    o->link = xreallocarray(o->link, o->num_link + 1, sizeof *o->link);
    o->link[o->num_link++] = argument;
}

/* -Wl,a,b: a and b for ld. */
static void add_linker_options(struct options *o, const char *text)
{
    if (text[0] != 'l' || text[1] != ',' || !text[2])
        fail_usage("-W is known as -Wl,OPTION[,OPTION]... only");
    char *list = xstrdup(text + 2);
    for (char *next; list; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = '\0';
        if (*list)
            add_link(o, list);
    }
}

/* --- PINBALL, objects and libraries --------------------------------------------------------- */

static bool has_ending(const char *name, const char *ending)
{
    size_t length = strlen(name), ending_length = strlen(ending);
    return length > ending_length && !strcmp(name + length - ending_length, ending);
}

/* A user's loop may be over *.address or *.global.log. */
static const char *pinball_name(const char *name)
{
    static const char *const endings[] = {".address", ".global.log"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (has_ending(name, endings[i]))
            return xasprintf("%.*s", (int)(strlen(name) - strlen(endings[i])), name);
    if (!*name)
        fail_usage("the name of the pinball is empty");
    return name;
}

static void set_argument(struct options *o, const char *argument)
{
    static const char *const endings[] = {".o", ".a", ".obj", ".lo"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (has_ending(argument, endings[i])) {
            add_link(o, file_option("the name of an object", argument));
            set_flag(o, ELFIE_USER_CODE, true);
            return;
        }
    if (o->pinball)
        fail_usage("more than one pinball is named");
    o->pinball = pinball_name(argument);
}

/* "-l ADDR" is an option of its own, "-lNAME" is ld's. */
static void set_l(struct options *o, const char *argument, const char *value)
{
    if (value == argument + 2) {
        add_link(o, argument);
        set_flag(o, ELFIE_USER_CODE, true);
    } else {
        o->layout.header_limit = address_option("--ld-break-addr", value);
    }
}

/* --- options -------------------------------------------------------------------------------- */

static void set_input(const char *suffix, const char *option, const char *file)
{
    if (!*file)
        fail_usage("%s is empty", option);
    input_name(suffix, file);
}

static bool set_file_option(struct options *o, int option, unsigned *num_states)
{
    switch (option) {
    case 'd':
        set_input("global.log", "--arch-desc", optarg);
        return true;
    case 's':
        set_input(xasprintf("%u.reg", (*num_states)++), "--arch-state", optarg);
        return true;
    case 'm':
        set_input("text", "--mem", optarg);
        return true;
    case 'r':
        set_input("address", "--mem-layout", optarg);
        return true;
    case 'x':
        o->executable = file_option("-x", optarg);
        return true;
    case 'o':
        o->object = file_option("-o", optarg);
        return true;
    case 'S':
        o->assembler = file_option("-S", optarg);
        return true;
    case 'T':
        o->script = file_option("--ld-script", optarg);
        return true;
    case OPT_OUTDIR:
        if (!*optarg)
            fail_usage("--outdir is empty");
        o->outdir = optarg;
        return true;
    case OPT_DATADIR:
        o->datadir = optarg;
        return true;
    default:
        return false;
    }
}

static bool set_layout_option(struct options *o, int option)
{
    enum { NAME_MAX_LENGTH = 64 };
    struct layout_options *l = &o->layout;
    switch (option) {
    case 'u':
        o->user_space_top =
            !strcmp(optarg, "unlimited") ? UINT64_MAX : address_option("--usr-space-top", optarg);
        return true;
    case 'C':
        l->text_flags = flags_option("--text-seg-flags", optarg);
        return true;
    case 'D':
        l->data_flags = flags_option("--data-seg-flags", optarg);
        return true;
    case OPT_TEXT_SEG_NAME:
        l->text_section = symbol_option("--text-seg-name", optarg, NAME_MAX_LENGTH);
        return true;
    case OPT_DATA_SEG_NAME:
        l->data_section = symbol_option("--data-seg-name", optarg, NAME_MAX_LENGTH);
        return true;
    case OPT_STACK_REMAP:
    case OPT_NO_STACK_REMAP:
        l->keep_stack = option == OPT_NO_STACK_REMAP;
        return true;
    case OPT_LAYOUT:
        set_layout(o, optarg);
        return true;
    case OPT_MAX_HEADERS:
        l->max_headers = (unsigned)number_option("--max-headers", optarg, MIN_HEADERS, MAX_HEADERS);
        return true;
    case OPT_STACK_SIZE:
        l->callback_stack_size =
            (number_option("--cbk-stack-size", optarg, 4 * PAGE_SIZE, 1 << 30) + PAGE_SIZE - 1) /
            PAGE_SIZE * PAGE_SIZE;
        return true;
    default:
        return false;
    }
}

static bool set_runtime_option(struct options *o, int option)
{
    enum { NAME_MAX_LENGTH = 1000 };
    struct config_options *c = &o->config;
    switch (option) {
    case 'p':
        c->on_start = symbol_option("--process-cbk", optarg, NAME_MAX_LENGTH);
        return true;
    case 't':
        c->on_thread_start = symbol_option("--thread-cbk", optarg, NAME_MAX_LENGTH);
        return true;
    case 'e':
        c->on_exit = symbol_option("--process-exit-cbk", optarg, NAME_MAX_LENGTH);
        c->may_lack_exit = false;
        return true;
    case OPT_KIND:
        set_kind(o, optarg);
        return true;
    case OPT_STARTUP:
    case OPT_NO_STARTUP:
        o->layout.no_startup = option == OPT_NO_STARTUP;
        return true;
    case OPT_MODIFY_LDT:
    case OPT_NO_MODIFY_LDT:
        set_flag(o, ELFIE_MODIFY_LDT, option == OPT_MODIFY_LDT);
        return true;
    case OPT_FUTEXES:
    case OPT_NO_FUTEXES:
        set_flag(o, ELFIE_NO_FUTEXES, option == OPT_NO_FUTEXES);
        return true;
    case OPT_MONITOR_THREAD:
    case OPT_NO_MONITOR_THREAD:
        set_flag(o, ELFIE_MONITOR, option == OPT_MONITOR_THREAD);
        o->no_monitor = option == OPT_NO_MONITOR_THREAD;
        return true;
    case OPT_ROI_START:
        set_marker(&o->start.roi_start, "--roi-start", optarg,
                   1 << SNIPER | 1 << SSC | 1 << SIMICS);
        return true;
    case OPT_MAGIC2:
        set_marker(&o->start.magic2, "--magic2", optarg, 1 << SIMICS);
        return true;
    case OPT_PERF_PREFIX:
        if (!*optarg)
            fail_usage("--perf-prefix is empty");
        c->perf_prefix = optarg;
        return true;
    case OPT_MESSAGE:
        c->message = optarg;
        return true;
    case OPT_WARMUP:
        set_flag(o, ELFIE_WARMUP, true);
        return true;
    case OPT_USER_CODE:
        set_flag(o, ELFIE_USER_CODE, true);
        return true;
    default:
        return false;
    }
}

static bool set_other_option(struct options *o, int option)
{
    switch (option) {
    case 'i':
        o->thread_min_icount = number_option("--thread-min-icount", optarg, 0, UINT64_MAX);
        return true;
    case OPT_EMIT_ONLY:
        o->emit_only = true;
        return true;
    case OPT_REGENERATE:
        o->regenerate = true;
        return true;
    case OPT_SCAN:
        o->scan = true;
        return true;
    case OPT_REPLAY:
        o->replay = true;
        return true;
    case OPT_PRINT_DATADIR:
        o->print_datadir = true;
        return true;
    case OPT_PRINT_LDFLAGS:
        build_print_ldflags();
        exit(0);
    case 'V':
        o->verbose = true;
        return true;
    case 'h':
        print_and_exit(usage);
    case OPT_VERSION:
        print_and_exit("pinball2elf " ELFIE_VERSION "\n");
    default:
        return false;
    }
}

/* --- all of them ---------------------------------------------------------------------------- */

/* What follows from the kind, unless the user has said something else. */
static void apply_kind(struct options *o)
{
    bool sim = !strcmp(o->kind, "sim"), perf = !strcmp(o->kind, "perf");
    if (sim && !o->start.roi_start.count) {
        markers_add(&o->start.roi_start, "ssc:0x111", 0);
        markers_add(&o->start.roi_start, "simics:1", 0);
    }
    if (sim && !o->start.magic2.count)
        markers_add(&o->start.magic2, "simics:2", 0);
    if (perf || !o->config.may_lack_exit)
        set_flag(o, ELFIE_MONITOR, true);
    if (o->no_monitor && o->config.flags & ELFIE_MONITOR)
        fail_usage("--no-monitor-thread: perf ELFies and --process-exit-cbk need the monitor");
    if (o->no_monitor)
        o->config.on_exit = NULL;
    set_flag(o, ELFIE_MARKERS, o->start.roi_start.count != 0);
}

static void check(struct options *o, const char *global_log)
{
    if (o->print_datadir)
        return;
    if (!o->pinball && global_log)
        o->pinball = pinball_name(global_log);
    if (!o->pinball)
        fail_usage("no pinball is named");
    if (o->replay && o->thread_min_icount)
        fail_usage(
            "--replay needs all threads: it cannot be had together with --thread-min-icount");
    if (o->emit_only && (o->executable || o->object))
        fail_usage("--emit-only makes neither an executable (-x) nor an object (-o)");
    if (o->layout.no_startup && (o->start.roi_start.count || !o->config.may_lack_exit))
        fail_usage("--no-startup leaves out what executes markers and callbacks");
    apply_kind(o);
}

struct options options_read(int argc, char **argv)
{
    struct options o = {
        .kind = "basic",
        .layout = {.max_headers = DEFAULT_HEADERS,
                   .callback_stack_size = 25 * PAGE_SIZE,
                   .header_limit = UINT64_MAX,
                   .text_flags = SEGMENT_RWX,
                   .data_flags = SEGMENT_RWX,
                   .text_section = ".page",
                   .data_section = ".page"},
        .config = {.on_start = "elfie_on_start",
                   .on_thread_start = "elfie_on_thread_start",
                   .on_exit = "elfie_on_exit",
                   .may_lack_exit = true},
        .user_space_top = UINT64_MAX,
    };
    unsigned num_states = 0;
    const char *global_log = NULL;
    for (int option; (option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1;) {
        if (option == 'd')
            global_log = optarg;
        if (option == 1)
            set_argument(&o, optarg);
        else if (option == 'l')
            set_l(&o, argv[optind - 1], optarg);
        else if (option == 'L')
            add_link(&o, xasprintf("-L%s", optarg));
        else if (option == 'W')
            add_linker_options(&o, optarg);
        else if (!set_file_option(&o, option, &num_states) && !set_layout_option(&o, option) &&
                 !set_runtime_option(&o, option) && !set_other_option(&o, option))
            fail_usage("wrong usage");
    }
    while (optind < argc)
        set_argument(&o, argv[optind++]);
    check(&o, global_log);
    return o;
}

bool options_want_executable(const struct options *o)
{
    return o->executable || (!o->object && !o->assembler);
}
