/* SPDX-License-Identifier: BSD-3-Clause */
/* The program under ptrace: starting it, its registers and memory, and what the kernel has put
 * into its address space that a simulator would not. */
#include "host.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* A higher limit lowers the kernel's mmap area (arch/x86/mm/mmap.c), and none turns it round. */
enum { STACK_LIMIT = 8 << 20 };

enum { SYSCALL_CODE = 0x050f, SYSCALL_MASK = 0xffff };
enum { DIRECTION_FLAG = 0x400 };
enum { LOWEST_ADDRESS = 0x10000 };

static _Noreturn void exec_tracee(char **argv)
{
    struct rlimit limit;
    if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur > STACK_LIMIT) {
        limit.rlim_cur = STACK_LIMIT;
        setrlimit(RLIMIT_STACK, &limit);
    }
    if (personality(ADDR_NO_RANDOMIZE) < 0)
        say("randomisation cannot be switched off: %s", strerror(errno));
    else if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        say("ptrace: %s", strerror(errno));
    else {
        execv(argv[0], argv);
        say("%s: %s", argv[0], strerror(errno));
    }
    _exit(STATUS_TROUBLE);
}

pid_t tracee_start(char **argv)
{
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    int status;
    pid_t pid = fork();
    if (pid < 0)
        trouble("fork: %s", strerror(errno));
    if (pid == 0)
        exec_tracee(argv);
    if (waitpid(pid, &status, __WALL) < 0)
        trouble("waitpid: %s", strerror(errno));
    if (WIFEXITED(status))
        exit(STATUS_TROUBLE); /* it has said why */
    if (!WIFSTOPPED(status))
        trouble("%s: the kernel cannot load it", argv[0]);
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options))
        trouble("ptrace: %s", strerror(errno));
    return pid;
}

bool tracee_regs(pid_t tid, struct user_regs_struct *regs)
{
    if (!ptrace(PTRACE_GETREGS, tid, NULL, regs))
        return true;
    if (errno != ESRCH)
        trouble("reading registers: %s", strerror(errno));
    return false;
}

bool tracee_set_regs(pid_t tid, const struct user_regs_struct *regs)
{
    if (!ptrace(PTRACE_SETREGS, tid, NULL, regs))
        return true;
    if (errno != ESRCH)
        trouble("setting registers: %s", strerror(errno));
    return false;
}

static uint64_t peek(pid_t tid, uint64_t address)
{
    errno = 0;
    return (uint64_t)ptrace(PTRACE_PEEKDATA, tid, (void *)address, NULL);
}

static void poke(pid_t tid, uint64_t address, uint64_t value)
{
    if (ptrace(PTRACE_POKEDATA, tid, (void *)address, (void *)value))
        trouble("writing to 0x%" PRIx64 ": %s", address, strerror(errno));
}

uint64_t tracee_code(pid_t tid, uint64_t address)
{
    uint64_t code = peek(tid, address);
    if (errno) /* the last bytes before a page that is not there */
        code = peek(tid, address & ~7ul) >> address % 8 * 8;
    return errno ? 0 : code;
}

static bool transfer(pid_t tid, bool write, uint64_t address, void *buffer, size_t size)
{
    struct iovec own = {buffer, size}, other = {(void *)address, size};
    ssize_t done = write ? process_vm_writev(tid, &own, 1, &other, 1, 0)
                         : process_vm_readv(tid, &own, 1, &other, 1, 0);
    return done == (ssize_t)size;
}

bool tracee_copy(pid_t tid, struct user_regs_struct *regs)
{
    uint64_t size;
    if (__builtin_mul_overflow(regs->rcx, 8, &size) || !size || size > 1ul << 30 ||
        regs->eflags & DIRECTION_FLAG || regs->rdi - regs->rsi < size)
        return false;
    void *buffer = grow(NULL, size, 1);
    bool done = transfer(tid, false, regs->rsi, buffer, size) &&
                transfer(tid, true, regs->rdi, buffer, size);
    free(buffer);
    if (!done)
        return false;
    regs->rsi += size;
    regs->rdi += size;
    regs->rcx = 0;
    regs->rip += 3;
    return tracee_set_regs(tid, regs);
}

