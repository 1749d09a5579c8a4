/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the stopped program, gives BASE.sysstate/BRK.log. /proc tells only where the heap's last
 * page ends, so the kernel is asked by brk(0) in the program itself. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "message.h"
#include "pinball.h"
#include "write.h"

/* Steps thread TID, all of whose signals stay where they are, over a syscall instruction at RIP.
 * Zero if that fails. */
static uint64_t step_over_call(pid_t tid, uint64_t rip)
{
    /* Stops that were pending come first. */
    for (int stops = 0; stops < 1000; stops++) {
        int status;
        struct user_regs_struct now;
        if (ptrace(PTRACE_SINGLESTEP, tid, 0, 0) != 0 || tracee_wait_status(tid, &status) != tid ||
            !WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, tid, 0, &now) != 0)
            return 0;
        if (now.rip == rip + 2)
            return now.rax;
    }
    return 0;
}

/* Puts a syscall instruction where the thread stands, steps over it and puts all back. Zero if that
 * fails. */
static uint64_t ask_kernel(const struct snapshot *snapshot)
{
    pid_t tid = snapshot->threads[0].tid;
    struct user_regs_struct registers = snapshot->threads[0].general;
    uint64_t rip = registers.rip;
    registers.rax = SYS_brk;
    registers.rdi = 0;
    registers.orig_rax = UINT64_MAX;
    errno = 0;
    uint64_t code = (uint64_t)ptrace(PTRACE_PEEKDATA, tid, rip, 0);
    if (errno || ptrace(PTRACE_POKEDATA, tid, rip, (code & ~UINT64_C(0xffff)) | 0x050f) != 0)
        return 0;
    uint64_t result = 0;
    if (ptrace(PTRACE_SETREGS, tid, 0, &registers) == 0)
        result = step_over_call(tid, rip);
    /* The snapshot's registers, with which a call that was broken off begins anew. */
    if (ptrace(PTRACE_POKEDATA, tid, rip, code) != 0 ||
        ptrace(PTRACE_SETREGS, tid, 0, &snapshot->threads[0].general) != 0)
        tracee_check_stopped(snapshot->tracee);
    return result;
}

uint64_t ask_break(const struct snapshot *snapshot)
{
    uint64_t address = ask_kernel(snapshot);
    if ((int64_t)address > 0)
        return address;
    tracee_check_stopped(snapshot->tracee);
    const struct mapping *heap = maps_find_name(&snapshot->maps, "[heap]");
    warn("the kernel does not tell the program break%s",
         heap ? ": the end of the heap is taken instead" : "; sysstate/BRK.log is not written");
    return heap ? heap->hi : 0;
}

void write_break(uint64_t first, uint64_t last)
{
    if (!first)
        return;
    struct output *output = pinball_create("sysstate/BRK.log", COMPRESS_NONE);
    output_printf(output, "0x%lx\n0x%lx\n", first, last);
    output_close(output);
}
