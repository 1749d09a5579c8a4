/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments and environment, as far as the runtime needs them, copied out of the kernel's stack. */
#include "elfie.h"

enum { ARGS_MAX = 1024 };

struct elfie_process elfie_process;
static char args[ARGS_MAX];

static const char *value_of(const char *entry, const char *name)
{
    while (*name && *entry == *name) {
        entry++;
        name++;
    }
    return *name == '\0' && *entry == '=' ? entry + 1 : NULL;
}

/* Keeps the arguments, so that `ps` shows them after the kernel's stack has gone. */
static void copy_args(const uint64_t *argv, uint64_t argc)
{
    size_t size = 0;
    for (uint64_t i = 0; i < argc; i++) {
        const char *arg = (const char *)argv[i];
        do {
            if (size == ARGS_MAX - 1)
                goto full;
            args[size++] = *arg;
        } while (*arg++);
    }
full:
    args[size] = '\0';
    elfie_process.args = args;
    elfie_process.args_size = size;
}

void elfie_read_environ(const uint64_t *block)
{
    uint64_t argc = block[0];
    const uint64_t *argv = block + 1;
    copy_args(argv, argc);
    for (const uint64_t *envp = argv + argc + 1; *envp; envp++) {
        const char *value = value_of((const char *)*envp, "ELFIE_VERBOSE");
        if (value)
            elfie_process.verbose = *value && !(value[0] == '0' && value[1] == '\0');
    }
}
