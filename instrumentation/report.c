/* SPDX-License-Identifier: BSD-3-Clause */
/* When the region leaves its path: a fault that the program did not ask for is reported on standard
 * error, and then takes its usual course, so that exit status and core file are those of the
 * program. ELFIE_REPORT=text (default), json or off; ELFIE_DEMAND_ZERO=N gives up to N zero pages
 * where nothing was captured, and lets the region go on.
 *
 * A program that sets a handler of its own replaces this one. A stack overflow in a thread that the
 * region has started is not reported: the kernel gives such a thread no signal stack. */
#include "report.h"
#include "elfie.h"
#include "signals.h"
#include "syscall.h"

#include <asm/errno.h>
#include <cpuid.h>
#include <linux/futex.h>
#include <linux/mman.h>

enum { ERROR_WRITE = 2, ERROR_FETCH = 16 }; /* page fault error code, Intel SDM volume 3, 4.7 */
enum { NAME_MAX_SHOWN = 240 };              /* C++ has names of thousands */
enum { NULL_ZONE = 0x10000 };               /* vm.mmap_min_addr */

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}};
enum { NUM_SIGNALS = sizeof signals / sizeof *signals };

static uint32_t reporting; /* id of the thread that reports: one report, whatever the others do */

/* --- what happened --------------------------------------------------------------------------- */

