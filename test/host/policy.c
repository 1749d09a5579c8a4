/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads a host file: what a simulator has. A directive a line, words between blanks, # begins a
 * comment. gem5.host explains the directives. */
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

struct place {
    struct policy *policy;
    const char *path;
    unsigned line;
    char *rest; /* of the line, for strtok_r */
};

static _Noreturn void fail(const struct place *at, const char *what, const char *found)
{
    fprintf(stderr, "%s:%u: %s: %s\n", at->path, at->line, what, found);
    exit(STATUS_TROUBLE);
}

static char *next_word(struct place *at)
{
    return strtok_r(NULL, blanks, &at->rest);
}

static char *needed_word(struct place *at, const char *directive)
{
    char *word = next_word(at);
    if (!word)
        fail(at, "something has to follow", directive);
    return word;
}

static void read_calls(struct place *at, const char *directive, enum answer answer)
{
    for (char *word = needed_word(at, directive); word; word = next_word(at)) {
        int number = call_number(word);
        if (number < 0)
            fail(at, "not a system call of x86-64 Linux", word);
        if (at->policy->answers[number] != UNLISTED)
            fail(at, "listed twice", word);
        at->policy->answers[number] = answer;
    }
}

static void read_patterns(struct place *at, const char *directive)
{
    struct policy *p = at->policy;
    for (char *word = needed_word(at, directive); word; word = next_word(at)) {
        p->lacks = grow(p->lacks, p->num_lacks + 1, sizeof *p->lacks);
        p->lacks[p->num_lacks++] = duplicate(word);
    }
}

static uint64_t read_address(struct place *at, const char *directive)
{
    const char *word = needed_word(at, directive);
    char *end;
    errno = 0;
    uint64_t value = strtoull(word, &end, 0);
    if (*word == '-' || *end || errno || value % 4096)
        fail(at, "not the address of a page", word);
    return value;
}

/* One of two words; whether it is the second. */
static bool read_choice(struct place *at, const char *directive, const char *a, const char *b)
{
    const char *word = needed_word(at, directive);
    if (strcmp(word, a) && strcmp(word, b))
        fail(at, "not known here", word);
    return !strcmp(word, b);
}

static const struct {
    const char *directive;
    enum answer answer;
} lists[] = {{"allow", EXECUTED}, {"ignore", IGNORED}, {"enosys", ENOSYS_GIVEN}, {"stop", STOPPED}};

static void read_directive(struct place *at, const char *word)
{
    struct policy *p = at->policy;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!strcmp(word, lists[i].directive)) {
            read_calls(at, word, lists[i].answer);
            return;
        }
    if (!strcmp(word, "otherwise"))
        p->otherwise = read_choice(at, word, "enosys", "stop") ? STOPPED : ENOSYS_GIVEN;
    else if (!strcmp(word, "scope"))
        p->startup_only = !read_choice(at, word, "startup", "all");
    else if (!strcmp(word, "no-proc"))
        p->no_proc = true;
    else if (!strcmp(word, "no-vdso"))
        p->no_vdso = true;
    else if (!strcmp(word, "stack-top"))
        p->stack_top = read_address(at, word);
    else if (!strcmp(word, "mmap-top"))
        p->mmap_top = read_address(at, word);
    else if (!strcmp(word, "lacks"))
        read_patterns(at, word);
    else
        fail(at, "not a directive", word);
}

/* "test/host/gem5.host" → "gem5" */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = duplicate(slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
    return name;
}

void policy_read(struct policy *p, const char *path)
{
    *p = (struct policy){.name = name_of(path), .otherwise = ENOSYS_GIVEN};
    struct place at = {.policy = p, .path = path, .line = 0};
    FILE *file = fopen(path, "re");
    if (!file)
        trouble("%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) >= 0) {
        at.line++;
        line[strcspn(line, "#")] = '\0';
        const char *word = strtok_r(line, blanks, &at.rest);
        if (!word)
            continue;
        read_directive(&at, word);
        const char *extra = next_word(&at);
        if (extra)
            fail(&at, "too much in this line", extra);
    }
    if (ferror(file))
        trouble("%s: %s", path, strerror(errno));
    free(line);
    fclose(file);
}

enum answer policy_answer(const struct policy *p, uint64_t number)
{
    enum answer answer = number < NUM_CALLS ? p->answers[number] : UNLISTED;
    return answer == UNLISTED ? p->otherwise : answer;
}
