/* SPDX-License-Identifier: BSD-3-Clause */
/* How the program's system calls come to the runtime. ELFIE_REPLAY_MEANS chooses; otherwise it is
 * the first one that the host has:
 *
 * dispatch  syscall user dispatch, Linux 5.11 and later. A SIGSYS for each call. All of the
 *           runtime's own code is excluded, the return from its handlers above all.
 * seccomp   a filter that traps, the same SIGSYS. It goes by the instruction's address, too. It
 *           cannot be taken back, and needs "no new privileges".
 * patch     the system call instructions that ran when the region was recorded are replaced by ud2,
 *           which has the same length: a SIGILL for each; or by jumps (replay_jump.c). Needs
 * nothing of the kernel's; a call from another place, in a region that has left its path, is not
 *           seen. What simulators and valgrind get: replay_host.c. */
#include "replay.h"
#include "report.h"
#include "syscall.h"

#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* headers before 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

enum { ARCH_X86_64 = 0xc000003e };       /* AUDIT_ARCH_X86_64 */
enum { SYSCALL = 0x050f, UD2 = 0x0b0f }; /* as little-endian words */

enum replay_means replay_means = MEANS_ANY;

static void on_call(int number, siginfo_t *info, struct ucontext *context)
{
    uint64_t thread = replay_thread_at(context);
    struct sigcontext *registers = &context->uc_mcontext;
    (void)number;
    if (info->si_code <= 0)
        return; /* somebody's kill */
    if (info->si_arch != (unsigned)ARCH_X86_64)
        replay_diverged(thread, registers, (uint64_t)info->si_syscall,
                        "a system call of the 32-bit interface, which no log has");
    replay_call(thread, registers, (uint64_t)info->si_syscall);
}

/* --- dispatch --------------------------------------------------------------------------------- */

static long dispatch(unsigned long how)
{
    uint64_t length = (uint64_t)elfie_stacks - (uint64_t)_start; /* all of the runtime's code */
    return how == PR_SYS_DISPATCH_ON
               ? elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, how, _start, length, 0)
               : elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, how, 0, 0, 0);
}

/* --- seccomp ---------------------------------------------------------------------------------- */

static long has_seccomp(void)
{
    uint32_t action = SECCOMP_RET_TRAP;
    if ((uint64_t)_start >> 32 != (uint64_t)elfie_stacks >> 32)
        return -1; /* the filter compares words of 32 bits */
    return elfie_syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static long install_filter(void)
{
    const uint32_t high = (uint32_t)((uint64_t)_start >> 32);
    const uint32_t low = (uint32_t)(uint64_t)_start, end = (uint32_t)(uint64_t)elfie_stacks;
    enum {
        IP_LOW = offsetof(struct seccomp_data, instruction_pointer),
        IP_HIGH = IP_LOW + 4,
    };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP_HIGH),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP_LOW),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, end, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    elfie_syscall(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return elfie_syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* --- patch ------------------------------------------------------------------------------------ */

/* A jump costs no signal; it is for regions of one thread that are not stepped. */
static int is_jumping(void)
{
    return elfie_replay.num_threads == 1 &&
           (elfie_replay.logs[0].last == LAST_IS_CALL || replay_mode != REPLAY_EXACT);
}

static int is_site(uint64_t address)
{
    uint64_t low = 0, high = elfie_replay.num_sites;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (elfie_replay.sites[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < elfie_replay.num_sites && elfie_replay.sites[low].address == address;
}

void replay_on_ud2(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *registers = &context->uc_mcontext;
    uint64_t thread = replay_thread_at(context);
    if (info->si_code > 0 && replay_answer_ud2(thread, registers))
        return;
    if (!is_site(registers->rip)) {
        elfie_report_fault(number, info, context);
        return;
    }
    registers->rip += CALL_LENGTH;
    registers->rcx = registers->rip; /* what the instruction itself does: Intel SDM volume 2 */
    registers->r11 = registers->eflags & ~(uint64_t)(TRAP_FLAG | RESUME_FLAG);
    replay_call(thread, registers, registers->rax);
}

static void patch(void)
{
    for (uint64_t i = 0; i < elfie_replay.num_sites; i++) {
        const struct replay_site *site = &elfie_replay.sites[i];
        uint16_t *code = (uint16_t *)site->address;
        if (*code != SYSCALL)
            continue;
        *code = UD2;
        if (!(is_jumping() && replay_patch_jump(site)) && !replay_has_signals())
            replay_lacks_jump(site->address);
    }
    elfie_set_action(SIGILL, replay_on_ud2, 0);
}

/* --- which ------------------------------------------------------------------------------------ */

void replay_install_means(void)
{
    int any = replay_means == MEANS_ANY;
    if (replay_needs_patches())
        replay_means = MEANS_PATCH;
    if (replay_means == MEANS_ANY || replay_means == MEANS_DISPATCH) {
        long result = dispatch(PR_SYS_DISPATCH_OFF);
        if (!result)
            replay_means = MEANS_DISPATCH;
        else if (!any)
            elfie_fail("replay by dispatch needs Linux 5.11 or later; the region was not run",
                       result);
    }
    if (replay_means == MEANS_ANY || replay_means == MEANS_SECCOMP) {
        long result = has_seccomp();
        if (!result)
            replay_means = MEANS_SECCOMP;
        else if (!any)
            elfie_fail("replay by seccomp: no filter can trap here; the region was not run",
                       result);
    }
    if (replay_means == MEANS_ANY)
        replay_means = MEANS_PATCH;
    if (replay_means == MEANS_PATCH)
        patch();
    else
        elfie_set_action(SIGSYS, on_call, 0);
}

void replay_start_means(uint64_t thread)
{
    long result = 0;
    if (replay_means == MEANS_DISPATCH)
        result = dispatch(PR_SYS_DISPATCH_ON);
    else if (replay_means == MEANS_SECCOMP && thread < elfie_config.num_threads)
        result = install_filter(); /* threads that the region starts inherit it */
    if (result)
        elfie_fail("replay: the kernel does not catch system calls; the region was not run",
                   result);
}