static const char *signal_name(int number)
{
    for (int i = 0; i < NUM_SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "a signal";
}

static int is_page_fault(const struct elfie_fault *f)
{
    return f->signal == SIGSEGV && (f->code == SEGV_MAPERR || f->code == SEGV_ACCERR);
}

static const char *access_name(const struct elfie_fault *f)
{
    return f->error & ERROR_FETCH ? "executes" : f->error & ERROR_WRITE ? "writes" : "reads";
}

static const char *lacking_instruction(const uint8_t *code)
{
    unsigned a, b, c, d, leaf1_c;
    __cpuid(1, a, b, leaf1_c, d);
    __cpuid_count(7, 0, a, b, c, d);
    if (code[0] == 0x62 && !(b & bit_AVX512F))
        return "an AVX-512 instruction, which this processor lacks";
    if ((code[0] == 0xc4 || code[0] == 0xc5) && !(leaf1_c & bit_AVX))
        return "an AVX instruction, which this processor lacks";
    if (code[0] == 0x0f && code[1] == 0x0b)
        return "the program's own trap, ud2: it has found something wrong";
    return "an instruction that this processor lacks, or a jump to where no code is";
}

static const char *likely_reason(const struct elfie_fault *f)
{
    if (f->signal == SIGILL)
        return elfie_captured(f->rip, f->rip + 2)
                   ? lacking_instruction((const uint8_t *)f->rip)
                   : "an instruction that this processor lacks, or a jump to where no code is";
    if (f->signal == SIGFPE)
        return "the program divides by zero or overflows; with the recorded answers of its system "
               "calls it did not";
    if (f->signal == SIGBUS && f->code == BUS_ADRALN)
        return "an unaligned access while the AC flag is set: is rflags as it should be?";
    if (f->signal == SIGBUS)
        return "a page of a file that is shorter than when it was mapped";
    if (!is_page_fault(f))
        return "an address that no program can have, or a privileged instruction: a pointer is "
               "wrong, as after a system call that came back otherwise than recorded";
    if (f->address < NULL_ZONE)
        return "a null pointer: an error of the program, or a system call before it came back "
               "otherwise than recorded";
    if (elfie_captured(f->address, f->address + 1))
        return f->code == SEGV_ACCERR ? "the program has protected this page itself"
                                      : "the program has unmapped this page itself";
    return "this page was not captured";
}

/* --- where ----------------------------------------------------------------------------------- */

static const char *module_at(uint64_t begin, uint64_t end)
{
    for (const struct elfie_module *m = elfie_modules; m->name; m++)
        if (m->begin < end && begin < m->end)
            return m->name;
    return NULL;
}

static const struct elfie_symbol *symbol_at(uint64_t address)
{
    const struct elfie_symbol *found = NULL;
    for (const struct elfie_symbol *s = elfie_symbols; s->name && s->address <= address; s++)
        if (address - s->address < s->size)
            found = s;
    return found;
}

/* Nearest captured regions on both sides of ADDRESS, NULL where there is none. */
static void neighbours(uint64_t address, const struct elfie_region **below,
                       const struct elfie_region **above)
{
    *below = *above = NULL;
    for (const struct elfie_region *r = elfie_regions; r->end; r++) {
        if (r->end <= address)
            *below = r;
        else if (r->begin > address && !*above)
            *above = r;
    }
}

/* --- as text --------------------------------------------------------------------------------- */

void elfie_put_place(struct elfie_line *line, uint64_t rip)
{
    const struct elfie_symbol *s = symbol_at(rip);
    const char *module = module_at(rip, rip + 1);
    elfie_put_hex(line, rip);
    if (s) {
        elfie_put(line, ", ");
        elfie_put_at_most(line, s->name, NAME_MAX_SHOWN);
        elfie_put(line, "+");
        elfie_put_hex(line, rip - s->address);
    }
    if (module) {
        elfie_put(line, s ? " in " : ", in ");
        elfie_put_at_most(line, module, NAME_MAX_SHOWN);
    }
}

static void put_thread(struct elfie_line *line, const struct elfie_fault *f)
{
    if (f->thread >= 0) {
        elfie_put(line, "thread ");
        elfie_put_decimal(line, (uint64_t)f->thread);
    } else {
        elfie_put(line, "a thread started in the region");
    }
    elfie_put(line, " (id ");
    elfie_put_decimal(line, (uint64_t)f->tid);
    elfie_put(line, ")");
}

static void put_neighbour(struct elfie_line *line, const char *what, const struct elfie_region *r,
                          uint64_t distance)
{
    elfie_put_name(line);
    elfie_put(line, what);
    if (!r) {
        elfie_put(line, "nothing\n");
        return;
    }
    elfie_put_hex(line, r->begin);
    elfie_put(line, " to ");
    elfie_put_hex(line, r->end);
    const char *module = module_at(r->begin, r->end);
    if (module) {
        elfie_put(line, " (");
        elfie_put_at_most(line, module, NAME_MAX_SHOWN);
        elfie_put(line, ")");
    }
    elfie_put(line, ", ");
    elfie_put_hex(line, distance);
    elfie_put(line, " bytes away\n");
}

static void put_access(struct elfie_line *line, const struct elfie_fault *f)
{
    const struct elfie_region *below, *above;
    elfie_put_name(line);
    elfie_put(line, "  it ");
    elfie_put(line, access_name(f));
    elfie_put(line, " ");
    elfie_put_hex(line, f->address);
    elfie_put(line, "\n");
    neighbours(f->address, &below, &above);
    put_neighbour(line, "  captured below: ", below, below ? f->address - below->end + 1 : 0);
    put_neighbour(line, "  captured above: ", above, above ? above->begin - f->address : 0);
}

static void report_text(struct elfie_line *line, const struct elfie_fault *f)
{
    elfie_put_name(line);
    put_thread(line, f);
    elfie_put(line, " ends with ");
    elfie_put(line, signal_name(f->signal));
    elfie_put(line, " at ");
    elfie_put_place(line, f->rip);
    elfie_put(line, "\n");
    if (is_page_fault(f) || f->signal == SIGBUS)
        put_access(line, f);
    elfie_put_name(line);
    elfie_put(line, "  system calls of this thread so far: ");
    if (f->calls >= 0)
        elfie_put_decimal(line, (uint64_t)f->calls);
    else
        elfie_put(line, elfie_process.count_calls
                            ? "not counted, it was started in the region"
                            : "not counted (ELFIE_COUNT_CALLS=1 counts them)");
    elfie_put(line, "\n");
    elfie_put_name(line);
    elfie_put(line, "  likely: ");
    elfie_put(line, likely_reason(f));
    elfie_put(line, "\n");
}

/* --- as JSON, one object on one line ---------------------------------------------------------- */

static void put_number(struct elfie_line *line, const char *key, uint64_t value)
{
    elfie_put(line, ",\"");
    elfie_put(line, key);
    elfie_put(line, "\":\"");
    elfie_put_hex(line, value);
    elfie_put(line, "\"");
}

void elfie_put_quoted(struct elfie_line *line, const char *value)
{
    elfie_put(line, "\"");
    for (int i = 0; *value && i < NAME_MAX_SHOWN; i++, value++) {
        char character[2] = {*value, '\0'};
        if (*value == '"' || *value == '\\')
            elfie_put(line, "\\");
        elfie_put(line, (unsigned char)*value < ' ' ? "?" : character);
    }
    elfie_put(line, "\"");
}

static void put_string(struct elfie_line *line, const char *key, const char *value)
{
    elfie_put(line, ",\"");
    elfie_put(line, key);
    elfie_put(line, value ? "\":" : "\":null");
    if (value)
        elfie_put_quoted(line, value);
}

static void put_region(struct elfie_line *line, const char *key, const struct elfie_region *r)
{
    elfie_put(line, ",\"");
    elfie_put(line, key);
    if (!r) {
        elfie_put(line, "\":null");
        return;
    }
    elfie_put(line, "\":[\"");
    elfie_put_hex(line, r->begin);
    elfie_put(line, "\",\"");
    elfie_put_hex(line, r->end);
    elfie_put(line, "\"]");
}

static void report_json(struct elfie_line *line, const struct elfie_fault *f)
{
    const struct elfie_region *below, *above;
    const struct elfie_symbol *s = symbol_at(f->rip);
    elfie_put(line, "{\"elfie\":");
    elfie_put_quoted(line, elfie_config.name);
    elfie_put(line, ",\"thread\":");
    if (f->thread >= 0)
        elfie_put_decimal(line, (uint64_t)f->thread);
    else
        elfie_put(line, "null");
    elfie_put(line, ",\"id\":");
    elfie_put_decimal(line, (uint64_t)f->tid);
    put_string(line, "signal", signal_name(f->signal));
    put_number(line, "rip", f->rip);
    put_string(line, "symbol", s ? s->name : NULL);
    if (s)
        put_number(line, "offset", f->rip - s->address);
    put_string(line, "module", module_at(f->rip, f->rip + 1));
    if (is_page_fault(f) || f->signal == SIGBUS) {
        put_number(line, "address", f->address);
        put_string(line, "access", access_name(f));
        neighbours(f->address, &below, &above);
        put_region(line, "captured_below", below);
        put_region(line, "captured_above", above);
    }
    elfie_put(line, ",\"system_calls\":");
    if (f->calls >= 0)
        elfie_put_decimal(line, (uint64_t)f->calls);
    else
        elfie_put(line, "null");
    put_string(line, "likely", likely_reason(f));
    elfie_put(line, "}\n");
}

/* --- the handler ----------------------------------------------------------------------------- */

/* Gives a zero page where nothing was captured, while there are any left. */
static int demand_zero(const struct elfie_fault *f)
{
    struct elfie_line line;
    uint64_t page = f->address & -PAGE_SIZE;
    if (!is_page_fault(f) || f->code != SEGV_MAPERR || f->address < NULL_ZONE ||
        f->address >= USER_SPACE_END || elfie_captured(f->address, f->address + 1))
        return 0;
    if (!elfie_process.demand_zero)
        return 0;
    long result = elfie_syscall(__NR_mmap, page, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (result == -EEXIST)
        return 1; /* another thread was first, and has said so */
    if (result != (long)page)
        return 0;
    uint64_t number = __atomic_add_fetch(&elfie_process.demand_zero_used, 1, __ATOMIC_RELAXED);
    if (number > elfie_process.demand_zero) {
        elfie_syscall(__NR_munmap, page, PAGE_SIZE);
        return 0;
    }
    elfie_begin(&line);
    put_thread(&line, f);
    elfie_put(&line, " ");
    elfie_put(&line, access_name(f));
    elfie_put(&line, " a page that was not captured, at ");
    elfie_put_place(&line, f->rip);
    elfie_put(&line, ": zero page ");
    elfie_put_decimal(&line, number);
    elfie_put(&line, " of ");
    elfie_put_decimal(&line, elfie_process.demand_zero);
    elfie_put(&line, " at ");
    elfie_put_hex(&line, page);
    elfie_put(&line, "\n");
    elfie_write(&line);
    return 1;
}

/* True for the first thread to come. Another one waits: the first one's fault ends the process, and
 * its own would end it in the middle of the report. A fault of the reporting itself goes on. */
static int is_first(const struct elfie_fault *f)
{
    uint32_t who = 0, id = (uint32_t)f->tid;
    if (__atomic_compare_exchange_n(&reporting, &who, id, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return 1;
    while (who != id)
        elfie_syscall(__NR_futex, &reporting, FUTEX_WAIT, who, 0);
    return 0;
}

static void report(const struct elfie_fault *f)
{
    static struct elfie_line text; /* all of it, to be written at once */
    text.length = 0;
    if (elfie_process.report == REPORT_JSON)
        report_json(&text, f);
    else
        report_text(&text, f);
    elfie_write(&text);
}

void elfie_report_fault(int number, siginfo_t *info, struct ucontext *context)
{
    struct elfie_fault f = {
        .signal = number,
        .code = info->si_code,
        .address = (uint64_t)info->si_addr,
        .rip = context->uc_mcontext.rip,
        .error = context->uc_mcontext.err,
        .thread = elfie_signal_thread(),
        .tid = elfie_syscall(__NR_gettid),
    };
    f.calls = elfie_calls_of(f.thread);
    int asked_for = info->si_code <= 0; /* kill, tgkill, raise */
    if (!asked_for && demand_zero(&f))
        return;
    if (!asked_for && elfie_process.report != REPORT_OFF && is_first(&f))
        report(&f);
    /* The instruction faults again, now without a handler, and the core file shows it. */
    elfie_set_action(number, NULL, 0);
    if (asked_for) {
        long process = elfie_syscall(__NR_getpid);
        elfie_syscall(__NR_tgkill, process, f.tid, number);
    }
}

void elfie_install_report(void)
{
    if (elfie_process.report == REPORT_OFF && !elfie_process.demand_zero)
        return;
    for (int i = 0; i < NUM_SIGNALS; i++)
        elfie_set_action(signals[i].number, elfie_report_fault, 0);
}
