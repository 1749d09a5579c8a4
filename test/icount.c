/* SPDX-License-Identifier: BSD-3-Clause */
/* Usage: icount [--traps] [-o FILE] ELFIE
 * Runs an ELFie under ptrace and counts the instructions of each thread of the region from outside:
 * those at addresses that are not the runtime's. Prints "COUNT" for each thread, in the order in
 * which they were started, and ends with the ELFie's status (128 + N for signal N).
 *
 * Without --traps each instruction is stepped over by ptrace, up to where the region begins to step
 * itself: then the trap flag is in use, the tracer sees each of its traps, and steps nothing. With
 * --traps that is so from the start. A string instruction with a REP prefix counts once. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_THREADS = 1024 };

static uint64_t runtime_begin, runtime_end; /* of the runtime */
static uint64_t near_pages; /* replay_jump.c's pages, where jumps in place of system calls lead */
static struct {
    uint64_t address; /* of the instruction that enters the region */
    long code;
} jumps[MAX_THREADS];
static size_t num_jumps;

static struct thread {
    pid_t tid;
    uint64_t count;
    uint64_t rip;   /* of the instruction that is being stepped over */
    bool in_region; /* it is the region's */
    bool entered;   /* the startup is over */
    bool in_handler;
    bool stepping; /* and counted */
    bool rep;
} threads[MAX_THREADS];
static size_t num_threads;

static void die(const char *what)
{
    fprintf(stderr, "icount: %s: %s\n", what, strerror(errno));
    exit(125);
}

static void read_symbols(const char *file, const Elf64_Shdr *symbols, const Elf64_Shdr *strings)
{
    const Elf64_Sym *s = (const void *)(file + symbols->sh_offset);
    for (size_t i = 0; i < symbols->sh_size / sizeof *s; i++) {
        const char *name = file + strings->sh_offset + s[i].st_name;
        int end = 0;
        unsigned thread;
        if (sscanf(name, "t%u.jump%n", &thread, &end) == 1 && end && !name[end] &&
            num_jumps < MAX_THREADS)
            jumps[num_jumps++].address = s[i].st_value;
        else if (!strcmp(name, "replay_near_pages"))
            near_pages = s[i].st_value;
    }
}

static void read_elf(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        die(path);
    const char *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED)
        die(path);
    const Elf64_Ehdr *e = (const void *)file;
    const Elf64_Shdr *s = (const void *)(file + e->e_shoff);
    const char *names = file + s[e->e_shstrndx].sh_offset;
    for (int i = 0; i < e->e_shnum; i++) {
        if (!strcmp(names + s[i].sh_name, ".elfie.text"))
            runtime_begin = s[i].sh_addr;
        if (!strcmp(names + s[i].sh_name, ".elfie.bss"))
            runtime_end = s[i].sh_addr + s[i].sh_size;
        if (s[i].sh_type == SHT_SYMTAB)
            read_symbols(file, &s[i], &s[s[i].sh_link]);
    }
    if (!runtime_begin || !runtime_end || !num_jumps) {
        fprintf(stderr, "icount: %s is no ELFie\n", path);
        exit(125);
    }
}

static struct thread *thread_of(pid_t tid)
{
    for (size_t i = 0; i < num_threads; i++)
        if (threads[i].tid == tid)
            return &threads[i];
    if (num_threads == MAX_THREADS)
        die("too many threads");
    threads[num_threads].tid = tid;
    return &threads[num_threads++];
}

static bool is_rep(pid_t tid, uint64_t rip)
{
    long word = ptrace(PTRACE_PEEKTEXT, tid, rip, 0);
    for (int i = 0; i < 3; i++, word >>= 8)
        if ((word & 0xff) == 0xf3 || (word & 0xff) == 0xf2)
            return true;
        else if ((word & 0xff) != 0x66)
            return false;
    return false;
}

/* Pages of code near the region, which belong to the runtime. */
static bool in_near_pages(pid_t pid, uint64_t rip)
{
    static uint64_t pages[16];
    if (near_pages && !pages[0])
        for (size_t i = 0; i < 16; i++)
            pages[i] = (uint64_t)ptrace(PTRACE_PEEKDATA, pid, near_pages + 16 * i, 0);
    for (size_t i = 0; i < 16 && pages[i]; i++)
        if (rip >= pages[i] && rip < pages[i] + 4096)
            return true;
    return false;
}

