/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a pinball, gives whether its logs are right and complete: its memory and its threads'
 * registers are put into an empty process, which is stepped. System calls are not made: registers
 * are set from .reg and memory from .sel, in the order of .race. One process plays all threads.
 * Memory that a call has the kernel map is mapped where nothing is; nothing is ever unmapped. */
#include "replay_check.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "final_registers.h"
#include "input.h"
#include "instruction.h"
#include "maps.h"
#include "memory.h"
#include "message.h"
#include "progress.h"
#include "puppet.h"
#include "replay_log.h"
#include "replay_state.h"

#define EFLAGS_TF UINT64_C(0x100)

struct player {
    unsigned number;
    struct replay_log *log;
    struct replay_state state;
    uint64_t icount, length; /* so far; in the region */
    uint64_t last_pc, recorded_last_pc;
    uint64_t os_tid;
    bool alive; /* at the start, or made since */
    size_t num_last;
    struct {
        char name[16];
        uint64_t value;
    } last[32];
};

struct check {
    const char *base;
    struct puppet puppet;
    struct register_names names;
    struct player *players;
    unsigned num_players, num_alive_first;
    uint64_t total;
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct input *require(const char *base, const char *suffix)
{
    struct input *input = input_open(base, suffix);
    if (!input)
        fail("%s.%s: there is none: not a pinball, or one without logs", base, suffix);
    return input;
}

static void read_names(struct check *check, struct input *input, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++) {
        char *line = input_line(input), name[16];
        unsigned long number;
        if (!line || sscanf(line, "%15s %lu", name, &number) != 2 || number > 4096)
            fail("%s.global.log: the register table is cut short", check->base);
        if (number >= check->names.count) {
            check->names.names =
                memory_resize(check->names.names, number + 1, sizeof *check->names.names);
            memset(check->names.names + check->names.count, 0,
                   (number + 1 - check->names.count) * sizeof *check->names.names);
            check->names.count = number + 1;
        }
        memcpy(check->names.names[number], name, sizeof name);
    }
}

static void read_global_log(struct check *check)
{
    struct input *input = require(check->base, "global.log");
    for (char *line; (line = input_line(input));) {
        unsigned long number;
        if (sscanf(line, "num_static_threads: %lu", &number) == 1)
            check->num_players = (unsigned)(number > REPLAY_MAX_THREADS ? 0 : number);
        if (sscanf(line, "num_dynamic_threads: %lu", &number) == 1)
            check->num_alive_first = (unsigned)(number > REPLAY_MAX_THREADS ? 0 : number);
        if (sscanf(line, "num_reg_descs: %lu", &number) == 1)
            read_names(check, input, number);
    }
    input_close(input);
    if (check->num_players == 0 || check->names.count == 0)
        fail("%s.global.log: no number of threads from 1 to %d, or no register table", check->base,
             REPLAY_MAX_THREADS);
}