bool tracee_begins(pid_t tid, uint64_t address, const char *prefix)
{
    char start[32];
    size_t length = strlen(prefix);
    return length <= sizeof start && transfer(tid, false, address, start, length) &&
           !memcmp(start, prefix, length);
}

struct mapping {
    uint64_t begin, end;
    char name[16];
};

static FILE *open_maps(pid_t tid)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)tid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        trouble("%s: %s", path, strerror(errno));
    return maps;
}

static bool next_mapping(FILE *maps, struct mapping *m)
{
    int c;
    m->name[0] = '\0';
    if (fscanf(maps, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s%*[ ]", &m->begin, &m->end) < 2)
        return false;
    if (fscanf(maps, "%15[^\n]", m->name) < 0)
        return false;
    while ((c = getc(maps)) != EOF && c != '\n')
        ;
    return true;
}

/* Has the program, which is about to execute an instruction, do a system call instead. */
static int64_t inject(pid_t tid, long number, uint64_t a, uint64_t b)
{
    struct user_regs_struct old, regs;
    int status;
    if (!tracee_regs(tid, &old))
        trouble("the program has gone");
    uint64_t code = peek(tid, old.rip);
    poke(tid, old.rip, (code & ~(uint64_t)SYSCALL_MASK) | SYSCALL_CODE);
    regs = old;
    regs.orig_rax = ~0ull;
    regs.rax = (uint64_t)number;
    regs.rdi = a;
    regs.rsi = b;
    if (!tracee_set_regs(tid, &regs) || ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL) ||
        waitpid(tid, &status, __WALL) < 0 || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP ||
        !tracee_regs(tid, &regs) || regs.rip != old.rip + 2)
        trouble("a system call cannot be put into the program");
    poke(tid, old.rip, code);
    if (!tracee_set_regs(tid, &old))
        trouble("the program has gone");
    return (int64_t)regs.rax;
}

/* The auxiliary vector lies above argc, argv and envp, each of the two with its NULL. */
static void hide_vdso(pid_t tid)
{
    struct user_regs_struct regs;
    if (!tracee_regs(tid, &regs))
        trouble("the program has gone");
    uint64_t at = regs.rsp + 8 + 8 * (peek(tid, regs.rsp) + 1);
    while (peek(tid, at))
        at += 8;
    at += 8;
    for (uint64_t type; (type = peek(tid, at)) != AT_NULL; at += 16) {
        if (errno)
            trouble("the program has no auxiliary vector");
        if (type == AT_SYSINFO_EHDR) {
            poke(tid, at, AT_IGNORE);
            poke(tid, at + 8, 0);
        }
    }
}

void tracee_remove_vdso(pid_t tid)
{
    struct mapping kernels[8], m;
    size_t count = 0;
    hide_vdso(tid);
    FILE *maps = open_maps(tid);
    while (count < sizeof kernels / sizeof *kernels && next_mapping(maps, &m))
        if (!strncmp(m.name, "[v", 2) && strcmp(m.name, "[vsyscall]"))
            kernels[count++] = m;
    fclose(maps);
    for (size_t i = 0; i < count; i++) {
        int64_t result =
            inject(tid, SYS_munmap, kernels[i].begin, kernels[i].end - kernels[i].begin);
        if (result)
            trouble("%s cannot be removed: %s", kernels[i].name, strerror((int)-result));
    }
}

void tracee_check_stack(pid_t tid, uint64_t top)
{
    struct mapping m;
    FILE *maps = open_maps(tid);
    while (next_mapping(maps, &m))
        if (!strcmp(m.name, "[stack]") && m.end != top)
            trouble("stack-top 0x%" PRIx64 ": Linux puts the stack's end at 0x%" PRIx64
                    ", and this program cannot move it",
                    top, m.end);
    fclose(maps);
}

uint64_t tracee_gap(pid_t tid, uint64_t length, uint64_t top)
{
    struct mapping m = {.begin = 0};
    uint64_t low = LOWEST_ADDRESS, found = 0;
    FILE *maps = open_maps(tid);
    while (low < top) {
        uint64_t high = next_mapping(maps, &m) && m.begin < top ? m.begin : top;
        if (high > low && high - low >= length)
            found = high - length;
        low = high == top ? top : m.end;
    }
    fclose(maps);
    return found;
}
