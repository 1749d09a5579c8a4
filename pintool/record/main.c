/* SPDX-License-Identifier: BSD-3-Clause */
/* elfie-record: runs a program up to a start point and writes a fat pinball of that instant.
 *
 *   options -> launch, tracee -> start_point -> snapshot -> write_*.c -> pinball
 *                                                        -> region, thread_log
 *
 * The program is under ptrace and stopped from the start point on. Everything that ends the
 * recorder early (fail(), a signal) ends the program too and leaves nothing of the pinball. */
#include "launch.h"
#include "message.h"
#include "options.h"
#include "pinball.h"
#include "region.h"
#include "snapshot.h"
#include "start_point.h"
#include "tracee.h"
#include "write.h"

int main(int argc, char **argv)
{
    struct options options;
    static struct tracee tracee; /* used by the exit function */
    options_parse(argc, argv, &options);
    message_catch_signals();
    const char *file = launch_find(options.command[0]);
    pinball_open(options.base);
    if (!options.aslr)
        launch_without_aslr();
    if (options.baseline)
        launch_use_baseline();

    tracee_start(&tracee, file, options.command);
    const struct thread *first = start_point_reach(&tracee, file, &options.start);
    note("%s: reached by thread %d of process %d", options.start.text, first->tid, tracee.pid);

    struct snapshot snapshot = snapshot_take(&tracee, options.command);
    write_break(&snapshot);
    write_text(&snapshot, options.format, options.compression);
    struct region *region = NULL;
    if (options.region.end.length)
        region = region_run(&tracee, &snapshot, first, &options.region);
    else
        write_reg(&snapshot, options.compression);
    write_result(&snapshot, region);
    write_procinfo(&snapshot);
    write_global_log(&snapshot, options.format, region);
    if (!region)
        tracee_check_stopped(&tracee);
    tracee_kill(&tracee);
    pinball_commit();
    note("%s: pinball of %zu thread(s) written", options.base, snapshot.num_threads);
    return 0;
}