/* Near code has an instruction of the program's: mov $NUMBER, %eax or cmp $ERROR, %rax. The jump in
 * its place, or in that of the call, counts for the call. */
static bool is_moved(pid_t pid, uint64_t rip)
{
    long code = ptrace(PTRACE_PEEKTEXT, pid, rip, 0);
    return (code & 0xff) == 0xb8 || (code & 0xffff) == 0x3d48;
}

static bool in_runtime(uint64_t rip)
{
    return rip >= runtime_begin && rip < runtime_end;
}

static uint64_t rip_of(pid_t tid)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, tid, 0, &r))
        return runtime_begin;
    return r.rip;
}

/* The startup of each thread is not stepped, up to the jump that enters the region. */
static void set_breakpoints(pid_t pid)
{
    for (size_t i = 0; i < num_jumps; i++) {
        jumps[i].code = ptrace(PTRACE_PEEKTEXT, pid, jumps[i].address, 0);
        ptrace(PTRACE_POKETEXT, pid, jumps[i].address, (jumps[i].code & ~0xffl) | 0xcc);
    }
}

/* The thread has stopped in its startup. True when it is at the jump. */
static bool enters(struct thread *t, int status)
{
    struct user_regs_struct r;
    if (status >> 16 || WSTOPSIG(status) != SIGTRAP || ptrace(PTRACE_GETREGS, t->tid, 0, &r))
        return false;
    for (size_t i = 0; i < num_jumps; i++)
        if (r.rip == jumps[i].address + 1) {
            r.rip = jumps[i].address;
            ptrace(PTRACE_SETREGS, t->tid, 0, &r);
            ptrace(PTRACE_POKETEXT, t->tid, jumps[i].address, jumps[i].code);
            return true;
        }
    return false;
}

/* Threads that step themselves: each completed instruction is a SIGTRAP, or the SIGSYS, SIGSEGV
 * or SIGILL of one that the runtime answers. */
static void see_signal(struct thread *t, int signal)
{
    uint64_t rip = rip_of(t->tid);
    if (in_runtime(rip))
        return;
    bool same = signal == SIGTRAP && t->in_region && rip == t->rip && is_rep(t->tid, rip);
    t->count += t->in_region && !same;
    t->in_region = true; /* the first trap is that of the jump into the region */
    t->rip = rip;
}

static int count_by_traps(pid_t pid)
{
    int status, last = 0;
    ptrace(PTRACE_CONT, pid, 0, 0);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (!WIFSTOPPED(status)) {
            if (tid == pid)
                last = status;
            continue;
        }
        struct thread *t = thread_of(tid);
        int signal = WSTOPSIG(status);
        if (status >> 16 || signal == SIGSTOP)
            signal = 0;
        else
            see_signal(t, signal);
        ptrace(PTRACE_CONT, tid, 0, signal);
    }
    return last;
}

/* Does a POPF of the runtime's: behind one that is stepped over, the kernel takes the tracer's trap
 * flag for the program's own (arch/x86/kernel/step.c). */
static void do_popf(pid_t pid)
{
    struct user_regs_struct r;
    while (!ptrace(PTRACE_GETREGS, pid, 0, &r) && in_runtime(r.rip) &&
           (ptrace(PTRACE_PEEKTEXT, pid, r.rip, 0) & 0xff) == 0x9d) {
        r.eflags = (unsigned long)ptrace(PTRACE_PEEKDATA, pid, r.rsp, 0) & ~0x100ul;
        r.rsp += 8;
        r.rip++;
        ptrace(PTRACE_SETREGS, pid, 0, &r);
    }
}

/* A breakpoint of the runtime's, and no step: the instruction has not run. */
static bool is_breakpoint(pid_t tid)
{
    enum { PERF = 6 }; /* TRAP_PERF */
    siginfo_t info;
    return !ptrace(PTRACE_GETSIGINFO, tid, 0, &info) && info.si_code == PERF;
}

/* What has become of the step: gives the signal that the thread is to get. */
static int end_step(struct thread *t, int status)
{
    int signal = WSTOPSIG(status);
    /* The runtime ignores SIGPIPE: no handler is entered that would come back. */
    if (status >> 16 || signal == SIGSTOP || signal == SIGPIPE)
        return 0;
    bool breakpoint = signal == SIGTRAP && is_breakpoint(t->tid);
    if (signal == SIGTRAP && !breakpoint)
        signal = 0;
    bool same = rip_of(t->tid) == t->rip;
    if (t->stepping && same && (breakpoint || (!signal && t->rep)))
        t->count--; /* it runs only now, or another round of it follows */
    return signal;
}

