/* SPDX-License-Identifier: BSD-3-Clause */
/* elfie-record: runs a program up to a start point and writes a fat pinball of that instant.
 *
 *   options -> launch, tracee -> start_point -> snapshot -> write_*.c -> pinball
 *
 * The program is under ptrace and stopped from the start point on. Everything that ends the
 * recorder early (fail(), a signal) ends the program too and leaves nothing of the pinball. */
#include "capture.h"
#include "launch.h"
#include "message.h"
#include "options.h"
#include "pinball.h"
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
    if (options.pid || options.core) {
        options.pid ? capture_process(&options) : capture_core(&options);
        return 0;
    }
    const char *file = launch_find(options.command[0]);
    pinball_open(options.base);
    if (options.baseline)
        launch_use_baseline();

    tracee_start(&tracee, file, options.command);
    const struct thread *first = start_point_reach(&tracee, file, &options.start);
    note("%s: reached by thread %d of process %d", options.start.text, first->tid, tracee.pid);

    struct snapshot snapshot = snapshot_take(&tracee, options.command);
    write_text(&snapshot, options.format, options.compression);
    write_reg(&snapshot, options.compression);
    write_result(&snapshot);
    write_procinfo(&snapshot);
    write_global_log(&snapshot, options.format);
    write_sysstate(&snapshot);
    tracee_check_stopped(&tracee);
    write_break(&snapshot);
    tracee_kill(&tracee);
    pinball_commit();
    note("%s: pinball of %zu thread(s) written", options.base, snapshot.num_threads);
    return 0;
}
