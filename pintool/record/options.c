/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes argv, gives struct options. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "version.h"

static const char help[] =
    "Usage: elfie-record [OPTION...] --start=WHERE [--] PROGRAM [ARGUMENT...]\n"
    "       elfie-record [OPTION...] --pid=N\n"
    "       elfie-record [OPTION...] --core=FILE\n"
    "Runs PROGRAM up to WHERE and writes a pinball of that instant: memory, registers of all\n"
    "threads, modules and symbols. PROGRAM is then ended.\n"
    "\n"
    "      --start=symbol:NAME[:countN]   start where function NAME is entered\n"
    "      --start=address:0xPC[:countN]  start at the instruction at this address\n"
    "                             (N-th time by any thread, default 1)\n"
    "  -o, --output=BASE          name of the pinball: BASE.text etc. (default pinball/log_0)\n"
    "      --pid=N                take the running process N, which then goes on\n"
    "      --core=FILE            take a core dump (the kernel's or gcore's) and the executable\n"
    "                             and libraries that it names\n"
    "      --sysroot=DIR          look for these below DIR\n"
    "      --log-format=VERSION   2.6 (plain) or 2.11 (delta-encoded, default)\n"
    "      --compress=HOW         none, bzip2 (default) or gzip\n"
    "      --baseline             have the C library use no more than x86-64-v1: the ELFie then\n"
    "                             runs on any processor, in valgrind and in simulators, unless\n"
    "                             the program itself uses more\n"
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

enum { START = 256, LOG_FORMAT, COMPRESS, BASELINE, PID, CORE, SYSROOT };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"start", required_argument, NULL, START},
    {"log-format", required_argument, NULL, LOG_FORMAT},
    {"compress", required_argument, NULL, COMPRESS},
    {"baseline", no_argument, NULL, BASELINE},
    {"pid", required_argument, NULL, PID},
    {"core", required_argument, NULL, CORE},
    {"sysroot", required_argument, NULL, SYSROOT},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static pid_t take_pid(const char *text)
{
    char *end;
    errno = 0;
    long pid = strtol(text, &end, 10);
    if (errno || *end != '\0' || end == text || pid <= 0 || pid > INT_MAX)
        fail_usage("--pid: '%s' is not the id of a process", text);
    return (pid_t)pid;
}

/* What does not go with --pid and --core. */
static void check_capture(const struct options *options, int rest)
{
    const char *what = options->pid ? "--pid" : "--core";
    if (options->pid && options->core)
        fail_usage("--pid and --core: one of them");
    if (options->start.text || options->baseline)
        fail_usage("%s: --start and --baseline are for a program that is started", what);
    if (rest > 0)
        fail_usage("%s: and no PROGRAM", what);
}

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
    case LOG_FORMAT:
        options->format = choose("log-format", optarg, formats);
        break;
    case COMPRESS:
        options->compression = choose("compress", optarg, compressions);
        break;
    case PID:
        options->pid = take_pid(optarg);
        break;
    case CORE:
        options->core = optarg;
        break;
    case SYSROOT:
        options->sysroot = optarg;
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
        .sysroot = "",
    };
    /* "+": options behind PROGRAM are PROGRAM's. */
    for (int option; (option = getopt_long(argc, argv, "+o:vhV", long_options, NULL)) != -1;)
        take(option, options);
    if (*options->base == '\0')
        fail_usage("--output: empty name");
    if (options->pid || options->core) {
        check_capture(options, argc - optind);
        return;
    }
    if (!options->start.text)
        fail_usage("no --start, which says where the region starts");
    if (optind == argc)
        fail_usage("no PROGRAM to record");
    options->command = argv + optind;
}
