/* SPDX-License-Identifier: BSD-3-Clause */
/* What the monitor lets elfie_on_exit know. */
#ifndef ELFIE_MONITOR_H
#define ELFIE_MONITOR_H

/* How the region has ended: a status as wait4 gives it. */
extern int elfie_region_status __attribute__((visibility("hidden")));

/* Status 0, although the program has ended by itself with another one. For functions that
 * lte_atexit registers. */
extern int elfie_ends_well __attribute__((visibility("hidden")));

#endif
