/* SPDX-License-Identifier: BSD-3-Clause */
/* elfie-host: the command line, messages, and the table at the end. */
#include "host.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: elfie-host [-cv] HOST-FILE ELFIE [ARG]...\n"
    "Runs ELFIE as a simulator would that has only some system calls and instructions.\n"
    "HOST-FILE says which; gem5.host is one, and explains itself.\n"
    "\n"
    "  -c, --check    say whether the region runs there, and end with 0 or 1 accordingly\n"
    "  -v, --verbose  say which system calls are missing, and count them all\n"
    "  -h, --help     print this help and exit\n"
    "\n"
    "Exit status: that of ELFIE, 128 + N if signal N ended it, 3 if the simulator would have\n"
    "stopped or lacks an instruction of the startup, 125 for trouble, 2 for wrong usage.\n";

static void print(const char *format, va_list args)
{
    char text[1024]; /* in one piece, because the program writes as well */
    vsnprintf(text, sizeof text, format, args);
    fprintf(stderr, "elfie-host: %s\n", text);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(format, args);
    va_end(args);
}

void trouble(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(format, args);
    va_end(args);
    exit(STATUS_TROUBLE);
}

void *grow(void *old, size_t count, size_t size)
{
    void *new = reallocarray(old, count, size);
    if (!new)
        trouble("out of memory");
    return new;
}

char *duplicate(const char *s)
{
    return memcpy(grow(NULL, strlen(s) + 1, 1), s, strlen(s) + 1);
}

static void print_counts(const struct run *run)
{
    static const char *const places[] = {"startup", "region"};
    static const char *const answers[NUM_ANSWERS] = {
        [EXECUTED] = "executed",    [IGNORED] = "ignored",    [ENOSYS_GIVEN] = "ENOSYS",
        [ENOENT_GIVEN] = "no file", [STOPPED] = "host stops",
    };
    fprintf(stderr, "%-8s %-24s %9s  %s\n", "where", "system call", "count", "answer");
    for (int place = 0; place < 2; place++)
        for (uint64_t number = 0; number <= NUM_CALLS; number++)
            for (int answer = 0; answer < NUM_ANSWERS; answer++) {
                uint64_t count = run->counts[place][number][answer];
                const char *name = call_name(number);
                char buffer[24];
                snprintf(buffer, sizeof buffer, number < NUM_CALLS ? "%" PRIu64 : "others", number);
                if (count)
                    fprintf(stderr, "%-8s %-24s %9" PRIu64 "  %s\n", places[place],
                            name ? name : buffer, count, answers[answer]);
            }
    for (size_t t = 0; t < run->num_threads; t++)
        if (run->threads[t].steps)
            fprintf(stderr, "thread %zu: %" PRIu64 " instructions of the startup\n", t,
                    run->threads[t].steps);
}

/* The region runs if all threads came to it, and to nothing that the host has not. */
static int verdict(const struct run *run, const char *elfie, int status)
{
    bool good =
        !run->violated && run->symbols->num_jumps && run->entered >= run->symbols->num_jumps;
    if (good)
        printf("%s runs on %s, and ends with status %d\n", elfie, run->policy->name, status);
    else
        printf("%s does not run on %s: %zu of %zu threads came to the region\n", elfie,
               run->policy->name, run->entered, run->symbols->num_jumps);
    return good ? 0 : 1;
}

static int run_program(const char *host_file, char **argv, bool check, bool verbose)
{
    static struct policy policy;
    static struct symbols symbols;
    static struct listing listing;
    static struct run run;
    policy_read(&policy, host_file);
    symbols_read(&symbols, argv[0]);
    if (!symbols.num_jumps)
        say("%s: no symbol tN.jump tells where the startup ends; everything counts as region%s",
            argv[0], policy.startup_only ? ", which this host does not restrict" : "");
    listing_read(&listing, argv[0], &symbols, &policy);
    run = (struct run){
        .policy = &policy, .symbols = &symbols, .listing = &listing, .verbose = verbose};
    pid_t pid = tracee_start(argv);
    if (policy.stack_top)
        tracee_check_stack(pid, policy.stack_top);
    if (policy.no_vdso)
        tracee_remove_vdso(pid);
    int status = trace(&run, pid);
    if (verbose)
        print_counts(&run);
    return check ? verdict(&run, argv[0], status) : status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"check", no_argument, NULL, 'c'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool check = false, verbose = false;
    int option;
    while ((option = getopt_long(argc, argv, "+cvh", options, NULL)) != -1)
        if (option == 'c')
            check = true;
        else if (option == 'v')
            verbose = true;
        else if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        } else {
            fputs(usage, stderr);
            return STATUS_USAGE;
        }
    if (argc - optind < 2) {
        fputs(usage, stderr);
        return STATUS_USAGE;
    }
    return run_program(argv[optind], argv + optind + 1, check, verbose);
}
