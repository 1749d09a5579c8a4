/* SPDX-License-Identifier: BSD-3-Clause */
/* Has objdump list the startup's code, and marks the instructions that the simulator lacks.
 *
 * A pattern of `lacks` is compared, as the shell compares file names, with each word of the
 * instruction: prefixes, mnemonic, registers ("%ymm0"). So `xrstor*` is an instruction, `%zmm*`
 * a kind of register. */
#include "host.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void exec_objdump(int output, const char *path, const struct symbols *s)
{
    const char *tool = getenv("OBJDUMP");
    char begin[64], end[64];
    snprintf(begin, sizeof begin, "--start-address=0x%" PRIx64, s->text_begin);
    snprintf(end, sizeof end, "--stop-address=0x%" PRIx64, s->text_end);
    if (!tool || !*tool)
        tool = "objdump";
    setenv("LC_ALL", "C", 1);
    if (dup2(output, STDOUT_FILENO) >= 0)
        execlp(tool, tool, "-d", "-w", "--no-show-raw-insn", begin, end, "--", path, (char *)NULL);
    say("%s: %s", tool, strerror(errno));
    _exit(127);
}

static bool is_lacked(const struct policy *p, const char *text)
{
    static const char separators[] = " \t,()*{}";
    while (*(text += strspn(text, separators))) {
        char word[64];
        size_t length = strcspn(text, separators);
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        text += length;
        if (word[0] == '<')
            continue; /* the name of an address */
        for (size_t i = 0; i < p->num_lacks; i++)
            if (!fnmatch(p->lacks[i], word, 0))
                return true;
    }
    return false;
}

/* "  100003:\tlea    0x3ff6(%rip),%rsp        # 104000 <elfie_stacks>" */
static void read_line(struct listing *l, const struct policy *p, char *line)
{
    char *end;
    uint64_t address = strtoull(line, &end, 16);
    if (end == line || *end++ != ':' || *end++ != '\t')
        return;
    char *text = end;
    text[strcspn(text, "#\n")] = '\0';
    for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    if (l->count % 1024 == 0)
        l->instructions = grow(l->instructions, l->count + 1024, sizeof *l->instructions);
    l->instructions[l->count++] =
        (struct instruction){address, is_lacked(p, text) ? duplicate(text) : NULL};
}

void listing_read(struct listing *l, const char *path, const struct symbols *s,
                  const struct policy *p)
{
    *l = (struct listing){.count = 0};
    int ends[2];
    if (!p->num_lacks || !s->num_jumps)
        return;
    if (pipe(ends))
        trouble("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        trouble("fork: %s", strerror(errno));
    if (child == 0)
        exec_objdump(ends[1], path, s);
    close(ends[1]);
    FILE *file = fdopen(ends[0], "re");
    if (!file)
        trouble("objdump: %s", strerror(errno));
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) >= 0)
        read_line(l, p, line);
    free(line);
    fclose(file);
    int status;
    if (waitpid(child, &status, 0) < 0 || status)
        trouble("objdump failed; it is needed for `lacks` (OBJDUMP names another one)");
}

const struct instruction *listing_find(const struct listing *l, uint64_t address)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->instructions[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->count && l->instructions[low].address == address ? &l->instructions[low] : NULL;
}
