/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes argv, gives struct options. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "message.h"
#include "version.h"

static const char help[] =
    "Usage: elfie-record [OPTION...] --start=WHERE [--] PROGRAM [ARGUMENT...]\n"
    "       elfie-record [OPTION...] --regions=FILE [--] PROGRAM [ARGUMENT...]\n"
    "       elfie-record --replay-check=BASE\n"
    "Runs PROGRAM up to WHERE and writes a pinball of that instant: memory, registers of all\n"
    "threads, modules and symbols. PROGRAM is then ended.\n"
    "\n"
    "      --start=WHERE          same as --control=start:WHERE; WHERE is\n"
    "          symbol:NAME[:countN]   where function NAME is entered\n"
    "          address:0xPC[:countN]  the instruction at this address\n"
    "          ssc:TAG[:countN]       the SSC mark with this hexadecimal tag\n"
    "                                 (each the N-th time by any thread, default 1)\n"
    "          icount:N[:global]      after N instructions of the initial thread (global: of all)\n"
    "      --control=stop:WHERE   run the region, too, up to WHERE, and write its logs; icount\n"
    "                             counts from the program's start, countN from the region's\n"
    "      --control=LIST         LIST is start:WHERE,stop:WHERE\n"
    "      --stepped              step to the start, threads in turns: slow, but a program that\n"
    "                             depends on nothing else comes there in the same state each time\n"
    "      --length=N[:global]    run the region, too, and write its logs: N instructions of the\n"
    "                             thread that reached the start (global: of all threads)\n"
    "      --length=end           ... up to the end of the program\n"
    "      --warmup=N             the first N instructions of the region are warm-up; --length\n"
    "                             does not count them\n"
    "      --regions=FILE         several regions in one run: SimPoint's .simpoints (--length=N\n"
    "                             is the size of a slice) or a PinPoints .csv\n"
    "      --watch-addr=0xPC      count how often this instruction runs (may be repeated)\n"
    "      --verify               compare memory around each system call with what is logged\n"
    "      --quantum=N            instructions that a thread runs before the next one has its "
    "turn\n"
    "                             (default 1000)\n"
    "      --replay-check=BASE    run pinball BASE forward with what its logs hold, and compare\n"
    "                             instruction counts and last registers; nothing is recorded\n"
    "  -o, --output=BASE          name of the pinball: BASE.text etc. (default pinball/log_0)\n"
    "      --log-format=VERSION   2.6 (plain) or 2.11 (delta-encoded, default)\n"
    "      --compress=HOW         none, bzip2 (default) or gzip\n"
    "      --baseline             have the C library use no more than x86-64-v1: the ELFie then\n"
    "                             runs on any processor, in valgrind and in simulators, unless\n"
    "                             the program itself uses more\n"
    "      --aslr                 leave address-space randomisation on: no two pinballs are then\n"
    "                             the same\n"
    "  -v, --verbose              say what is done\n"
    "  -h, --help                 print this\n"
    "  -V, --version              print the version\n"
    "\n"
    "Exit status: 0 a pinball was written, 1 not, 2 wrong usage.\n";

static _Noreturn void fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void fail_usage(const char *format, ...)
{
    va_list arguments;
    fputs("elfie-record: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("; try --help\n", stderr);
    exit(2);
}

/* Standard output can be full, too. */
static _Noreturn void print_and_exit(const char *text)
{
    fputs(text, stdout);
    if (fflush(stdout) != 0) {
        fputs("elfie-record: cannot write to standard output\n", stderr);
        exit(EXIT_FAILURE);
    }
    exit(EXIT_SUCCESS);
}

/* The position of VALUE in LIST. */
static unsigned choose(const char *option, const char *value, const char *const list[])
{
    for (unsigned i = 0; list[i]; i++)
        if (strcmp(value, list[i]) == 0)
            return i;
    fail_usage("--%s: unknown value '%s'", option, value);
}

/* A number of instructions, up to the end of TEXT. */
static uint64_t parse_count(const char *option, const char *text)
{
    char *end;
    errno = 0;
    uint64_t count = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || count == 0 || count == UINT64_MAX)
        fail_usage("--%s: '%s' is not a number of instructions", option, text);
    return count;
}

static struct region_end parse_length(const char *text)
{
    if (strcmp(text, "end") == 0)
        return (struct region_end){.length = REGION_TO_END};
    struct region_end end = {0};
    char *number = memory_format("%s", text);
    char *colon = strchr(number, ':');
    if (colon && strcmp(colon, ":global") != 0)
        fail_usage("--length: '%s' is not N, N:global or end", text);
    end.global = colon != NULL;
    if (colon)
        *colon = '\0';
    end.length = parse_count("length", number);
    free(number);
    return end;
}

static void parse_point(const char *option, const char *text, struct start_point *point)
{
    if (point->text)
        fail_usage("--%s: a second one: '%s'", option, text);
    if (!start_point_parse(text, point))
        fail_usage("--%s: '%s' is not symbol:NAME[:countN], address:0xPC[:countN], "
                   "ssc:TAG[:countN] or icount:N",
                   option, text);
}

/* start:WHERE and stop:WHERE, separated by commas. */
static void parse_control(const char *text, struct options *options)
{
    char *list = memory_format("%s", text); /* the points keep pointers into it */
    for (char *item = strtok(list, ","); item; item = strtok(NULL, ",")) {
        if (strncmp(item, "start:", 6) == 0)
            parse_point("control", item + 6, &options->start);
        else if (strncmp(item, "stop:", 5) == 0)
            parse_point("control", item + 5, &options->stop);
        else
            fail_usage("--control: '%s' is neither start:WHERE nor stop:WHERE", item);
    }
    options->region.with_events = true;
}

