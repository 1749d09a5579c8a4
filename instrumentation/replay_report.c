/* SPDX-License-Identifier: BSD-3-Clause */
/* The region has left the recorded path: says where, what the log expects there and what was found,
 * in the form of report.c, and ends with status 3. */
#include "replay.h"
#include "report.h"
#include "syscall.h"

static const char *kind_name(uint64_t kind)
{
    switch (kind) {
    case REPLAY_RDTSC:
        return "an RDTSC";
    case REPLAY_CPUID:
        return "a CPUID";
    case REPLAY_OTHER:
        return "an RDRAND, RDSEED, RDPID or XGETBV";
    default:
        return "a system call";
    }
}

static void put_found(struct elfie_line *line, const struct sigcontext *registers, uint64_t number)
{
    if (number == NO_CALL) {
        elfie_put(line, "no system call, at ");
        elfie_put_place(line, registers->rip);
        return;
    } else {
        elfie_put(line, "system call ");
        elfie_put_decimal(line, number);
        elfie_put(line, ", ");
        elfie_put(line, replay_name_of(number));
    }
    elfie_put(line, ", that returns to ");
    elfie_put_place(line, registers->rip);
}

static void put_record(struct elfie_line *line, uint64_t thread)
{
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    const struct replay_record *r = replay_state_of(thread)->record;
    uint64_t count = (uint64_t)(replay_records_end(thread) - logs->records);
    if (r == replay_records_end(thread)) {
        elfie_put(line, "the end at instruction ");
        elfie_put_decimal(line, logs->icount);
        elfie_put(line, ", behind all ");
        elfie_put_decimal(line, count);
        elfie_put(line, " records");
        return;
    }
    elfie_put(line, "record ");
    elfie_put_decimal(line, (uint64_t)(r - logs->records) + 1);
    elfie_put(line, " of ");
    elfie_put_decimal(line, count);
    elfie_put(line, ": ");
    elfie_put(line, kind_name(r->kind));
    elfie_put(line, " at instruction ");
    elfie_put_decimal(line, r->icount);
    elfie_put(line, ", that returns to ");
    elfie_put_place(line, r->rip);
}

static void put_text(struct elfie_line *line, uint64_t thread, const struct sigcontext *registers,
                     uint64_t number, const char *why)
{
    const struct replay_state *s = replay_state_of(thread);
    elfie_put_name(line);
    elfie_put(line, "thread ");
    elfie_put_decimal(line, thread);
    elfie_put(line, " (id ");
    elfie_put_decimal(line, elfie_records[thread].tid);
    elfie_put(line, ") leaves the recorded path: ");
    elfie_put(line, why);
    elfie_put(line, "\n");
    elfie_put_name(line);
    elfie_put(line, "  expected: ");
    put_record(line, thread);
    elfie_put(line, "\n");
    elfie_put_name(line);
    elfie_put(line, "  found: ");
    put_found(line, registers, number);
    if (s->stepped) {
        elfie_put(line, ", at instruction ");
        elfie_put_decimal(line, s->count);
    }
    elfie_put(line, "\n");
}

static void put_pair(struct elfie_line *line, const char *key, uint64_t value)
{
    elfie_put(line, ",\"");
    elfie_put(line, key);
    elfie_put(line, "\":");
    elfie_put_decimal(line, value);
}

static void put_address(struct elfie_line *line, const char *key, uint64_t value)
{
    elfie_put(line, ",\"");
    elfie_put(line, key);
    elfie_put(line, "\":\"");
    elfie_put_hex(line, value);
    elfie_put(line, "\"");
}

/* One object on one line. */
static void put_json(struct elfie_line *line, uint64_t thread, const struct sigcontext *registers,
                     uint64_t number, const char *why)
{
    const struct replay_logs *logs = &elfie_replay.logs[thread];
    const struct replay_state *s = replay_state_of(thread);
    const struct replay_record *r = s->record;
    elfie_put(line, "{\"elfie\":");
    elfie_put_quoted(line, elfie_config.name);
    put_pair(line, "thread", thread);
    put_pair(line, "id", elfie_records[thread].tid); /* not always the caller's */
    elfie_put(line, ",\"divergence\":");
    elfie_put_quoted(line, why);
    put_pair(line, "record", (uint64_t)(r - logs->records) + 1);
    put_pair(line, "records", (uint64_t)(replay_records_end(thread) - logs->records));
    if (r < replay_records_end(thread)) {
        put_pair(line, "expected_icount", r->icount);
        put_address(line, "expected_rip", r->rip);
    }
    put_address(line, "found_rip", registers->rip);
    if (number != NO_CALL) {
        put_pair(line, "found_call", number);
        elfie_put(line, ",\"found_name\":");
        elfie_put_quoted(line, replay_name_of(number));
    }
    if (s->stepped)
        put_pair(line, "found_icount", s->count);
    elfie_put(line, "}\n");
}

void replay_diverged(uint64_t thread, const struct sigcontext *registers, uint64_t number,
                     const char *why)
{
    static uint32_t reported;
    struct elfie_line line;
    line.length = 0;
    if (elfie_process.report == REPORT_JSON)
        put_json(&line, thread, registers, number, why);
    else
        put_text(&line, thread, registers, number, why);
    /* The first thread's report counts; others follow from it, and must not end it. */
    while (__atomic_exchange_n(&reported, 1, __ATOMIC_RELAXED))
        elfie_syscall(__NR_pause);
    if (elfie_process.report != REPORT_OFF)
        elfie_write(&line);
    elfie_not_counted = 1;
    for (;;)
        elfie_syscall(__NR_exit_group, STATUS_DIVERGED);
}
