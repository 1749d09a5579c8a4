/* SPDX-License-Identifier: BSD-3-Clause */
/* The checkpoint: what a pinball says, in one data structure. Readers fill it (one module per
 * file of the pinball), place.c decides where things go, emitters print it.
 * Addresses are bytes, page counts are pages of PAGE_SIZE bytes, ends are exclusive. */
#ifndef GEN_CHECKPOINT_H
#define GEN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PAGE_SIZE UINT64_C(4096)
#define USER_SPACE_END UINT64_C(0x7ffffffff000) /* 47 bits less a page: Linux, 4-level tables */
#define VSYSCALL_PAGE UINT64_C(0xffffffffff600000)

enum { MAX_THREADS = 1024 };

/* General registers in the order in which start.S loads them: rsp behind all the others. */
enum gpr {
    R15,
    R14,
    R13,
    R12,
    R11,
    R10,
    R9,
    R8,
    RDI,
    RSI,
    RBP,
    RBX,
    RDX,
    RCX,
    RAX,
    RSP,
    RIP,
    RFLAGS,
    FS_BASE,
    GS_BASE,
    NUM_GPRS
};
extern const char *const gpr_names[NUM_GPRS]; /* lower case, with '_' */

enum { TILECFG_SIZE = 64, TMM_SIZE = 1024, NUM_TMM = 8 };

/* A place in the run of a thread, as far as it is known: so many instructions from the start of
 * the region, or the COUNT-th time from there that the instruction at PC runs. */
struct mark {
    bool has_icount;
    uint64_t icount;
    bool has_pc;
    uint64_t pc, count;
};

/* State of one thread at the start of the region. Vector values are little-endian bytes. */
struct thread {
    uint32_t number; /* in the pinball */
    uint64_t gpr[NUM_GPRS];
    uint16_t fcw, fsw, fop;
    uint8_t ftw;       /* abridged, as in the FXSAVE image: a bit per register in use */
    uint64_t fip, fdp; /* 48 bits each: offset and what FXSAVE's 32-bit form calls selector */
    uint8_t st[8][16]; /* 10 bytes used */
    uint32_t mxcsr;
    uint8_t vector[32][64]; /* XMM is the first 16 bytes, YMM the first 32 */
    uint64_t k[8];
    uint8_t *amx; /* TILECFG, then TMM0-7; NULL when in initial state */
    bool has_os_tid, has_icount;
    uint64_t os_tid;         /* kernel's thread id when recorded */
    uint64_t icount;         /* instructions that the thread ran in the region */
    struct mark warmup, end; /* where the warm-up ends (nothing known: there is none), and the
                              * simulation */
    bool has_num_calls;
    uint64_t last_pc;   /* of the last instruction in the region; 0 when not known */
    uint64_t num_calls; /* system calls that it made in the region */
};

/* Adjacent pages of one kind that are also adjacent in pages.bin. */
struct run {
    uint64_t address;
    uint64_t pages;
    uint64_t offset; /* of the first byte in pages.bin, or ZERO_PAGES */
    uint64_t order;  /* rising in the order of the pinball's file */
};
#define ZERO_PAGES UINT64_MAX

struct module {
    char *name;
    uint64_t base, end;
};

/* A function or a variable, at its address in the recorded process. */
struct symbol {
    uint64_t address;
    uint64_t size; /* 0 when not known */
    char *name;
    size_t module; /* of checkpoint.modules */
};

struct range {
    uint64_t begin, end;
};

struct register_description {
    char *name;    /* lower case, '-' as '_'; NULL where the number is not used */
    uint32_t size; /* bytes */
};

/* Where the packed logs of a thread are in replay.bin, in bytes. See instrumentation/replay_log.h.
 */
struct replay_thread {
    uint64_t records, records_size;
    uint64_t values, values_size; /* of registers */
    uint64_t writes, writes_size;
    uint64_t orders, orders_size;
    uint64_t stops, stops_size;
    uint64_t num_writes; /* lines of the log */
    uint64_t num_calls;  /* records of system calls */
    uint64_t icount;     /* instructions that the thread ran in the region */
};

struct replay_site;
struct replay_sites {
    struct replay_site *list; /* in ascending order when all logs have been read */
    size_t count, max;
};

struct replay {
    struct replay_thread *threads;    /* num_static_threads of them */
    uint64_t size;                    /* of replay.bin */
    bool scheduled;                   /* there is a schedule: stops have addresses */
    uint64_t digest;                  /* of what a schedule depends on */
    struct replay_sites sites;        /* system call instructions that ran */
    struct replay_sites instructions; /* others that have records; form is enum replay_kind */
};

struct checkpoint {
    const char *base; /* path of the pinball without ".global.log" */
    const char *name; /* last part of base */

    /* global.log */
    unsigned version_minor; /* of the log format, 2.x */
    bool fat;
    uint32_t num_static_threads;
    uint32_t num_threads; /* alive at the start; these are started, if they are not too short */
    char *command_line;   /* or NULL */
    bool pages_early;     /* the image also has pages that the region maps later */
    uint64_t *call_sites; /* system call instructions that ran; only read for replay */
    size_t num_call_sites;
    struct register_description *registers;
    size_t num_registers; /* highest number + 1 */

    uint32_t num_contexts;  /* threads whose initial state is kept: with replay all static ones */
    struct thread *threads; /* num_contexts of them */

    struct replay *replay; /* the logs of all static threads; NULL when they are not asked for */

    struct run *runs; /* in order of address, without overlap, after text_read */
    size_t num_runs;
    uint64_t pages, zero_pages;

    struct range *ranges; /* executed ones only: in order of address, none touching another */
    size_t num_ranges;
    struct module *modules;
    size_t num_modules;
    struct symbol *symbols; /* in order of address */
    size_t num_symbols;

    uint64_t code_needs;           /* found in the code; 0 when it was not looked at */
    uint64_t scanned_instructions; /* how many were looked at; 0: --scan was not given */

    bool has_break;
    uint64_t program_break;
    struct sysstate *sysstate; /* sysstate.h */
};

/* The function or variable that holds ADDRESS, or NULL. */
const struct symbol *symbol_at(const struct checkpoint *c, uint64_t address);

/* Any address from BEGIN up to END was executed in the region. */
bool is_executed(const struct checkpoint *c, uint64_t begin, uint64_t end);

/* Name of bit INDEX of the needs: "AVX2". */
const char *needs_name(int index);

/* Prints the least level of the psABI that has what NEEDS (bits of startup/needs.h) asks for, and
 * behind it what is in no level: "x86-64-v4 AMX_TILE". */
void needs_print(FILE *to, uint64_t needs);

/* Bytes of vector register N that live beyond what FXRSTOR loads: 0, 32 (ymm) or 64 (zmm). */
int thread_vector_bytes(const struct thread *t, int n);

/* What the contexts of the threads that are started need, to be restored. */
uint64_t checkpoint_needs(const struct checkpoint *c);

#endif