static void watch(const char *text, struct region_options *region)
{
    char *end;
    errno = 0;
    uint64_t address = strtoull(text, &end, 16);
    if (strncmp(text, "0x", 2) != 0 || *end || errno || address == 0)
        fail_usage("--watch-addr: '%s' is not an address 0xPC", text);
    region->watched =
        memory_resize(region->watched, region->num_watched + 1, sizeof *region->watched);
    region->watched[region->num_watched++] = address;
    region->with_events = true;
}

/* What belongs together, and what does not. */
static void check(const struct options *options)
{
    const struct region_end *end = &options->region.end;
    if (options->regions && (options->start.text || options->stop.text))
        fail_usage("--regions says where the regions are: no start or stop beside it");
    if (!options->regions && !options->start.text)
        fail_usage("no --start, which says where the region starts");
    if (options->stop.text && options->stop.kind == START_ICOUNT &&
        (options->start.kind != START_ICOUNT || options->start.global != options->stop.global))
        fail_usage("stop:icount counts from the program's start, as start:icount does, and needs "
                   "one; --length=N counts from the region's start");
    bool runs = end->length || options->stop.text || options->regions;
    if (!runs && (options->region.num_watched || options->region.warmup || options->region.verify))
        fail_usage("--warmup, --watch-addr and --verify need the region's end: --length or "
                   "--control=stop:");
}

static const char *regions_path;

enum {
    START = 256,
    LENGTH,
    CONTROL,
    WARMUP,
    REGIONS,
    WATCH,
    VERIFY,
    REPLAY_CHECK,
    QUANTUM,
    LOG_FORMAT,
    COMPRESS,
    BASELINE,
    ASLR,
    STEPPED
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"start", required_argument, NULL, START},
    {"length", required_argument, NULL, LENGTH},
    {"control", required_argument, NULL, CONTROL},
    {"warmup", required_argument, NULL, WARMUP},
    {"regions", required_argument, NULL, REGIONS},
    {"watch-addr", required_argument, NULL, WATCH},
    {"verify", no_argument, NULL, VERIFY},
    {"replay-check", required_argument, NULL, REPLAY_CHECK},
    {"quantum", required_argument, NULL, QUANTUM},
    {"stepped", no_argument, NULL, STEPPED},
    {"aslr", no_argument, NULL, ASLR},
    {"log-format", required_argument, NULL, LOG_FORMAT},
    {"compress", required_argument, NULL, COMPRESS},
    {"baseline", no_argument, NULL, BASELINE},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void take(int option, struct options *options)
{
    /* In the order of the enums. */
    static const char *const formats[] = {"2.6", "2.11", NULL};
    static const char *const compressions[] = {"none", "bzip2", "gzip", NULL};
    switch (option) {
    case 'o':
        options->base = optarg;
        break;
    case START:
        parse_point("start", optarg, &options->start);
        break;
    case LENGTH:
        options->region.end = parse_length(optarg);
        break;
    case CONTROL:
        parse_control(optarg, options);
        break;
    case WARMUP:
        options->region.warmup = parse_count("warmup", optarg);
        break;
    case REGIONS:
        regions_path = optarg;
        break;
    case WATCH:
        watch(optarg, &options->region);
        break;
    case VERIFY:
        options->region.verify = true;
        break;
    case REPLAY_CHECK:
        options->replay_base = optarg;
        break;
    case QUANTUM:
        options->region.quantum = parse_count("quantum", optarg);
        break;
    case STEPPED:
        options->stepped = true;
        break;
    case ASLR:
        options->aslr = true;
        break;
    case LOG_FORMAT:
        options->format = choose("log-format", optarg, formats);
        break;
    case COMPRESS:
        options->compression = choose("compress", optarg, compressions);
        break;
    case BASELINE:
        options->baseline = true;
        break;
    case 'v':
        message_verbose = true;
        break;
    case 'h':
        print_and_exit(help);
    case 'V':
        print_and_exit("elfie-record " ELFIE_VERSION "\n");
    default: /* getopt has said what is wrong */
        fputs("elfie-record: try --help\n", stderr);
        exit(2);
    }
}

void options_parse(int argc, char **argv, struct options *options)
{
    *options = (struct options){
        .base = "pinball/log_0",
        .format = LOG_FORMAT_2_11,
        .compression = COMPRESS_BZIP2,
        .region = {.quantum = 1000},
    };
    /* "+": options behind PROGRAM are PROGRAM's. */
    for (int option; (option = getopt_long(argc, argv, "+o:vhV", long_options, NULL)) != -1;)
        take(option, options);
    if (options->replay_base) {
        if (optind != argc || options->start.text)
            fail_usage("--replay-check takes no program and no start");
        return;
    }
    if (optind == argc)
        fail_usage("no PROGRAM to record");
    if (*options->base == '\0')
        fail_usage("--output: empty name");
    if (regions_path)
        options->regions = regions_file_read(
            regions_path,
            options->region.end.length == REGION_TO_END ? 0 : options->region.end.length,
            options->region.warmup);
    check(options);
    if (options->region.end.length && options->region.end.length != REGION_TO_END)
        options->region.end.length += options->region.warmup;
    options->region.with_events |= options->region.warmup > 0;
    options->region.format = options->format;
    options->region.compression = options->compression;
    options->command = argv + optind;
}
