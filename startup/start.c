/* SPDX-License-Identifier: BSD-3-Clause */
/* The startup, in order. Takes what the kernel left on its stack; ends in the region. */
#include "../instrumentation/replay.h"
#include "elfie.h"

_Noreturn void elfie_start(const uint64_t *block) __attribute__((visibility("hidden")));

void elfie_start(const uint64_t *block)
{
    int monitored = elfie_config.on_exit || elfie_config.flags & ELFIE_MONITOR;
    elfie_read_environ(block);
    if (monitored)
        elfie_remember_directory();
    elfie_check_features();
    elfie_move_all();
    elfie_set_break();
    elfie_clear_signal_mask();
    elfie_install_report();
    if (elfie_config.replay)
        elfie_config.replay->install();
    if (!elfie_process.replayed) { /* which knows all calls, and asks for no files */
        elfie_restore_sysstate();
        elfie_install_call_counting();
    }
    elfie_protect_all();
    elfie_config.on_start(elfie_config.num_threads, NULL);
    if (monitored)
        elfie_run_monitored();
    elfie_run_threads();
}