static void read_result(struct check *check, struct player *player)
{
    char *suffix = memory_format("%u.result", player->number);
    struct input *input = require(check->base, suffix);
    player->length = UINT64_MAX;
    for (char *line; (line = input_line(input));) {
        uint64_t value;
        char name[16];
        if (sscanf(line, "inscount: %lu", &value) == 1)
            player->length = value;
        if (sscanf(line, "OSTid: %lu", &value) == 1)
            player->os_tid = value;
        if (sscanf(line, "ip_type:last_pc: 0x%lx", &value) == 1)
            player->recorded_last_pc = value;
        if (sscanf(line, "last_register: %15s 0x%lx", name, &value) == 2 && player->num_last < 32) {
            memcpy(player->last[player->num_last].name, name, sizeof name);
            player->last[player->num_last++].value = value;
        }
    }
    if (player->length == UINT64_MAX)
        fail("%s.%s: no inscount: the region was not run when this was recorded", check->base,
             suffix);
    input_close(input);
    free(suffix);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A page that no line of .address covers. */
static uint64_t find_stub(const struct check *check)
{
    uint64_t stub = 0x10000;
    struct input *input = require(check->base, "address");
    for (char *line; (line = input_line(input));) {
        uint64_t lo, hi;
        if (sscanf(line, "0x%lx 0x%lx", &lo, &hi) != 2 || lo >= hi)
            input_fail(input, "not a range of addresses");
        /* Ranges rise: the first gap is taken that leaves room for what the program may map. */
        if (lo <= stub && stub < hi + (1 << 20))
            stub = (hi + (1 << 20)) & ~(uint64_t)(PAGE_BYTES - 1);
    }
    input_close(input);
    return stub;
}

static void put_page(struct check *check, const struct input *input, uint64_t address,
                     const uint64_t *page)
{
    if (!puppet_map(&check->puppet, address, PAGE_BYTES))
        input_fail(input, "this page cannot be mapped");
    bool zero = page[0] == 0 && memcmp(page, page + 1, PAGE_BYTES - sizeof *page) == 0;
    if (!zero && !puppet_write(&check->puppet, address, page, PAGE_BYTES))
        input_fail(input, "this page cannot be written");
}

/* Takes one line of values behind the FILLED ones; gives how many there are then. */
static unsigned take_values(const struct input *input, const char *line, uint64_t *page,
                            unsigned filled)
{
    uint64_t last = filled ? page[filled - 1] : 0, repeats = 1;
    if (line[0] == ':' && filled)
        repeats = strtoull(line + 1, NULL, 10);
    else if (line[0] == ';' && filled)
        last += (uint64_t)strtoll(line + 1, NULL, 10);
    else if (strncmp(line, "0x", 2) == 0)
        last = strtoull(line, NULL, 16);
    else
        input_fail(input, "neither a page nor a value");
    if (repeats > 512 - filled)
        input_fail(input, "more than 512 values in a page");
    while (repeats-- > 0)
        page[filled++] = last;
    return filled;
}

static void read_text(struct check *check)
{
    struct input *input = require(check->base, "text");
    uint64_t page[512], address = 0, mapped = 0;
    unsigned filled = 512;
    for (char *line; (line = input_line(input));) {
        if (line[0] == '/') {
            if (filled != 512 || sscanf(line, "/0x%lx", &address) != 1 || address % PAGE_BYTES)
                input_fail(input, "a page that is no page, or comes too early");
            filled = 0;
            continue;
        }
        filled = take_values(input, line, page, filled);
        if (filled == 512 && address < UINT64_C(0x7ffffffff000)) {
            put_page(check, input, address, page);
            mapped++;
        }
    }
    if (filled != 512 || mapped == 0)
        fail("%s.text: cut short", check->base);
    input_close(input);
}

/* Adjacent ranges at once, which is much quicker than page after page. */
static void map_ranges(struct check *check)
{
    struct input *input = require(check->base, "address");
    for (char *line; (line = input_line(input));) {
        uint64_t lo, hi;
        if (sscanf(line, "0x%lx 0x%lx", &lo, &hi) == 2 && hi < UINT64_C(0x7ffffffff001))
            puppet_map(&check->puppet, lo, hi - lo);
    }
    input_close(input);
}

static void store(void *context, const char *name, const uint8_t *value, size_t size)
{
    (void)size;
    replay_state_store(context, name, value);
}

static void load(struct check *check)
{
    read_global_log(check);
    check->puppet = puppet_new(find_stub(check));
    check->players = memory_new(check->num_players * sizeof *check->players);
    for (unsigned i = 0; i < check->num_players; i++) {
        struct player *player = &check->players[i];
        player->number = i;
        player->alive = i < check->num_alive_first;
        player->state = replay_state_new(check->puppet.pid);
        player->log = replay_log_open(check->base, i, &check->names, store, &player->state);
        read_result(check, player);
        check->total += player->length;
    }
    map_ranges(check);
    read_text(check);
}

/* --- running ---------------------------------------------------------------------------------- */

static _Noreturn void fail_course(const struct player *player, const char *what)
{
    fail("thread %u leaves the recorded course: instruction %lu of %lu, at 0x%llx: %s",
         player->number, player->icount + 1, player->length, player->state.general.rip, what);
}

static uint64_t page_up(uint64_t size)
{
    return (size + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* Up to the new break, from the mapping below it on: the image has at least the page that the
 * program itself ends with. */
static void map_heap(struct check *check, uint64_t end)
{
    struct maps maps = maps_read(check->puppet.pid);
    uint64_t lo = 0;
    for (size_t i = 0; i < maps.count && maps.list[i].lo < end; i++)
        lo = maps.list[i].hi;
    maps_free(&maps);
    if (lo && lo < end && !puppet_map(&check->puppet, lo, end - lo))
        fail("the program's heap cannot be mapped from 0x%lx to 0x%lx", lo, end);
}

static void map_for_call(struct check *check, uint64_t number,
                         const struct user_regs_struct *before, uint64_t result)
{
    if (result > -UINT64_C(4096))
        return;
    if (number == SYS_mmap)
        puppet_map(&check->puppet, result, page_up(before->rsi));
    else if (number == SYS_mremap)
        puppet_map(&check->puppet, result, page_up(before->rdx));
    else if (number == SYS_brk && before->rdi && result == before->rdi)
        map_heap(check, result);
}

static void replay_call(struct check *check, struct player *player)
{
    struct user_regs_struct *registers = &player->state.general;
    const struct user_regs_struct before = *registers;
    struct replay_record record = replay_log_next_record(player->log);
    if (record.icount != player->icount + 1 || !record.is_call)
        fail_course(player, "a system call that is not in .reg");
    registers->rcx = registers->rip + 2;
    registers->r11 = registers->eflags & ~EFLAGS_TF & ~UINT64_C(0x10000);
    replay_log_take_record(player->log, registers);
    registers->orig_rax = UINT64_MAX;
    map_for_call(check, before.rax, &before, registers->rax);
    if (before.rax == SYS_clone || before.rax == SYS_clone3)
        for (unsigned i = 0; i < check->num_players; i++)
            if (check->players[i].os_tid == registers->rax)
                check->players[i].alive = true;
    if (ptrace(PTRACE_SETREGS, check->puppet.pid, 0, registers) != 0)
        fail_course(player, "registers of the call that cannot be set");
}

/* A stack that grows by itself did so when it was recorded. */
static bool grow_stack(struct check *check, const struct player *player)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, check->puppet.pid, 0, &info) != 0 || info.si_signo != SIGSEGV ||
        info.si_code != SEGV_MAPERR)
        return false;
    uint64_t address = (uint64_t)(uintptr_t)info.si_addr, rsp = player->state.general.rsp;
    if (address + (1 << 16) < rsp || address > rsp + (1 << 20))
        return false;
    return puppet_map(&check->puppet, address, 1);
}

