/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the stopped program, gives BASE.sysstate/BRK.log. /proc tells only where the heap's last
 * page ends, so the kernel is asked by brk(0) in the program itself. */
#include <sys/syscall.h>

#include "core_file.h"
#include "message.h"
#include "pinball.h"
#include "process.h"
#include "remote_call.h"
#include "write.h"

/* Zero if it is not known. */
static uint64_t ask_kernel(const struct snapshot *snapshot)
{
    const struct tracee *tracee = snapshot->tracee;
    uint64_t address = 0;
    /* Under seccomp a call that the program does not make itself may end it. */
    if (process_status(tracee->pid, "Seccomp") > 0 ||
        !remote_call(tracee, tracee->threads[0], SYS_brk, 0, &address) || (int64_t)address <= 0)
        return 0;
    return address;
}

uint64_t break_of(const struct snapshot *snapshot)
{
    uint64_t address =
        snapshot->core ? core_break(snapshot->core, &snapshot->modules) : ask_kernel(snapshot);
    if (address)
        return address;
    tracee_check_stopped(snapshot->tracee);
    const struct mapping *heap = maps_find_name(&snapshot->maps, "[heap]");
    warn("the program break is not known%s",
         heap ? ": the end of the heap is taken instead" : "; sysstate/BRK.log is not written");
    return heap ? heap->hi : 0;
}

void write_breaks(uint64_t first, uint64_t last)
{
    if (!first)
        return;
    struct output *output = pinball_create("sysstate/BRK.log", COMPRESS_NONE);
    output_printf(output, "0x%lx\n0x%lx\n", first, last);
    output_close(output);
}

void write_break(const struct snapshot *snapshot)
{
    uint64_t address = break_of(snapshot);
    write_breaks(address, address);
}
