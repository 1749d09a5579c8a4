/* SPDX-License-Identifier: BSD-3-Clause */
/* The monitor: with an exit callback, or --monitor-thread, the process that the user started does
 * not become the region. It creates the process that does, in the same memory and with the same
 * descriptors, waits until that has ended, calls elfie_on_exit, and ends as the region has ended:
 * by the same status or by the same signal.
 *
 * A process and not a thread: exit_group, and a signal that ends the program, end all threads of
 * theirs. Its working directory is its own, so that callbacks find their files whatever the region
 * does. */
#include "monitor.h"
#include "elfie.h"
#include "ending.h"
#include "signals.h"
#include "syscall.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/time_types.h>
#include <linux/wait.h>

enum { TICK_SECONDS = 1, NUM_SIGNALS = 64 };

int elfie_region_status;
int elfie_ends_well;
static long region_process;

/* The child: the thread that becomes thread 0 of the region. */
static void run_region(uint64_t monitor)
{
    elfie_syscall(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL);
    if ((uint64_t)elfie_syscall(__NR_getppid) != monitor) /* it has ended already */
        elfie_syscall(__NR_exit_group, STATUS_STARTUP_FAILED);
    elfie_clear_signal_mask();
    elfie_run_threads();
}

/* The next signal for this process; 0 when it is time to look after the region. */
static int next_signal(siginfo_t *info)
{
    const uint64_t all = ~UINT64_C(0);
    const struct __kernel_timespec tick = {.tv_sec = TICK_SECONDS};
    long got = elfie_syscall(__NR_rt_sigtimedwait, &all, info, &tick, sizeof all);
    return got < 0 ? 0 : (int)got;
}

static int has_ended(int options)
{
    long self = elfie_syscall(__NR_getpid);
    if (elfie_syscall(__NR_wait4, region_process, &elfie_region_status, options | WUNTRACED,
                      NULL) != region_process)
        return 0;
    if ((elfie_region_status & 0xff) != 0x7f)
        return 1;
    elfie_syscall(__NR_kill, self, SIGSTOP); /* stopped: whoever waits for us has to see that */
    return 0;
}

/* What somebody sends to the process that they have started is meant for the region. What comes
 * from the terminal goes to both by itself. */
static void wait_for_region(void)
{
    for (;;) {
        siginfo_t info;
        int signal = next_signal(&info);
        if (signal == SIGCHLD) {
            if (has_ended(WNOHANG))
                return;
        } else if (signal && info.si_code <= 0 && info.si_pid != region_process) {
            elfie_syscall(__NR_kill, region_process, signal);
        }
        elfie_look_after_ends(region_process);
    }
}

static _Noreturn void end_as_the_region(void)
{
    int signal = elfie_region_status & 0x7f;
    if (!signal)
        elfie_syscall(__NR_exit_group, elfie_ends_well ? 0 : elfie_region_status >> 8 & 0xff);
    /* The core file, if there is one, is the region's. */
    const struct rlimit64 no_core = {0, 0};
    uint64_t action[4] = {0}, none = 0;
    elfie_syscall(__NR_prlimit64, 0, RLIMIT_CORE, &no_core, NULL);
    elfie_syscall(__NR_rt_sigaction, signal, action, NULL, sizeof none);
    elfie_syscall(__NR_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
    long self = elfie_syscall(__NR_getpid);
    elfie_syscall(__NR_kill, self, signal);
    for (;;)
        elfie_syscall(__NR_exit_group, 128 + signal);
}

void elfie_run_monitored(void)
{
    const uint64_t all = ~UINT64_C(0);
    char *stack = elfie_stack_of(0) + elfie_layout.callback_stack_size;
    elfie_syscall(__NR_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    uint64_t self = (uint64_t)elfie_syscall(__NR_getpid);
    /* Inherited as ignored, there would be neither a signal nor a status of the region's end. */
    elfie_set_action(SIGCHLD, NULL, 0);
    region_process =
        elfie_clone(CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | SIGCHLD, stack, run_region, self);
    if (region_process < 0)
        elfie_fail(
            region_process == -EINVAL
                ? "this host has no processes that share memory, and a monitor needs one; the "
                  "region was not run"
                : "cannot create the process of the region (see ulimit -u); it was not run",
            region_process);
    wait_for_region();
    if (elfie_region_has_started() && elfie_config.on_exit)
        elfie_config.on_exit();
    elfie_call_exit_functions();
    end_as_the_region();
}