static void step(struct check *check, struct player *player, enum instruction kind)
{
    pid_t pid = check->puppet.pid;
    struct user_regs_struct *registers = &player->state.general;
    uint64_t rip = registers->rip;
    for (;;) {
        int status;
        message_check_signal();
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 || waitpid(pid, &status, __WALL) != pid ||
            !WIFSTOPPED(status))
            fail_course(player, "the process has died");
        if (WSTOPSIG(status) != SIGTRAP) {
            char what[64];
            if (grow_stack(check, player))
                continue;
            snprintf(what, sizeof what, "signal %d (%s)", WSTOPSIG(status),
                     strsignal(WSTOPSIG(status)));
            fail_course(player, what);
        }
        if (ptrace(PTRACE_GETREGS, pid, 0, registers) != 0)
            fail_course(player, "the process has died");
        if (kind != INSTRUCTION_REPEATED || registers->rip != rip)
            break;
    }
    if (kind == INSTRUCTION_PUSHF) {
        uint64_t word;
        if (puppet_read(&check->puppet, registers->rsp, &word, 8) == 8) {
            word &= ~EFLAGS_TF;
            puppet_write(&check->puppet, registers->rsp, &word, 8);
        }
    }
}

static void inject_memory(struct check *check, struct player *player)
{
    uint64_t address;
    uint8_t bytes[8];
    size_t size;
    while (replay_log_memory(player->log, player->icount + 1, &address, bytes, &size))
        if (!puppet_write(&check->puppet, address, bytes, size) &&
            (!puppet_map(&check->puppet, address, size) ||
             !puppet_write(&check->puppet, address, bytes, size)))
            fail_course(player, "memory of .sel is where none can be");
}

/* The instruction has its result from the log: an RDTSC always; the others in pinballs that have
 * it. SDE's have none of CPUID, which it answers from BASE.cpuid.def. */
static bool takes_record(const struct player *player, enum instruction kind)
{
    struct replay_record record = replay_log_next_record(player->log);
    bool is_rdtsc = kind == INSTRUCTION_RDTSC || kind == INSTRUCTION_RDTSCP;
    bool may_be_logged = kind == INSTRUCTION_CPUID || kind == INSTRUCTION_RANDOM ||
                         kind == INSTRUCTION_RDPID || kind == INSTRUCTION_XGETBV;
    bool is_there = record.icount == player->icount + 1 && !record.is_call;
    if (is_rdtsc && !is_there)
        fail_course(player, "an RDTSC that is not in .reg");
    return is_there && (is_rdtsc || may_be_logged);
}

