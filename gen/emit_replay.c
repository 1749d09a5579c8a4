/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints replay.S: the packed logs out of replay.bin, and struct elfie_replay of
 * instrumentation/replay.h, which says where each thread's are. Without replay it is empty. */
#include "../instrumentation/replay_log.h"
#include "emit.h"

#include <inttypes.h>

static void emit_stream(FILE *to, uint32_t thread, const char *name, uint64_t offset, uint64_t size)
{
    fprintf(to, "t%u.%s:\n", thread, name);
    if (size)
        fprintf(to, "        .incbin \"replay.bin\", 0x%" PRIx64 ", 0x%" PRIx64 "\n", offset, size);
}

static void emit_logs(FILE *to, const struct checkpoint *c)
{
    fputs("        .section .elfie.replay, \"a\", @progbits\n"
          "        .balign  8\n",
          to);
    for (uint32_t t = 0; t < c->num_static_threads; t++) {
        const struct replay_thread *p = &c->replay->threads[t];
        fprintf(to,
                "# Thread %u: %" PRIu64 " instructions, %" PRIu64 " records of %" PRIu64
                " bytes, %" PRIu64 " values, %" PRIu64 " orders\n",
                t, p->icount, p->records_size / sizeof(struct replay_record),
                (uint64_t)sizeof(struct replay_record), p->num_writes,
                p->orders_size / sizeof(struct replay_order));
        emit_stream(to, t, "records", p->records, p->records_size);
        emit_stream(to, t, "values", p->values, p->values_size);
        emit_stream(to, t, "writes", p->writes, p->writes_size);
        emit_stream(to, t, "orders", p->orders, p->orders_size);
        emit_stream(to, t, "stops", p->stops, p->stops_size);
        fprintf(to, "t%u.end:\n", t);
    }
}

static void emit_sites(FILE *to, const struct checkpoint *c)
{
    fputs("\n# System call instructions that ran, enum replay_site_form of "
          "instrumentation/replay_log.h\n"
          "elfie_replay_sites:\n",
          to);
    for (size_t i = 0; i < c->replay->sites.count; i++)
        fprintf(to, "        .quad    0x%016" PRIx64 ", %" PRIu64 "\n",
                c->replay->sites.list[i].address, c->replay->sites.list[i].form);
}

static void emit_instructions(FILE *to, const struct checkpoint *c)
{
    fputs("\n# Other instructions that the log answers, struct replay_instruction\n"
          "elfie_replay_instructions:\n",
          to);
    for (size_t i = 0; i < c->replay->instructions.count; i++)
        fprintf(to, "        .quad    0x%016" PRIx64 ", %" PRIu64 "\n",
                c->replay->instructions.list[i].address, c->replay->instructions.list[i].form);
}

/* enum replay_last */
static unsigned last_of(const struct checkpoint *c, uint32_t thread)
{
    const struct thread *t = &c->threads[thread];
    if (!t->has_num_calls)
        return LAST_UNKNOWN;
    return t->num_calls > c->replay->threads[thread].num_calls ? LAST_IS_CALL : LAST_IS_NO_CALL;
}

static void emit_table(FILE *to, const struct checkpoint *c)
{
    fprintf(to,
            "\n        .section .data.elfie.replay, \"aw\", @progbits\n"
            "        .balign  8\n"
            "        .globl   elfie_replay\n"
            "        .hidden  elfie_replay\n"
            "elfie_replay:\n"
            "        .quad    elfie_replay_variable  # reads a variable of the environment\n"
            "        .quad    elfie_replay_install   # before the threads start\n"
            "        .quad    elfie_replay_thread    # in each thread, before its context\n"
            "        .quad    elfie_replay_states    # what changes while it runs\n"
            "        .quad    elfie_replay_sites, %-3zu # system call instructions\n"
            "        .quad    elfie_replay_instructions, %-3zu # CPUID, RDRAND and the like\n"
            "        .quad    %-22d # the image has pages that the region maps later\n"
            "        .quad    %-22u # threads, also those that the region starts\n"
            "        .quad    %-22d # there is a schedule: stops have addresses\n"
            "        .quad    0x%-20" PRIx64 " # digest for a schedule\n"
            "# records, values of registers, writes, orders, stops, their end, instructions in the "
            "region, "
            "enum replay_last, address of the last instruction\n",
            c->replay->sites.count, c->replay->instructions.count, c->pages_early,
            c->num_static_threads, c->replay->scheduled, c->replay->digest);
    for (uint32_t t = 0; t < c->num_static_threads; t++)
        fprintf(to,
                "        .quad    t%1$u.records, t%1$u.values, t%1$u.writes, t%1$u.orders, "
                "t%1$u.stops, t%1$u.end, %2$" PRIu64 ", %3$u, 0x%4$" PRIx64 "\n",
                t, c->replay->threads[t].icount, last_of(c, t), c->threads[t].last_pc);
    fprintf(
        to,
        "\n        .section .bss.elfie.replay, \"aw\", @nobits\n"
        "        .balign  64\n"
        "elfie_replay_states:\n"
        "        .zero    %u * 0x100          # struct replay_state of instrumentation/replay.h\n",
        c->num_static_threads);
}

void emit_replay(FILE *to, const struct checkpoint *c)
{
    fputs("# The recorded answers of the system calls, and where they are.\n", to);
    if (c->replay) {
        emit_logs(to, c);
        emit_sites(to, c);
        emit_instructions(to, c);
        emit_table(to, c);
    } else {
        fputs("# Nothing is replayed.\n", to);
    }
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
