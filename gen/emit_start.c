/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints start.S: for each thread the last instructions of the startup, which load its context
 * and jump into the region, and the context itself. Scalar registers are symbols of the linker
 * script (t0.rax); vector registers are data here, a labelled line each.
 *
 * No XRSTOR: its layout differs between processors, and simulators lack it. FXRSTOR loads x87,
 * MXCSR and XMM0-15; what the pinball has beyond that gets an instruction of its own, so that the
 * checkpoint of an SSE program runs on any x86-64 processor. */
#include "emit.h"

#include <inttypes.h>

static uint64_t little_endian(const uint8_t *bytes, int size)
{
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static void emit_octa(FILE *to, const uint8_t *bytes)
{
    fprintf(to, " .octa 0x%016" PRIx64 "%016" PRIx64 "\n", little_endian(bytes + 8, 8),
            little_endian(bytes, 8));
}

static void emit_vector_loads(FILE *to, const struct thread *t, uint32_t index)
{
    for (int n = 0; n < 32; n++)
        if (thread_vector_bytes(t, n) == 64)
            fprintf(to, "        vmovdqu64 t%u.zmm%d(%%rip), %%zmm%d\n", index, n, n);
        else if (thread_vector_bytes(t, n) == 32)
            fprintf(to, "        vmovdqu   t%u.ymm%d(%%rip), %%ymm%d\n", index, n, n);
    for (int n = 0; n < 8; n++)
        if (t->k[n])
            fprintf(to, "        kmov%c     t%u.k%d(%%rip), %%k%d\n", t->k[n] >> 16 ? 'q' : 'w',
                    index, n, n);
    if (!t->amx)
        return;
    fprintf(to, "        ldtilecfg t%u.tilecfg(%%rip)\n", index);
    for (int n = 0; n < NUM_TMM; n++) {
        if (t->amx[16 + 2 * n] && t->amx[48 + n])
            fprintf(to,
                    "        lea       t%u.tmm%d(%%rip), %%rax\n"
                    "        mov       $64, %%ecx         # bytes from row to row\n"
                    "        tileloadd (%%rax,%%rcx,1), %%tmm%d\n",
                    index, n, n);
    }
}

/* MARKERS: executed here, or NULL. The other threads wait until elfie_gate is open. */
static void emit_entry(FILE *to, const struct thread *t, uint32_t index,
                       const struct markers *markers)
{
    fprintf(to,
            "        .section .text.elfie.enter, \"ax\", @progbits\n"
            "t%1$u.enter:\n"
            "        fxrstor64 t%1$u.fx(%%rip)\n",
            index);
    emit_vector_loads(to, t, index);
    if (markers && markers->count) {
        markers_emit(to, markers, false);
        fputs("        movl      $1, elfie_gate(%rip)\n", to);
    }
    fprintf(to,
            "        pushq     t%1$u.flags(%%rip)\n"
            "        popfq\n",
            index);
    for (int i = 0; i <= RSP; i++)
        fprintf(to, "        mov       t%u.registers+0x%x(%%rip), %%%s\n", index, 8 * i,
                gpr_names[i]);
    fprintf(to,
            "        .globl    t%1$u.jump\n"
            "t%1$u.jump:\n"
            "        jmp       *t%1$u.entry(%%rip)\n"
            "        .type     t%1$u.enter, @function\n"
            "        .size     t%1$u.enter, . - t%1$u.enter\n\n",
            index);
}

static void emit_fxsave_image(FILE *to, const struct thread *t, uint32_t index)
{
    fprintf(to,
            "        .balign   16\n"
            "t%1$u.fx:\n"
            "t%1$u.fcw:   .short 0x%2$04x\n"
            "t%1$u.fsw:   .short 0x%3$04x\n"
            "t%1$u.ftw:   .short 0x%4$02x        # a bit for each register in use\n"
            "t%1$u.fop:   .short 0x%5$04x\n"
            "t%1$u.fip:   .quad 0x%6$" PRIx64 "\n"
            "t%1$u.fdp:   .quad 0x%7$" PRIx64 "\n"
            "t%1$u.mxcsr: .long 0x%8$04x, 0\n",
            index, t->fcw, t->fsw, t->ftw, t->fop, t->fip, t->fdp, t->mxcsr);
    for (int n = 0; n < 8; n++) {
        fprintf(to, "t%u.st%d:  ", index, n);
        emit_octa(to, t->st[n]);
    }
    for (int n = 0; n < 16; n++) {
        fprintf(to, "t%u.xmm%d:%s", index, n, n < 10 ? " " : "");
        emit_octa(to, t->vector[n]);
    }
    fputs("        .zero 96                # reserved by FXSAVE\n", to);
}

static void emit_wide_registers(FILE *to, const struct thread *t, uint32_t index)
{
    for (int n = 0; n < 32; n++) {
        int bytes = thread_vector_bytes(t, n);
        if (bytes)
            fprintf(to, "t%u.%cmm%d:\n", index, bytes == 64 ? 'z' : 'y', n);
        for (int i = 0; i < bytes; i += 16) {
            fputs("       ", to);
            emit_octa(to, t->vector[n] + i);
        }
    }
    for (int n = 0; n < 8; n++)
        if (t->k[n])
            fprintf(to, "t%u.k%d:    .quad 0x%016" PRIx64 "\n", index, n, t->k[n]);
    if (!t->amx)
        return;
    fprintf(to, "t%u.tilecfg:\n", index);
    for (int i = 0; i < TILECFG_SIZE + NUM_TMM * TMM_SIZE; i += 16) {
        if (i >= TILECFG_SIZE && (i - TILECFG_SIZE) % TMM_SIZE == 0)
            fprintf(to, "t%u.tmm%d:\n", index, (i - TILECFG_SIZE) / TMM_SIZE);
        fputs("       ", to);
        emit_octa(to, t->amx + i);
    }
}

static void emit_context(FILE *to, const struct thread *t, uint32_t index)
{
    fputs("        .section .data.elfie.contexts, \"aw\", @progbits\n", to);
    emit_fxsave_image(to, t, index);
    emit_wide_registers(to, t, index);
    fprintf(to, "        .balign   8\nt%u.registers:\n", index);
    for (int i = 0; i <= RSP; i++)
        fprintf(to, "        .quad t%u.%s\n", index, gpr_names[i]);
    fprintf(to,
            "t%1$u.flags:   .quad t%1$u.rflags\n"
            "t%1$u.entry:   .quad t%1$u.rip\n\n",
            index);
}

/* The runtime's table: struct elfie_thread of startup/elfie.h. */
static void emit_table(FILE *to, const struct checkpoint *c)
{
    fputs("        .section .data.elfie.threads, \"aw\", @progbits\n"
          "        .balign   8\n"
          "        .globl    elfie_threads\n"
          "        .hidden   elfie_threads\n"
          "elfie_threads:\n"
          "# entry stub, FXSAVE image, first instruction, segment bases, thread id when recorded, "
          "instructions "
          "in the region, flags\n",
          to);
    for (uint32_t t = 0; t < c->num_contexts; t++)
        fprintf(to,
                "        .quad t%1$u.enter, t%1$u.fx, t%1$u.rip, t%1$u.fs_base, t%1$u.gs_base, "
                "%2$" PRIu64 ", %3$" PRIu64 ", t%1$u.flags\n",
                c->threads[t].number, c->threads[t].os_tid, c->threads[t].icount);
    fputc('\n', to);
}

/* What a callback calls where the simulator is to see a second marker. */
static void emit_magic2(FILE *to, const struct markers *markers)
{
    fputs("# Executed where the warm-up ends, and by callbacks: void elfie_magic2(void).\n"
          "        .section .text.elfie.magic2, \"ax\", @progbits\n"
          "        .globl    elfie_magic2\n"
          "        .type     elfie_magic2, @function\n"
          "elfie_magic2:\n"
          "        push      %rbx\n",
          to);
    markers_emit(to, markers, true);
    fputs("        pop       %rbx\n"
          "        ret\n"
          "        .size     elfie_magic2, . - elfie_magic2\n\n"
          "# Not 0 when the markers in front of the region have been executed.\n"
          "        .section .data.elfie.gate, \"aw\", @progbits\n"
          "        .globl    elfie_gate\n"
          "        .hidden   elfie_gate\n"
          "        .balign   4\n"
          "elfie_gate:\n"
          "        .long     0\n\n",
          to);
}

void emit_start(FILE *to, const struct checkpoint *c, const struct start_options *o)
{
    fputs(
        "# Threads: the last instructions before the region, and the contexts they load.\n"
        "# Scalar registers (t0.rax) are symbols of the linker script; change them there. Vector\n"
        "# registers are here; this file is made anew, without a question, when the pinball or "
        "the\n"
        "# options change.\n\n",
        to);
    emit_table(to, c);
    emit_magic2(to, &o->magic2);
    for (uint32_t t = 0; t < c->num_contexts; t++) {
        uint32_t number = c->threads[t].number;
        fprintf(to, "# Thread %u\n", number);
        emit_entry(to, &c->threads[t], number, t == 0 ? &o->roi_start : NULL);
        emit_context(to, &c->threads[t], number);
    }
    fputs("        .section .note.GNU-stack, \"\", @progbits\n", to);
}