/* Signal handlers are the runtime's, and not stepped: a trap in one for SIGTRAP, which is blocked
 * there, would have the kernel take the handler away. */
static void run_handler(struct thread *t, int deliver)
{
    t->in_handler = true;
    ptrace(PTRACE_SYSCALL, t->tid, 0, deliver);
}

static void begin_step(struct thread *t, int deliver)
{
    if (deliver) {
        run_handler(t, deliver);
        return;
    }
    do_popf(t->tid);
    uint64_t rip = rip_of(t->tid);
    t->rip = rip;
    t->stepping = !in_runtime(rip) && (!in_near_pages(t->tid, rip) || is_moved(t->tid, rip));
    t->rep = t->stepping && is_rep(t->tid, rip);
    t->count += t->stepping;
    ptrace(PTRACE_SINGLESTEP, t->tid, 0, 0);
}

/* A stop in a handler. True when the handler has returned to the region. */
static bool returns(struct thread *t, int status)
{
    enum { RT_SIGRETURN = 15 };
    struct user_regs_struct r;
    if (status >> 16 || WSTOPSIG(status) != (SIGTRAP | 0x80) ||
        ptrace(PTRACE_GETREGS, t->tid, 0, &r))
        return false;
    return r.orig_rax != RT_SIGRETURN && !in_runtime(r.rip);
}

/* The trap flag is the program's own. */
static bool steps_itself(struct thread *t)
{
    struct user_regs_struct r;
    if (ptrace(PTRACE_GETREGS, t->tid, 0, &r) || !(r.eflags & 0x100))
        return false;
    t->in_region = true;
    t->rip = r.rip;
    return true;
}

/* All threads, stepped. Gives the status that waitpid has. */
static int count_by_steps(pid_t pid)
{
    int status, last = 0;
    set_breakpoints(pid);
    ptrace(PTRACE_CONT, pid, 0, 0);
    for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
        if (!WIFSTOPPED(status)) {
            if (tid == pid)
                last = status;
            continue;
        }
        struct thread *t = thread_of(tid);
        if (!t->entered) {
            t->entered = enters(t, status);
            int signal = status >> 16 || WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status);
            if (t->entered)
                begin_step(t, 0);
            else
                ptrace(PTRACE_CONT, tid, 0, signal);
            continue;
        }
        if (!t->in_handler) {
            begin_step(t, end_step(t, status));
        } else if (returns(t, status)) {
            t->in_handler = false;
            if (num_threads == 1 && steps_itself(t))
                return count_by_traps(pid);
            begin_step(t, 0);
        } else {
            int signal = WSTOPSIG(status);
            run_handler(
                t, status >> 16 || signal == SIGSTOP || signal == (SIGTRAP | 0x80) ? 0 : signal);
        }
    }
    return last;
}

/* Threads are seen first in any order; the kernel's ids are given out in the order of the starts.
 */
static int by_id(const void *a, const void *b)
{
    const struct thread *x = a, *y = b;
    return x->tid < y->tid ? -1 : x->tid > y->tid;
}

int main(int argc, char **argv)
{
    bool traps = false;
    FILE *to = stderr;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++)
        if (!strcmp(argv[i], "--traps"))
            traps = true;
        else if (!strcmp(argv[i], "-o") && i + 1 < argc)
            to = fopen(argv[++i], "we");
    if (i + 1 != argc || !to) {
        fprintf(stderr, "Usage: icount [--traps] [-o FILE] ELFIE\n");
        return 125;
    }
    read_elf(argv[i]);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        execv(argv[i], argv + i);
        _exit(125);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
        die(argv[i]);
    ptrace(PTRACE_SETOPTIONS, pid, 0,
           PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
    thread_of(pid);
    status = traps ? count_by_traps(pid) : count_by_steps(pid);
    qsort(threads, num_threads, sizeof *threads, by_id);
    for (size_t t = 0; t < num_threads; t++)
        fprintf(to, "%lu\n", threads[t].count);
    if (fclose(to))
        die("output");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
