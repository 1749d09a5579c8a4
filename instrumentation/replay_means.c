/* SPDX-License-Identifier: BSD-3-Clause */
/* How the program's system calls come to the runtime: by syscall user dispatch (Linux 5.11). All
 * of the runtime's own code is excluded, the return from its handlers above all. */
#include "replay.h"
#include "syscall.h"

#include <linux/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* headers before 5.11 */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

enum { ARCH_X86_64 = 0xc000003e }; /* AUDIT_ARCH_X86_64 */

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

static long dispatch(unsigned long how)
{
    uint64_t length = (uint64_t)elfie_stacks - (uint64_t)_start; /* all of the runtime's code */
    return how == PR_SYS_DISPATCH_ON
               ? elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, how, _start, length, 0)
               : elfie_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, how, 0, 0, 0);
}

void replay_install_means(void)
{
    elfie_set_action(SIGSYS, on_call, 0);
    long result = dispatch(PR_SYS_DISPATCH_OFF);
    if (result)
        elfie_fail("replay needs Linux 5.11 or later; the region was not run", result);
    replay_means = MEANS_DISPATCH;
}

void replay_start_means(void)
{
    long result = dispatch(PR_SYS_DISPATCH_ON);
    if (result)
        elfie_fail("replay: syscall user dispatch is refused; the region was not run", result);
}
