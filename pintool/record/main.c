/* SPDX-License-Identifier: BSD-3-Clause */
/* elfie-record: runs a program up to a start point and writes a fat pinball of that instant, and of
 * the region that follows.
 *
 *   options -> record -> launch, tracee -> start_point -> snapshot -> write_*.c -> pinball
 *                                                                  -> region, thread_log
 *
 * The program is under ptrace and stopped from the start point on. Everything that ends the
 * recorder early (fail(), a signal) ends the program too and leaves nothing of the pinball. */
#include "capture.h"
#include "message.h"
#include "options.h"
#include "record.h"
#include "replay_check.h"

int main(int argc, char **argv)
{
    struct options options;
    options_parse(argc, argv, &options);
    message_catch_signals();
    if (options.pid)
        capture_process(&options);
    else if (options.core)
        capture_core(&options);
    else if (options.replay_base)
        replay_check(options.replay_base);
    else
        record_program(&options);
    return 0;
}
