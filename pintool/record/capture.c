/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a process or a core dump, gives a pinball:
 *
 *   attach    ->  snapshot  ->  write_*.c  ->  pinball
 *   core_open ->
 *
 * Neither was started by the recorder, so it uses the kernel's vdso. The pinball has in its place
 * what works in an ELFie. */
#include "capture.h"

#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "core_file.h"
#include "memory.h"
#include "message.h"
#include "permission.h"
#include "pinball.h"
#include "process.h"
#include "remote_call.h"
#include "vdso_calls.h"
#include "write.h"

static void write_state(const struct snapshot *snapshot, const struct options *options)
{
    write_text(snapshot, options->format, options->compression);
    write_reg(snapshot, options->compression);
    write_result(snapshot, NULL);
    write_procinfo(snapshot);
    write_global_log(snapshot, options->format, NULL);
}

/* --- a running process ------------------------------------------------------------------------ */

/* A thread that is in the middle of a function of the vdso goes on until it has left it: the
 * function is replaced in the pinball. */
static void leave_vdso(const struct tracee *tracee)
{
    struct maps maps = maps_read(tracee->pid);
    const struct mapping *vdso = maps_find_name(&maps, "[vdso]");
    for (size_t i = 0; vdso && i < tracee->num_threads; i++)
        if (!tracee->threads[i]->exiting && !remote_leave(tracee->threads[i], vdso->lo, vdso->hi))
            fail("thread %d does not come out of the vdso; try again", tracee->threads[i]->tid);
    maps_free(&maps);
}

void capture_process(const struct options *options)
{
    static struct tracee tracee; /* used by the exit function */
    permission_check_process(options->pid);
    pinball_open(options->base);
    attach(&tracee, options->pid);
    leave_vdso(&tracee);
    struct snapshot snapshot = snapshot_take(&tracee, process_arguments(tracee.pid));
    note("process %d: %zu thread(s) stopped", tracee.pid, snapshot.num_threads);
    vdso_calls_make(&snapshot);
    write_state(&snapshot, options);
    write_sysstate(&snapshot, false);
    tracee_check_stopped(&tracee);
    write_break(&snapshot);
    attach_end(&tracee);
    pinball_commit();
    note("%s: pinball of %zu thread(s) written; the process goes on", options->base,
         snapshot.num_threads);
}

/* --- a core dump ------------------------------------------------------------------------------ */

static void report_thread(const struct core_thread *thread, size_t number,
                          const struct mapping *vdso)
{
    if (thread->signal)
        note("thread %zu (%d): signal %d (%s) at 0x%llx", number, thread->tid, thread->signal,
             strsignal(thread->signal), thread->general.rip);
    if (vdso && thread->general.rip >= vdso->lo && thread->general.rip < vdso->hi)
        warn("thread %zu is inside a function of the vdso, which an ELFie cannot go on with",
             number);
}

/* As snapshot_take(), from a core. TRACEE is only an id. */
static struct snapshot take_core(const struct core *core, const struct tracee *tracee)
{
    struct snapshot snapshot = {.tracee = tracee, .core = core};
    const struct core_thread *threads = core_threads(core, &snapshot.num_threads);
    snapshot.arguments = core_arguments(core);
    snapshot.maps = core_maps(core);
    snapshot.modules = core_modules(core, &snapshot.maps);
    snapshot.threads = memory_resize(NULL, snapshot.num_threads, sizeof *snapshot.threads);
    for (size_t i = 0; i < snapshot.num_threads; i++) {
        snapshot.threads[i] = regs_of_core(core, &threads[i]);
        report_thread(&threads[i], i, maps_find_name(&snapshot.maps, "[vdso]"));
    }
    snapshot.table = regs_table(snapshot.threads, snapshot.num_threads);
    return snapshot;
}

void capture_core(const struct options *options)
{
    struct core *core = core_open(options->core, options->sysroot);
    struct tracee nobody = {.pid = core_pid(core), .memory = -1};
    pinball_open(options->base);
    struct snapshot snapshot = take_core(core, &nobody);
    vdso_calls_make(&snapshot);
    write_state(&snapshot, options);
    write_process_id(&snapshot);
    write_break(&snapshot);
    pinball_commit();
    note("%s: pinball of %zu thread(s) written", options->base, snapshot.num_threads);
}
