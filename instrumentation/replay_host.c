/* SPDX-License-Identifier: BSD-3-Clause */
/* Hosts that say they do what they do not.
 *
 * Simulators of system calls answer rt_sigaction and prctl with 0 and do nothing (gem5: ignoreFunc
 * in src/arch/x86/linux/syscall_tbl64.cc). Neither dispatch nor any other signal comes there: a
 * region is replayed by jumps in place of its system calls, or not at all.
 *
 * Valgrind hands prctl on to the kernel, which then catches valgrind's own calls. */
#include "replay.h"
#include "syscall.h"

/* SIGPIPE has been ignored by now: a kernel remembers that. */
int replay_has_signals(void)
{
    static int known, has;
    if (!known)
        has = elfie_action_of(SIGPIPE) == (elfie_handler *)(uint64_t)SIG_IGN;
    known = 1;
    return has;
}

/* RUNNING_ON_VALGRIND of valgrind.h: rotations that come to nothing, and an exchange of rbx with
 * itself, which valgrind takes for a question. */
static int in_valgrind(void)
{
    const uint64_t request[6] = {0x1001};
    uint64_t answer = 0;
    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(request)
                     : "cc", "memory");
    return answer != 0;
}

/* ADDRESS: of the place that cannot be replayed, or 0. */
static void refuse(const char *host, const char *why, uint64_t address)
{
    struct elfie_line line;
    elfie_begin(&line);
    elfie_put(&line, "replay: ");
    elfie_put(&line, host);
    elfie_put(&line, ", and ");
    elfie_put(&line, why);
    if (address)
        elfie_put_hex(&line, address);
    elfie_put(&line, "; with ELFIE_REPLAY=off its system calls are the host's\n");
    elfie_write(&line);
    elfie_fail("the region was not run", 0);
}

static const char silent[] = "this host calls no signal handlers";
static const char valgrind[] = "valgrind neither single-steps nor catches calls or RDTSC";

static void check_patches(const char *host)
{
    if (replay_means == MEANS_DISPATCH || replay_means == MEANS_SECCOMP)
        refuse(host, "ELFIE_REPLAY_MEANS is one that needs it", 0);
    if (elfie_replay.num_threads > 1 && (replay_mode == REPLAY_EXACT || host == silent))
        refuse(host, "several threads cannot be ordered without", 0);
    if (replay_mode == REPLAY_EXACT && elfie_replay.logs[0].last != LAST_IS_CALL)
        refuse(host,
               "the region does not end with a system call: only steps find its end "
               "(ELFIE_REPLAY=strict: it goes on behind that)",
               0);
    for (uint64_t t = 0; t < elfie_replay.num_threads && replay_mode != REPLAY_IO; t++)
        for (const struct replay_record *r = elfie_replay.logs[t].records;
             r < replay_records_end(t); r++)
            if (r->kind != REPLAY_CALL)
                refuse(host, "the log has what RDTSC or the like gave, before the instruction at ",
                       r->rip);
}

int replay_needs_patches(void)
{
    const char *host = !replay_has_signals() ? silent : in_valgrind() ? valgrind : NULL;
    if (host)
        check_patches(host);
    return host != NULL;
}

void replay_lacks_jump(uint64_t address)
{
    refuse(silent, "there is no room for a jump at the system call at ", address);
}
