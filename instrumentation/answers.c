/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls that are answered from the sysstate where the user asks for it:
 *
 *   ELFIE_ROOT=DIR         an absolute path that exists under DIR is taken from there
 *   ELFIE_PID=recorded     getpid gives the recorded process id, and kill and its like know it
 *   ELFIE_MMAP=recorded    mmap without a wish is told the address that it gave when recorded
 *
 * Calls come here by way of count_calls.c, at two signals each for those that are not answered.
 * Threads and processes that the region creates are answered like the others. */
#include "elfie.h"
#include "signals.h"
#include "syscall.h"
#include "sysstate.h"

#include <asm/errno.h>

/* Calls with a path, and which argument it is. execve is not among them: it would have to be called
 * in the signal handler, whose mask it passes on. */
static const struct {
    uint16_t number;
    uint8_t argument;
} path_calls[] = {
    {__NR_open, 0},       {__NR_creat, 0},    {__NR_openat, 1},     {__NR_stat, 0},
    {__NR_lstat, 0},      {__NR_access, 0},   {__NR_readlink, 0},   {__NR_chdir, 0},
    {__NR_truncate, 0},   {__NR_statfs, 0},   {__NR_newfstatat, 1}, {__NR_faccessat, 1},
    {__NR_readlinkat, 1}, {__NR_getxattr, 0}, {__NR_unlink, 0},     {__NR_unlinkat, 1},
    {__NR_utimensat, 1},  {__NR_fchmodat, 1}, {__NR_chmod, 0},
#ifdef __NR_statx
    {__NR_statx, 1},
#endif
#ifdef __NR_openat2
    {__NR_openat2, 1},
#endif
#ifdef __NR_faccessat2
    {__NR_faccessat2, 1},
#endif
};
enum { NUM_PATH_CALLS = sizeof path_calls / sizeof *path_calls };

static long own_pid;         /* of the process of the region */
static uint64_t mapped_next; /* of elfie_sysstate.mapped */

int elfie_answers_calls(void)
{
    return elfie_process.root || elfie_process.recorded_pid || elfie_process.recorded_mmap;
}

void elfie_check_answers(void)
{
    if (elfie_process.recorded_pid && !elfie_sysstate.pid)
        elfie_fail(
            "ELFIE_PID=recorded: the pinball has no sysstate/PID.log; the region was not run", 0);
    if (elfie_process.recorded_mmap && !elfie_sysstate.num_mapped)
        elfie_fail(
            "ELFIE_MMAP=recorded: the pinball has no sysstate/MMAP.log; the region was not run", 0);
    if (!elfie_process.root)
        return;
    long error = elfie_syscall(__NR_access, elfie_process.root, 0);
    if (error) {
        struct elfie_line line;
        elfie_begin(&line);
        elfie_put(&line, "ELFIE_ROOT=");
        elfie_put(&line, elfie_process.root);
        elfie_put(&line, ": no such directory; the region was not run\n");
        elfie_write(&line);
        for (;;)
            elfie_syscall(__NR_exit_group, STATUS_STARTUP_FAILED);
    }
}

void elfie_begin_answers(void)
{
    if (elfie_process.recorded_pid)
        own_pid = elfie_syscall(__NR_getpid);
}

/* --- paths ------------------------------------------------------------------------------------ */

/* Puts ELFIE_ROOT at the front of PATH; gives its length, which is less than ELFIE_PATH_MAX. */
static size_t put_root(char *path)
{
    size_t length = 0;
    for (const char *p = elfie_process.root; *p; p++)
        path[length++] = *p;
    return length;
}

int elfie_is_under_root(const char *name)
{
    static char path[ELFIE_PATH_MAX];
    if (!elfie_process.root)
        return 0;
    size_t length = put_root(path);
    for (const char *p = name; (path[length] = *p); p++)
        if (++length == ELFIE_PATH_MAX)
            return 0;
    return elfie_syscall(__NR_access, path, 0) == 0;
}

/* Reads the program's string at ADDRESS as the kernel would, without a fault where nothing is. */
static int read_path(char *to, size_t size, uint64_t address)
{
    struct {
        uint64_t base, length;
    } here = {(uint64_t)to, size}, there = {address, size};
    long self = elfie_syscall(__NR_getpid);
    long got = elfie_syscall(__NR_process_vm_readv, self, &here, 1, &there, 1, 0);
    for (long i = 0; i < got; i++)
        if (!to[i])
            return 1;
    if (got != -ENOSYS && got != -EPERM)
        return 0; /* no end, or a bad address: the kernel's own business */
    for (size_t i = 0; i < size; i++)
        if (!(to[i] = ((const char *)address)[i]))
            return 1;
    return 0;
}

static long call_again(const struct sigcontext *r, const uint64_t argument[3])
{
    return elfie_syscall((long)r->rax, argument[0], argument[1], argument[2], r->r10, r->r8, r->r9);
}

static int answer_path(struct sigcontext *r)
{
    char path[ELFIE_PATH_MAX]; /* one: this may stand on a stack of the program's */
    int call = 0;
    while (call < NUM_PATH_CALLS && path_calls[call].number != r->rax)
        call++;
    if (call == NUM_PATH_CALLS)
        return 0;
    uint64_t argument[3] = {r->rdi, r->rsi, r->rdx};
    uint8_t which = path_calls[call].argument;
    size_t length = put_root(path);
    if (!read_path(path + length, sizeof path - length, argument[which]) || path[length] != '/' ||
        elfie_syscall(__NR_access, path, 0))
        return 0;
    argument[which] = (uint64_t)path;
    r->rax = (uint64_t)call_again(r, argument);
    return 1;
}

/* --- the process id and mapped addresses ------------------------------------------------------ */

/* Calls that name a process in their first argument. A stranger may have the recorded id today. */
static int names_process(uint64_t number)
{
    return number == __NR_kill || number == __NR_tgkill || number == __NR_rt_sigqueueinfo ||
           number == __NR_rt_tgsigqueueinfo || number == __NR_prlimit64 || number == __NR_getpgid ||
           number == __NR_getsid || number == __NR_sched_getaffinity ||
           number == __NR_sched_setaffinity;
}

/* A process that the region creates has an id of its own, and this one for its parent. */
static int answer_pid(struct sigcontext *r)
{
    if ((r->rax == __NR_getpid || r->rax == __NR_getppid) &&
        elfie_syscall((long)r->rax) == own_pid) {
        r->rax = elfie_sysstate.pid;
        return 1;
    }
    if (!names_process(r->rax) || r->rdi != elfie_sysstate.pid)
        return 0;
    uint64_t argument[3] = {(uint64_t)own_pid, r->rsi, r->rdx};
    r->rax = (uint64_t)call_again(r, argument);
    return 1;
}

/* As a wish: where something lies, the kernel finds another place. */
static int answer_mmap(struct sigcontext *r)
{
    if (r->rax != __NR_mmap || r->rdi)
        return 0;
    uint64_t n = __atomic_fetch_add(&mapped_next, 1, __ATOMIC_RELAXED);
    if (n >= elfie_sysstate.num_mapped)
        return 0;
    uint64_t argument[3] = {elfie_sysstate.mapped[n], r->rsi, r->rdx};
    r->rax = (uint64_t)call_again(r, argument);
    return 1;
}

int elfie_answer(struct sigcontext *registers)
{
    return (elfie_process.root && answer_path(registers)) ||
           (elfie_process.recorded_pid && answer_pid(registers)) ||
           (elfie_process.recorded_mmap && answer_mmap(registers));
}
