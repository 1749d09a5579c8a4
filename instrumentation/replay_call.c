/* SPDX-License-Identifier: BSD-3-Clause */
/* A system call of the region: finds its record, checks that it is the one, and answers. */
#include "replay.h"
#include "syscall.h"

#include <asm/prctl.h>
#include <stddef.h>

#define FLAGS_SET UINT64_C(0x240cd5) /* that a program can set for itself; as gen/emit_start.c */

static void copy(uint64_t to, const void *from, uint64_t size)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

const struct replay_record *replay_records_end(uint64_t thread)
{
    return (const struct replay_record *)elfie_replay.logs[thread].values;
}

static int is_tid_word(const struct replay_write *w)
{
    for (uint64_t t = 0; t < elfie_replay.num_threads; t++) {
        uint64_t word = replay_state_of(t)->tid_word;
        if (word && w->address < word + 4 && word < w->address + w->size)
            return 1;
    }
    return 0;
}

void replay_apply(struct replay_state *s, uint64_t icount)
{
    uint64_t thread = (uint64_t)((union replay_slot *)s - elfie_replay.states);
    const struct replay_write *end = (const void *)elfie_replay.logs[thread].orders;
    while (s->write < end && s->write->icount <= icount) {
        const struct replay_write *w = s->write;
        if (replay_mode != REPLAY_IO || !is_tid_word(w)) {
            /* Memory that a call has given which is not in the policy is mapped when the write
             * faults: replay_tsc.c. */
            s->applying = w->address;
            s->applying_end = w->address + w->size;
            copy(w->address, w + 1, w->size);
            s->applying = 0;
        }
        s->write = (const void *)((const uint8_t *)(w + 1) + ((w->size + 7) & -8ul));
    }
}

/* Instruction of the thread's next call, behind its next record. */
static uint64_t next_call(uint64_t thread)
{
    const struct replay_record *r = replay_state_of(thread)->record;
    const struct replay_record *end = replay_records_end(thread);
    while (r < end && r->kind != REPLAY_CALL)
        r++;
    return r < end ? r->icount : UINT64_MAX;
}

/* In mode io a thread may call the futex more or fewer times: what was not reached is left out. */
const struct replay_record *replay_find_later(uint64_t thread, uint64_t rip, enum replay_kind kind)
{
    for (const struct replay_record *r = replay_state_of(thread)->record;
         r < replay_records_end(thread); r++)
        if (r->kind == kind && r->rip == rip)
            return r;
    return NULL;
}

/* The record of the call that returns to REGISTERS->rip, or NULL in mode io where there is none. */
static const struct replay_record *find(uint64_t thread, const struct sigcontext *registers,
                                        uint64_t number)
{
    struct replay_state *s = replay_state_of(thread);
    const struct replay_record *r = s->record;
    if (replay_mode == REPLAY_IO) {
        r = replay_find_later(thread, registers->rip, REPLAY_CALL);
        if (r)
            s->record = r + 1;
        return r;
    }
    if (r == replay_records_end(thread)) {
        if (!s->stepped && !s->scheduled && elfie_replay.logs[thread].last != LAST_IS_CALL)
            replay_end(thread); /* the region ended between the last record and here */
        if (number == __NR_execve || number == __NR_execveat)
            replay_end(thread); /* another program */
        replay_diverged(thread, registers, number, "the log has no more records");
    }
    if (r->kind != REPLAY_CALL)
        replay_diverged(thread, registers, number,
                        r->kind == REPLAY_RDTSC ? "the log has an RDTSC before the next call"
                        : r->kind == REPLAY_CPUID
                            ? "the log has a CPUID before the next call"
                            : "the log has an RDRAND, RDSEED, RDPID or XGETBV "
                              "before the next call");
    if (r->rip != registers->rip)
        replay_diverged(thread, registers, number, "another instruction calls");
    if (s->stepped && r->icount != s->count)
        replay_diverged(thread, registers, number, "the call comes at another instruction");
    if (!replay_count_record(thread, r->icount))
        replay_diverged(thread, registers, number, "a stop of the schedule was not reached");
    s->record = r + 1;
    return r;
}

static uint64_t execute(const struct sigcontext *r, uint64_t number)
{
    return (uint64_t)elfie_syscall6((long)number, (long)r->rdi, (long)r->rsi, (long)r->rdx,
                                    (long)r->r10, (long)r->r8, (long)r->r9);
}

static void set_segment(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                        uint64_t recorded)
{
    uint64_t code = registers->rdi;
    if (code < ARCH_SET_GS || code > ARCH_GET_GS)
        return;
    if (execute(registers, number) != recorded)
        replay_diverged(thread, registers, number, "the kernel answers otherwise");
}

/* Where struct sigcontext has the registers of enum replay_register. */
static const uint8_t places[NUM_REPLAY_REGISTERS] = {
#define PLACE(register, member) [register] = offsetof(struct sigcontext, member)
    PLACE(REPLAY_R15, r15), PLACE(REPLAY_R14, r14),      PLACE(REPLAY_R13, r13),
    PLACE(REPLAY_R12, r12), PLACE(REPLAY_R11, r11),      PLACE(REPLAY_R10, r10),
    PLACE(REPLAY_R9, r9),   PLACE(REPLAY_R8, r8),        PLACE(REPLAY_RDI, rdi),
    PLACE(REPLAY_RSI, rsi), PLACE(REPLAY_RBP, rbp),      PLACE(REPLAY_RBX, rbx),
    PLACE(REPLAY_RDX, rdx), PLACE(REPLAY_RCX, rcx),      PLACE(REPLAY_RAX, rax),
    PLACE(REPLAY_RSP, rsp), PLACE(REPLAY_RFLAGS, eflags)};

