/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program's questions for time stamps and random bytes, gives the same answers each time.
 */
#include "repeatable.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "instruction.h"
#include "message.h"

bool repeatable;

static bool hidden;
static uint64_t stamps;

static bool step_once(pid_t tid)
{
    int status;
    return ptrace(PTRACE_SINGLESTEP, tid, 0, 0) == 0 && tracee_wait_status(tid, &status) == tid &&
           WIFSTOPPED(status) && status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP;
}

/* Has the initial thread, the only one, call prctl(PR_SET_TSC, MODE) where it stands. */
static bool set_tsc(pid_t tid, int mode, bool behind_exec)
{
    struct user_regs_struct saved, registers;
    /* Behind exec it is still inside the call, which sets rax: the first step only leaves it. */
    if ((behind_exec && !step_once(tid)) || ptrace(PTRACE_GETREGS, tid, 0, &saved) != 0)
        return false;
    errno = 0;
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKDATA, tid, saved.rip, 0);
    if (errno || ptrace(PTRACE_POKEDATA, tid, saved.rip, (code & ~UINT64_C(0xffff)) | 0x050f) != 0)
        return false;
    registers = saved;
    registers.rax = SYS_prctl;
    registers.rdi = PR_SET_TSC;
    registers.rsi = (unsigned)mode;
    registers.orig_rax = UINT64_MAX;
    bool good = ptrace(PTRACE_SETREGS, tid, 0, &registers) == 0 && step_once(tid) &&
                ptrace(PTRACE_GETREGS, tid, 0, &registers) == 0 && registers.rax == 0;
    saved.orig_rax = UINT64_MAX;
    if (ptrace(PTRACE_POKEDATA, tid, saved.rip, code) != 0 ||
        ptrace(PTRACE_SETREGS, tid, 0, &saved) != 0)
        fail("the program cannot be put back into its state: %s", strerror(errno));
    return good;
}

void repeatable_hide_time(struct tracee *tracee)
{
    stamps = 0;
    hidden = repeatable && set_tsc(tracee->pid, PR_TSC_SIGSEGV, true);
}

void repeatable_show_time(struct tracee *tracee)
{
    if (!hidden)
        return;
    if (tracee->num_threads > 1)
        warn("threads that a library started before the program's entry get signals for RDTSC");
    if (!set_tsc(tracee->pid, PR_TSC_ENABLE, false))
        fail("the time stamp counter cannot be given back to the program");
    hidden = false;
}

void repeatable_set_time(struct user_regs_struct *registers, uint64_t icount)
{
    registers->rax = icount & UINT32_MAX;
    registers->rdx = icount >> 32;
}

bool repeatable_take_rdtsc(const struct tracee *tracee, pid_t tid)
{
    struct user_regs_struct registers;
    uint8_t code[INSTRUCTION_MAX_BYTES];
    if (!hidden || ptrace(PTRACE_GETREGS, tid, 0, &registers) != 0)
        return false;
    size_t size = tracee_read(tracee, registers.rip, code, sizeof code);
    enum instruction kind = instruction_classify(code, size);
    if ((kind != INSTRUCTION_RDTSC && kind != INSTRUCTION_RDTSCP) || code[0] != 0x0f)
        return false;
    repeatable_set_time(&registers, stamps += 1000);
    registers.rip += kind == INSTRUCTION_RDTSC ? 2 : 3;
    if (kind == INSTRUCTION_RDTSCP)
        registers.rcx = 0;
    return ptrace(PTRACE_SETREGS, tid, 0, &registers) == 0;
}

void repeatable_after_call(const struct tracee *tracee, const struct call *call, int64_t result)
{
    static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    uint8_t bytes[256];
    if (!repeatable || call->number != SYS_getrandom || result <= 0)
        return;
    for (uint64_t done = 0; done < (uint64_t)result;) {
        size_t size = (uint64_t)result - done;
        size = size < sizeof bytes ? size : sizeof bytes;
        for (size_t i = 0; i < size; i++) { /* xorshift, Marsaglia 2003 */
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[i] = (uint8_t)(state >> 32);
        }
        struct iovec from = {.iov_base = bytes, .iov_len = size};
        struct iovec to = {.iov_base = (void *)(uintptr_t)(call->arguments[0] + done),
                           .iov_len = size};
        if (process_vm_writev(tracee->pid, &from, 1, &to, 1, 0) != (ssize_t)size)
            return;
        done += size;
    }
}
