/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes nothing, gives an empty process that can be filled. */
#include "puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "maps.h"
#include "memory.h"
#include "message.h"

/* Has the puppet make a system call with the instruction at the stub's beginning. */
static int64_t call(const struct puppet *puppet, uint64_t number, uint64_t a, uint64_t b,
                    uint64_t c, uint64_t d)
{
    struct user_regs_struct saved, registers;
    int status;
    if (ptrace(PTRACE_GETREGS, puppet->pid, 0, &saved) != 0)
        fail("the check's process is gone");
    registers = saved;
    registers.rip = puppet->stub;
    registers.rax = number;
    registers.orig_rax = UINT64_MAX;
    registers.rdi = a;
    registers.rsi = b;
    registers.rdx = c;
    registers.r10 = d;
    registers.r8 = UINT64_MAX;
    registers.r9 = 0;
    if (ptrace(PTRACE_SETREGS, puppet->pid, 0, &registers) != 0 ||
        ptrace(PTRACE_SINGLESTEP, puppet->pid, 0, 0) != 0 ||
        waitpid(puppet->pid, &status, __WALL) != puppet->pid || !WIFSTOPPED(status) ||
        ptrace(PTRACE_GETREGS, puppet->pid, 0, &registers) != 0 ||
        ptrace(PTRACE_SETREGS, puppet->pid, 0, &saved) != 0)
        fail("the check's process cannot be prepared: %s", strerror(errno));
    return (int64_t)registers.rax;
}

/* glibc 2.35 and later. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

/* The kernel would kill the process when the area that glibc has registered for restartable
 * sequences is unmapped. */
static void unregister_rseq(void)
{
    const unsigned signature = 0x53053053, unregister = 1;
    if (!&__rseq_offset || !&__rseq_size)
        return;
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    /* The size has to be that of the registration: 32 at first, later what the kernel supports. */
    for (unsigned size = 32; size <= 256; size += 4)
        if (syscall(SYS_rseq, area, size, unregister, signature) == 0)
            return;
}

static void empty(const struct puppet *puppet)
{
    struct maps maps = maps_read(puppet->pid);
    for (size_t i = 0; i < maps.count; i++)
        if (maps.list[i].lo != puppet->stub && strcmp(maps.list[i].name, "[vsyscall]") != 0)
            call(puppet, SYS_munmap, maps.list[i].lo, maps.list[i].hi - maps.list[i].lo, 0, 0);
    maps_free(&maps);
}

struct puppet puppet_new(uint64_t stub)
{
    static const unsigned char code[] = {0x0f, 0x05};
    struct puppet puppet = {.stub = stub, .pid = fork()};
    if (puppet.pid < 0)
        fail("cannot create a process: %s", strerror(errno));
    if (puppet.pid == 0) {
        void *page = mmap((void *)stub, PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (page != (void *)stub || ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(1);
        memcpy(page, code, sizeof code);
        unregister_rseq();
        raise(SIGSTOP);
        _exit(1);
    }
    int status;
    message_kill_on_signal(puppet.pid);
    if (waitpid(puppet.pid, &status, 0) != puppet.pid || !WIFSTOPPED(status))
        fail("cannot prepare a process to be stepped (is ptrace forbidden here?)");
    ptrace(PTRACE_SETOPTIONS, puppet.pid, 0, PTRACE_O_EXITKILL);
    char *path = memory_format("/proc/%d/mem", puppet.pid);
    puppet.memory = open(path, O_RDWR | O_CLOEXEC);
    if (puppet.memory < 0)
        fail("%s: cannot be opened: %s", path, strerror(errno));
    free(path);
    empty(&puppet);
    return puppet;
}

static bool map_exactly(struct puppet *puppet, uint64_t address, uint64_t size)
{
    return call(puppet, SYS_mmap, address, size, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE) ==
           (int64_t)address;
}

bool puppet_map(struct puppet *puppet, uint64_t address, uint64_t size)
{
    uint64_t lo = address & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t hi = (address + size + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    if (lo >= hi || map_exactly(puppet, lo, hi - lo))
        return true;
    struct maps maps = maps_read(puppet->pid);
    bool good = true;
    for (size_t i = 0; i < maps.count && lo < hi; i++) {
        uint64_t end = maps.list[i].lo < hi ? maps.list[i].lo : hi;
        if (lo < end)
            good &= map_exactly(puppet, lo, end - lo);
        if (maps.list[i].hi > lo)
            lo = maps.list[i].hi;
    }
    maps_free(&maps);
    return lo >= hi ? good : good && map_exactly(puppet, lo, hi - lo);
}

bool puppet_write(const struct puppet *puppet, uint64_t address, const void *bytes, size_t size)
{
    return pwrite(puppet->memory, bytes, size, (off_t)address) == (ssize_t)size;
}

size_t puppet_read(const struct puppet *puppet, uint64_t address, void *bytes, size_t size)
{
    ssize_t got = pread(puppet->memory, bytes, size, (off_t)address);
    return got > 0 ? (size_t)got : 0;
}
