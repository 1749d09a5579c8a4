/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the notes of a core dump, gives threads, mapped files and the facts of the process. Kinds
 * of notes are those of include/uapi/linux/elf.h of the kernel. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include "core_private.h"
#include "memory.h"
#include "message.h"

/* Where the components of NT_X86_XSTATE lie; kernels from 6.12 on. */
#ifndef NT_X86_XSAVE_LAYOUT
#define NT_X86_XSAVE_LAYOUT 0x205
#endif

#define MAX_THREADS 100000
#define MAX_MAPPED 1000000

/* The contents of a note: SIZE bytes at DATA, foreign. */
struct note {
    GElf_Word type;
    const uint8_t *data;
    size_t size;
};

static _Noreturn void fail_short(const struct core *core, const char *what, size_t size)
{
    fail("%s: the note with %s is cut short: %zu bytes", core->name, what, size);
}

static uint64_t get(const uint8_t *data, size_t index)
{
    uint64_t value;
    memcpy(&value, data + index * sizeof value, sizeof value);
    return value;
}

/* The first note of each thread. */
static void take_status(struct core *core, const struct note *note)
{
    struct elf_prstatus status;
    struct core_thread thread = {0};
    if (note->size < sizeof status)
        fail_short(core, "a thread's registers", note->size);
    if (core->num_threads == MAX_THREADS)
        fail("%s: more than %d threads", core->name, MAX_THREADS);
    memcpy(&status, note->data, sizeof status);
    thread.tid = status.pr_pid;
    thread.signal = status.pr_cursig;
    _Static_assert(sizeof thread.general == sizeof status.pr_reg, "both are the kernel's pt_regs");
    memcpy(&thread.general, &status.pr_reg, sizeof thread.general);
    if (thread.general.cs != 0x33)
        fail("%s: thread %d is in 32-bit code: only 64-bit programs can be recorded", core->name,
             thread.tid);
    core->threads = memory_resize(core->threads, core->num_threads + 1, sizeof thread);
    core->threads[core->num_threads++] = thread;
}

static void take_extended(struct core *core, const struct note *note)
{
    if (core->num_threads == 0)
        return;
    struct xstate *extended = &core->threads[core->num_threads - 1].extended;
    /* The short form stands before the long one; of either the first. */
    if (extended->area && (note->type == NT_FPREGSET || extended->complete))
        return;
    struct xstate state = {0};
    bool good = note->type == NT_FPREGSET ? xstate_of_fxsave(note->data, note->size, &state)
                                          : xstate_of_xsave(note->data, note->size, &state);
    if (!good)
        fail_short(core, "a thread's vector registers", note->size);
    *extended = state;
}

static void take_layout(struct core *core, const struct note *note)
{
    /* type, size, offset, flags: struct x86_xfeat_component of arch/x86/include/uapi/asm/elf.h */
    for (size_t i = 0; core->num_threads > 0 && (i + 1) * 16 <= note->size; i++) {
        uint32_t component[4];
        memcpy(component, note->data + i * 16, sizeof component);
        xstate_place(&core->threads[core->num_threads - 1].extended, component[0], component[2],
                     component[1]);
    }
}

static void take_process(struct core *core, const struct note *note)
{
    struct elf_prpsinfo process;
    if (note->size < sizeof process)
        fail_short(core, "facts of the process", note->size);
    memcpy(&process, note->data, sizeof process);
    core->pid = process.pr_pid;
    free(core->arguments[0]);
    core->arguments[0] = memory_format("%.*s", (int)sizeof process.pr_psargs, process.pr_psargs);
}

static void take_auxv(struct core *core, const struct note *note)
{
    for (size_t i = 0; (i + 1) * 16 <= note->size; i++) {
        uint64_t type = get(note->data, 2 * i), value = get(note->data, 2 * i + 1);
        if (type == AT_SYSINFO_EHDR)
            core->vdso = value;
        if (type == AT_ENTRY)
            core->entry = value;
    }
}

/* Count and page size, then start, end and offset (in pages) of each, then the names. */
static void take_mapped(struct core *core, const struct note *note)
{
    if (note->size < 16 || get(note->data, 0) > MAX_MAPPED ||
        get(note->data, 0) > (note->size - 16) / 24)
        fail_short(core, "mapped files", note->size);
    uint64_t count = get(note->data, 0), page = get(note->data, 1);
    const char *name = (const char *)note->data + 16 + count * 24;
    const char *end = (const char *)note->data + note->size;
    if (page != 1 && page != PAGE_BYTES) /* gdb's gcore counts in bytes or pages */
        fail("%s: pages of %lu bytes", core->name, page);
    for (uint64_t i = 0; i < count; i++) {
        struct core_mapped mapped = {
            .lo = get(note->data, 2 + 3 * i), .hi = get(note->data, 3 + 3 * i), .file = -1};
        size_t room = (size_t)(end - name), length = strnlen(name, room);
        if (length == room)
            fail_short(core, "the names of mapped files", note->size);
        if (mapped.lo >= mapped.hi || mapped.hi > CORE_USER_END || mapped.lo % PAGE_BYTES ||
            mapped.hi % PAGE_BYTES ||
            __builtin_mul_overflow(get(note->data, 4 + 3 * i), page, &mapped.offset))
            fail("%s: mapped file %s: 0x%lx to 0x%lx is no range", core->name, name, mapped.lo,
                 mapped.hi);
        mapped.path = memory_format("%s", name);
        name += length + 1;
        core->mapped = memory_resize(core->mapped, core->num_mapped + 1, sizeof mapped);
        core->mapped[core->num_mapped++] = mapped;
    }
}

static void take(struct core *core, const struct note *note)
{
    switch (note->type) {
    case NT_PRSTATUS:
        take_status(core, note);
        break;
    case NT_FPREGSET:
    case NT_X86_XSTATE:
        take_extended(core, note);
        break;
    case NT_X86_XSAVE_LAYOUT:
        take_layout(core, note);
        break;
    case NT_PRPSINFO:
        take_process(core, note);
        break;
    case NT_AUXV:
        take_auxv(core, note);
        break;
    case NT_FILE:
        if (core->num_mapped == 0)
            take_mapped(core, note);
        break;
    default:
        break;
    }
}

void core_read_notes(struct core *core, Elf *elf, const GElf_Phdr *header)
{
    GElf_Nhdr note_header;
    size_t name, contents, offset = 0;
    if (header->p_offset > core->size || header->p_filesz > core->size - header->p_offset)
        fail("%s: cut short: its notes should end at byte %lu, and the file has %lu", core->name,
             header->p_offset + header->p_filesz, core->size);
    Elf_Data *data =
        elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz, ELF_T_NHDR);
    if (!data)
        fail("%s: its notes cannot be read: %s", core->name, elf_errmsg(-1));
    while ((offset = gelf_getnote(data, offset, &note_header, &name, &contents)) > 0) {
        struct note note = {
            .type = note_header.n_type,
            .data = (const uint8_t *)data->d_buf + contents,
            .size = note_header.n_descsz,
        };
        const char *owner = (const char *)data->d_buf + name;
        if ((note_header.n_namesz == 5 && memcmp(owner, "CORE", 5) == 0) ||
            (note_header.n_namesz == 6 && memcmp(owner, "LINUX", 6) == 0))
            take(core, &note);
    }
    if (!core->arguments[0])
        core->arguments[0] = memory_format("?");
}