static void run_instruction(struct check *check, struct player *player)
{
    struct user_regs_struct *registers = &player->state.general;
    uint8_t code[INSTRUCTION_MAX_BYTES];
    inject_memory(check, player);
    uint64_t rip = registers->rip;
    size_t size = puppet_read(&check->puppet, rip, code, sizeof code);
    enum instruction kind = instruction_classify(code, size);
    bool is_last = player->icount + 1 == player->length;
    if (kind == INSTRUCTION_SYSCALL) {
        bool ends = registers->rax == SYS_exit || registers->rax == SYS_exit_group;
        if (ends && !is_last)
            fail_course(player, "the end of the thread, too early");
        if (!ends)
            replay_call(check, player);
    } else if (takes_record(player, kind)) {
        replay_log_take_record(player->log, registers);
        ptrace(PTRACE_SETREGS, check->puppet.pid, 0, registers);
    } else {
        step(check, player, kind);
    }
    player->icount++;
    player->last_pc = rip;
    if (replay_log_next_record(player->log).icount <= player->icount)
        fail_course(player, "the record before it in .reg was not used");
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The thread that PLAYER has to wait for, or NULL. */
static struct player *waits_for(struct check *check, const struct player *player)
{
    unsigned thread;
    uint64_t other;
    while (replay_log_order(player->log, player->icount + 1, &thread, &other)) {
        if (thread >= check->num_players)
            fail_course(player, ".race names a thread that there is not");
        if (check->players[thread].icount < other)
            return &check->players[thread];
        replay_log_waited(player->log);
    }
    return NULL;
}

static bool can_run(struct check *check, const struct player *player)
{
    return player->alive && player->icount < player->length && !waits_for(check, player);
}

static struct player *choose(struct check *check)
{
    bool unfinished = false;
    for (unsigned i = 0; i < check->num_players; i++) {
        if (can_run(check, &check->players[i]))
            return &check->players[i];
        unfinished |= check->players[i].icount < check->players[i].length;
    }
    if (unfinished)
        fail("%s: the logs have all threads wait for each other", check->base);
    return NULL;
}

static void compare_end(const struct player *player)
{
    if (player->recorded_last_pc && player->length && player->last_pc != player->recorded_last_pc)
        fail("thread %u ends at 0x%lx instead of 0x%lx", player->number, player->last_pc,
             player->recorded_last_pc);
    for (size_t i = 0; i < player->num_last; i++)
        for (const struct final_register *each = final_registers; each->name; each++)
            if (strcmp(each->name, player->last[i].name) == 0 &&
                final_register_value(&player->state.general, each) != player->last[i].value)
                fail("thread %u ends with %s 0x%lx instead of 0x%lx", player->number, each->name,
                     final_register_value(&player->state.general, each), player->last[i].value);
}

/* Both on one processor, as affinity.h has it. */
static void pin(void)
{
    cpu_set_t one;
    int processor = sched_getcpu();
    CPU_ZERO(&one);
    if (processor >= 0 && processor < CPU_SETSIZE) {
        CPU_SET((unsigned)processor, &one);
        sched_setaffinity(0, sizeof one, &one);
    }
}

void replay_check(const char *base)
{
    struct check check = {.base = base};
    struct progress progress;
    uint64_t done = 0;
    pin();
    load(&check);
    progress_begin(&progress);
    for (struct player *player; (player = choose(&check));) {
        replay_state_load(&player->state, check.puppet.pid);
        while (can_run(&check, player)) {
            run_instruction(&check, player);
            if ((++done & 0xfff) == 0)
                progress_show(&progress, done, check.total);
        }
        replay_state_save(&player->state, check.puppet.pid);
    }
    progress_end(&progress);
    kill(check.puppet.pid, SIGKILL);
    for (unsigned i = 0; i < check.num_players; i++)
        compare_end(&check.players[i]);
    for (unsigned i = 0; i < check.num_players; i++)
        printf("thread %u: %lu instructions%s\n", i, check.players[i].icount,
               check.players[i].num_last ? ", registers as recorded" : "");
}
