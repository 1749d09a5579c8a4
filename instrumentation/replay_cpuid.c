/* SPDX-License-Identifier: BSD-3-Clause */
/* CPUID, RDRAND, RDSEED, RDPID and XGETBV get the recorded values, where the log has them: SDE's
 * has not.
 *
 * Where the processor has CPUID faulting, a CPUID is a SIGSEGV, wherever it is (replay_tsc.c). It
 * does not come to the kernel by itself otherwise, nor do the others: those that ran when the
 * region was recorded become ud2, a SIGILL for each. Of the two bytes of the opcode only the second
 * one is changed, so that no other thread finds half of it, and nobody need know whether the bytes
 * before are prefixes. Code that the region maps or makes is changed when its turn comes: all that
 * runs before is known. */
#include "instruction.h"
#include "replay.h"
#include "syscall.h"

#include <asm/errno.h>
#include <linux/mman.h>

#ifndef ARCH_SET_CPUID /* headers before 4.12 */
#define ARCH_SET_CPUID 0x1012
#endif

enum { OPCODE = 0x0f, UD2 = 0x0b }; /* the first byte; the second one of ud2 */
enum { MAX_PREFIXES = 12 };

static int faulting; /* CPUID faults in the region */

uint64_t replay_skip_prefixes(uint64_t rip)
{
    const uint8_t *code = (const uint8_t *)rip;
    for (int i = 0; i < MAX_PREFIXES && elfie_is_prefix(*code); i++)
        code++;
    return (uint64_t)code;
}

/* What the second byte of the opcode at CODE is, or was; 0 where it is no such instruction. The
 * third one tells: 0f c7 f0 and above are RDRAND, RDSEED and RDPID, 0f 01 d0 is XGETBV. */
static uint8_t second_byte(const uint8_t *code, uint64_t kind)
{
    enum { CPUID = 0xa2, GROUP_7 = 0x01, GROUP_9 = 0xc7, XGETBV = 0xd0, FIRST_NUMBER = 0xf0 };
    if (kind == REPLAY_CPUID)
        return CPUID;
    return code[2] == XGETBV ? GROUP_7 : code[2] >= FIRST_NUMBER ? GROUP_9 : 0;
}

/* --- in place of the instruction -------------------------------------------------------------- */

static void patch(uint64_t address, uint64_t kind)
{
    uint8_t *code = (uint8_t *)address;
    if ((kind == REPLAY_CPUID && faulting) || code[0] != OPCODE || !code[1] ||
        code[1] != second_byte(code, kind))
        return;
    /* Who made the layout may have taken the right to write away. */
    elfie_syscall(__NR_mprotect, (address + 1) & -PAGE_SIZE, PAGE_SIZE,
                  PROT_READ | PROT_WRITE | PROT_EXEC);
    __atomic_store_n(&code[1], UD2, __ATOMIC_RELEASE);
}

static const struct replay_instruction *find(uint64_t address)
{
    uint64_t low = 0, high = elfie_replay.num_instructions;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (elfie_replay.instructions[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct replay_instruction *found = &elfie_replay.instructions[low];
    return low < elfie_replay.num_instructions && found->address == address ? found : NULL;
}

int replay_answer_ud2(uint64_t thread, struct sigcontext *registers)
{
    uint64_t opcode = replay_skip_prefixes(registers->rip);
    uint8_t *code = (uint8_t *)opcode;
    const struct replay_instruction *instruction = find(opcode);
    if (!instruction || code[0] != OPCODE || code[1] != UD2)
        return 0;
    uint64_t behind = opcode + replay_opcode_length(instruction->kind);
    /* In mode io, without a record: it is the processor's again. */
    if (!replay_answer(thread, registers, behind, (enum replay_kind)instruction->kind))
        __atomic_store_n(&code[1], second_byte(code, instruction->kind), __ATOMIC_RELEASE);
    return 1;
}

/* All of its pages are there. */
static int is_mapped(uint64_t begin, uint64_t end)
{
    unsigned char resident[2];
    uint64_t page = begin & -PAGE_SIZE;
    return elfie_syscall(__NR_mincore, page, end - page, resident) != -ENOMEM;
}

void replay_patch_next(uint64_t thread)
{
    const struct replay_record *r = replay_state_of(thread)->record;
    if (r == replay_records_end(thread) || r->kind < REPLAY_CPUID)
        return;
    uint64_t address = r->rip - replay_opcode_length(r->kind);
    if (is_mapped(address, r->rip))
        patch(address, r->kind);
}

/* --- CPUID faulting --------------------------------------------------------------------------- */

int replay_cpuid_faults(void)
{
    return faulting;
}

/* One of the runtime's own: report.c asks what the processor has. */
void replay_execute_cpuid(struct sigcontext *registers)
{
    uint32_t a = (uint32_t)registers->rax, c = (uint32_t)registers->rcx, b, d;
    elfie_syscall(__NR_arch_prctl, ARCH_SET_CPUID, 1);
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    elfie_syscall(__NR_arch_prctl, ARCH_SET_CPUID, 0);
    registers->rax = a;
    registers->rbx = b;
    registers->rcx = c;
    registers->rdx = d;
}

/* Not in mode io, where a CPUID that the log does not have is the processor's. Nor with markers
 * before the region: Simics' is a CPUID, which a simulator has to see. */
static void try_faulting(void)
{
    int has_cpuid = 0;
    for (uint64_t i = 0; i < elfie_replay.num_instructions; i++)
        has_cpuid |= elfie_replay.instructions[i].kind == REPLAY_CPUID;
    faulting = has_cpuid && replay_mode != REPLAY_IO && !(elfie_config.flags & ELFIE_MARKERS) &&
               elfie_syscall(__NR_arch_prctl, ARCH_SET_CPUID, 0) == 0;
    if (faulting)
        elfie_syscall(__NR_arch_prctl, ARCH_SET_CPUID, 1); /* not yet: each thread turns it on */
}

/* --- the start -------------------------------------------------------------------------------- */

void replay_install_cpuid(void)
{
    try_faulting();
    for (uint64_t i = 0; i < elfie_replay.num_instructions; i++) {
        const struct replay_instruction *instruction = &elfie_replay.instructions[i];
        uint64_t end = instruction->address + replay_opcode_length(instruction->kind);
        if (elfie_captured(instruction->address, end))
            patch(instruction->address, instruction->kind);
    }
    if (elfie_replay.num_instructions)
        elfie_set_action(SIGILL, replay_on_ud2, 0);
}

void replay_start_cpuid(void)
{
    long result = faulting ? elfie_syscall(__NR_arch_prctl, ARCH_SET_CPUID, 0) : 0;
    if (result)
        elfie_fail("replay: the kernel does not catch CPUID; the region was not run", result);
}
