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
    "Runs PROGRAM up to WHERE and writes a pinball of that instant: memory, registers of all\n"
    "threads, modules and symbols. PROGRAM is then ended.\n"
    "\n"
    "      --start=symbol:NAME[:countN]   start where function NAME is entered\n"
    "      --start=address:0xPC[:countN]  start at the instruction at this address\n"
    "                             (N-th time by any thread, default 1)\n"
    "      --length=N[:global]    run the region, too, and write its logs: N instructions of the\n"
    "                             thread that reached the start (global: of all threads)\n"
    "      --length=end           ... up to the end of the program\n"
    "      --quantum=N            instructions that a thread runs before the next one has its "
    "turn\n"
    "                             (default 1000)\n"
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

enum { START = 256, LENGTH, QUANTUM, LOG_FORMAT, COMPRESS, BASELINE, ASLR };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"start", required_argument, NULL, START},
    {"length", required_argument, NULL, LENGTH},
    {"quantum", required_argument, NULL, QUANTUM},
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
        if (!start_point_parse(optarg, &options->start))
            fail_usage("--start: '%s' is not symbol:NAME[:countN] or address:0xPC[:countN]",
                       optarg);
        break;
    case LENGTH:
        options->region.end = parse_length(optarg);
        break;
    case QUANTUM:
        options->region.quantum = parse_count("quantum", optarg);
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
    if (!options->start.text)
        fail_usage("no --start, which says where the region starts");
    if (optind == argc)
        fail_usage("no PROGRAM to record");
    if (*options->base == '\0')
        fail_usage("--output: empty name");
    options->region.format = options->format;
    options->region.compression = options->compression;
    options->command = argv + optind;
}