void replay_set_registers(uint64_t thread, struct sigcontext *registers,
                          const struct replay_record *record)
{
    const uint64_t *value = elfie_replay.logs[thread].values + record->first;
    if (record->kind != REPLAY_OTHER)
        registers->rax = record->rax;
    for (int i = 0; i < NUM_REPLAY_REGISTERS; i++) {
        if (!(record->registers >> i & 1))
            continue;
        if (i == REPLAY_FS_BASE)
            elfie_syscall(__NR_arch_prctl, ARCH_SET_FS, *value);
        else if (i == REPLAY_GS_BASE)
            elfie_syscall(__NR_arch_prctl, ARCH_SET_GS, *value);
        else if (i == REPLAY_RFLAGS)
            registers->eflags = (registers->eflags & ~FLAGS_SET) | (*value & FLAGS_SET);
        else
            *(uint64_t *)((char *)registers + places[i]) = *value;
        value++;
    }
}

/* What the kernel has to do, in mode io, for a thread that others wait for. */
static void tell_kernel(struct replay_state *s, const struct sigcontext *registers, uint64_t number)
{
    if (replay_mode != REPLAY_IO)
        return;
    if (number == __NR_set_tid_address)
        s->tid_word = registers->rdi;
    execute(registers, number);
}

/* Does what the policy says beside the recorded result. */
static void act(uint64_t thread, struct sigcontext *registers, uint64_t number,
                enum replay_action action, const struct replay_record *record)
{
    uint64_t result = record->rax;
    switch (action) {
    case SHOW:
        replay_show(registers, number, (int64_t)result);
        break;
    case DESCRIPTOR:
        replay_descriptor(registers, number, (int64_t)result);
        break;
    case MAP:
    case UNMAP:
    case REMAP:
    case BREAK:
    case DISCARD:
        replay_memory(thread, registers, action, result);
        break;
    case SEGMENT:
        set_segment(thread, registers, number, result);
        break;
    case YIELD:
        execute(registers, number);
        break;
    case OWN_THREAD:
        tell_kernel(replay_state_of(thread), registers, number);
        break;
    case CLONE:
        replay_clone(thread, registers, number, record);
        break;
    case RETURN:
        if (!(record->registers >> REPLAY_RSP & 1))
            replay_diverged(thread, registers, number,
                            "the program returns from a signal handler, and the log has not all "
                            "registers");
        break;
    case INJECT:
    case FUTEX:
    case EXIT:
    case EXIT_GROUP:
        break;
    }
}

static const char *how(enum replay_action action, const struct sigcontext *registers,
                       uint64_t number)
{
    switch (action) {
    case SHOW:
    case MAP:
    case UNMAP:
    case REMAP:
    case BREAK:
    case SEGMENT:
    case YIELD:
        return "executed";
    case OWN_THREAD:
        return replay_mode == REPLAY_IO ? "executed" : "injected";
    case CLONE:
        return replay_starts_thread(registers, number) ? "executed" : "injected";
    default:
        return "injected";
    }
}

/* Calls that do not come back, and have no record. */
static void leave(uint64_t thread, const struct sigcontext *registers, uint64_t number)
{
    const struct replay_state *s = replay_state_of(thread);
    int early = s->record < replay_records_end(thread) ||
                !replay_count_record(thread, elfie_replay.logs[thread].icount) ||
                (s->stepped && s->count != elfie_replay.logs[thread].icount);
    if (early && replay_mode != REPLAY_IO)
        replay_diverged(thread, registers, number, "the thread ends before its log does");
    replay_trace(thread, registers, number, 0, "executed");
    if (number == __NR_exit)
        replay_exit(thread, registers->rdi);
    replay_exit_group(thread, registers->rdi);
}

/* Mode io: a futex, or a call that the log does not have. */
static uint64_t without_record(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                               enum replay_action action)
{
    if (action == CLONE || action == RETURN)
        replay_diverged(thread, registers, number, "the log does not have it, and it needs a log");
    if (number == __NR_rt_sigaction || number == __NR_rt_sigprocmask || number == __NR_sigaltstack)
        return 0; /* never executed: replay_policy.c */
    return execute(registers, number);
}

void replay_call(uint64_t thread, struct sigcontext *registers, uint64_t number)
{
    struct replay_state *s = replay_state_of(thread);
    enum replay_action action = replay_action_of(number);
    elfie_records[thread].calls++;
    s->count += s->stepped;
    if (action == EXIT || action == EXIT_GROUP)
        leave(thread, registers, number);
    const struct replay_record *record =
        action == FUTEX && replay_mode == REPLAY_IO ? NULL : find(thread, registers, number);
    uint64_t answer;
    if (record) {
        act(thread, registers, number, action, record);
        answer = record->rax;
        if (!s->stepped && !s->scheduled)
            replay_apply(s, next_call(thread));
        replay_trace(thread, registers, number, answer, how(action, registers, number));
    } else {
        answer = without_record(thread, registers, number, action);
        replay_trace(thread, registers, number, answer, "executed");
    }
    if (record)
        replay_set_registers(thread, registers, record);
    else
        registers->rax = answer;
    registers->r11 &= ~(uint64_t)TRAP_FLAG;
    replay_after_record(thread, registers);
}
