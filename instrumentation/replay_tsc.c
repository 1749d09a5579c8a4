/* SPDX-License-Identifier: BSD-3-Clause */
/* RDTSC and RDTSCP fault by PR_SET_TSC and get the recorded value. The same signal comes for memory
 * that the log writes to and that is not there yet; anything else is a fault of the region. */
#include "replay.h"
#include "report.h"
#include "syscall.h"

#include <linux/prctl.h>

/* Length of the RDTSC or RDTSCP at RIP, or 0. */
static uint64_t rdtsc_length(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)rip;
    if (code[0] != 0x0f)
        return 0;
    return code[1] == 0x31 ? 2 : code[1] == 0x01 && code[2] == 0xf9 ? 3 : 0;
}

static void answer(uint64_t thread, struct sigcontext *registers, uint64_t length)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_record *r = s->record;
    registers->rip += length;
    s->count += s->stepped;
    if (r == replay_records_end(thread) && !s->stepped &&
        elfie_replay.logs[thread].last != LAST_IS_CALL)
        replay_end(thread);
    if (r == replay_records_end(thread) || r->kind != REPLAY_RDTSC)
        replay_diverged(thread, registers, NO_CALL, "an RDTSC that the log does not have here");
    if (r->rip != registers->rip)
        replay_diverged(thread, registers, NO_CALL, "an RDTSC at another address");
    if (s->stepped && r->icount != s->count)
        replay_diverged(thread, registers, NO_CALL, "an RDTSC at another instruction");
    if (!replay_count_record(thread, r->icount))
        replay_diverged(thread, registers, NO_CALL, "a stop of the schedule was not reached");
    s->record = r + 1;
    replay_set_registers(thread, registers, r);
    replay_after_record(thread, registers);
}

static void on_fault(int number, siginfo_t *info, struct ucontext *context)
{
    struct sigcontext *registers = &context->uc_mcontext;
    uint64_t thread = replay_thread_at(context);
    struct replay_state *s = replay_state_of(thread);
    uint64_t address = (uint64_t)info->si_addr;
    if (info->si_code == SEGV_MAPERR && s->applying && address >= s->applying &&
        address < s->applying_end && !replay_in_runtime(address, address + 1)) {
        replay_map_page(address);
        return;
    }
    uint64_t length = info->si_code == SI_KERNEL ? rdtsc_length(registers->rip) : 0;
    if (length)
        answer(thread, registers, length);
    else
        elfie_report_fault(number, info, context);
}

void replay_install_tsc(void)
{
    elfie_set_action(SIGSEGV, on_fault, 0);
}

static int has_rdtsc(uint64_t thread)
{
    for (const struct replay_record *r = elfie_replay.logs[thread].records;
         r < replay_records_end(thread); r++)
        if (r->kind == REPLAY_RDTSC)
            return 1;
    return 0;
}

void replay_start_tsc(uint64_t thread)
{
    long result = elfie_syscall(__NR_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
    if (result && replay_mode != REPLAY_IO && has_rdtsc(thread))
        elfie_fail("replay: the kernel does not catch RDTSC, and the log has some; the region was "
                   "not run",
                   result);
}
