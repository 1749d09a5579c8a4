/* SPDX-License-Identifier: BSD-3-Clause */
/* RDTSC and RDTSCP fault by PR_SET_TSC and get the recorded value, and so does CPUID where the
 * processor can have it fault. The same signal comes for memory that the log writes to and that is
 * not there yet; anything else is a fault of the region. */
#include "replay.h"
#include "report.h"
#include "syscall.h"

#include <linux/prctl.h>

/* What a region that has left its path is told, for each kind of instruction. */
enum question { NOT_HERE, OTHER_ADDRESS, OTHER_INSTRUCTION, NUM_QUESTIONS };
#define TEXTS(what)                                                                                \
    {                                                                                              \
        [NOT_HERE] = what " that the log does not have here",                                      \
        [OTHER_ADDRESS] = what " at another address",                                              \
        [OTHER_INSTRUCTION] = what " at another instruction"                                       \
    }
static const char *const texts[][NUM_QUESTIONS] = {
    [REPLAY_RDTSC] = TEXTS("an RDTSC"),
    [REPLAY_CPUID] = TEXTS("a CPUID"),
    [REPLAY_OTHER] = TEXTS("an RDRAND, RDSEED, RDPID or XGETBV"),
};

/* The record of the instruction; NULL in mode io where there is none. */
static const struct replay_record *find(uint64_t thread, const struct sigcontext *registers,
                                        uint64_t behind, enum replay_kind kind)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_record *r = s->record;
    if (replay_mode == REPLAY_IO)
        return replay_find_later(thread, behind, kind);
    if (r == replay_records_end(thread) && !s->stepped && !s->scheduled &&
        elfie_replay.logs[thread].last != LAST_IS_CALL)
        replay_end(thread);
    if (r == replay_records_end(thread) || r->kind != kind)
        replay_diverged(thread, registers, NO_CALL, texts[kind][NOT_HERE]);
    if (r->rip != behind)
        replay_diverged(thread, registers, NO_CALL, texts[kind][OTHER_ADDRESS]);
    if (s->stepped && r->icount != s->count)
        replay_diverged(thread, registers, NO_CALL, texts[kind][OTHER_INSTRUCTION]);
    if (!replay_count_record(thread, r->icount))
        replay_diverged(thread, registers, NO_CALL, "a stop of the schedule was not reached");
    return r;
}

int replay_answer(uint64_t thread, struct sigcontext *registers, uint64_t behind,
                  enum replay_kind kind)
{
    struct replay_state *s = replay_state_of(thread);
    s->count += s->stepped;
    const struct replay_record *r = find(thread, registers, behind, kind);
    if (!r)
        return 0;
    registers->rip = behind;
    s->record = r + 1;
    replay_set_registers(thread, registers, r);
    replay_after_record(thread, registers);
    return 1;
}

/* One of the runtime's own: reports have times. */
static void execute_rdtsc(struct sigcontext *registers)
{
    uint32_t low, high;
    elfie_syscall(__NR_prctl, PR_SET_TSC, PR_TSC_ENABLE);
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    elfie_syscall(__NR_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
    registers->rax = low;
    registers->rdx = high;
}

/* An RDTSC or, where it faults, a CPUID, at RIP. False if it is none. */
static int answer_faulting(uint64_t thread, struct sigcontext *registers)
{
    uint64_t opcode = replay_skip_prefixes(registers->rip);
    const uint8_t *code = (const uint8_t *)opcode;
    if (code[0] != 0x0f)
        return 0;
    if (code[1] == 0xa2 && replay_cpuid_faults()) {
        if (!replay_in_runtime(opcode, opcode + 2))
            return replay_answer(thread, registers, opcode + 2, REPLAY_CPUID);
        replay_execute_cpuid(registers);
        registers->rip = opcode + 2;
        return 1;
    }
    uint64_t length = code[1] == 0x31 ? 2 : code[1] == 0x01 && code[2] == 0xf9 ? 3 : 0;
    if (length == 2 && replay_in_runtime(opcode, opcode + 2)) {
        execute_rdtsc(registers);
        registers->rip = opcode + 2;
        return 1;
    }
    if (length && !replay_answer(thread, registers, opcode + length, REPLAY_RDTSC))
        elfie_syscall(__NR_prctl, PR_SET_TSC, PR_TSC_ENABLE); /* the processor's from here on */
    return length != 0;
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
    if (info->si_code != SI_KERNEL || !answer_faulting(thread, registers))
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
