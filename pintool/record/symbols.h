/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's modules (executable and libraries) and their symbols, at run-time addresses, read
 * with libdw from the files that are mapped. Nothing is looked up on the network. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct symbol {
    const char *name; /* foreign: any bytes; lives as long as the modules */
    uint64_t address;
    uint64_t size;
    unsigned char type; /* STT_* */
    bool global;        /* global or weak, not local */
    bool executable;    /* in a section that holds code */
    void *elf;          /* the file it is from (Elf) */
};

struct module {
    char *path;
    uint64_t base; /* lowest address */
    uint64_t size; /* bytes, from base to the end of the last segment */
    bool is_loader;
    void *handle; /* Dwfl_Module */
};

struct modules {
    struct module *list; /* main executable first, dynamic linker last, else by address */
    size_t count;
    void *handle; /* Dwfl */
};

/* The modules of process PID, which is stopped. */
struct modules modules_read(pid_t pid);

/* For other sources of modules: a Dwfl to report them to, and what becomes of it. MAIN is the path
 * of the main executable; a module counts if it is mapped executable under its own name. */
struct maps;
void *modules_begin(void);
struct modules modules_collect(void *handle, const struct maps *maps, const char *main);

void modules_free(struct modules *modules);

/* Calls VISIT for each defined symbol of the module, but not for TLS, sections and files. Stops
 * when it gives false. */
void module_symbols(const struct module *module, bool (*visit)(const struct symbol *, void *),
                    void *context);

/* Looks up a function's NAME (without a version): in the main executable first, then in the
 * libraries. False if there is none. */
bool modules_find(const struct modules *modules, const char *name, struct symbol *symbol,
                  const struct module **module);

/* True if the file is a 64-bit x86 ELF file, or cannot be read. */
bool module_is_x86_64(const char *path);

#endif
