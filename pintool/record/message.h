/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages to the user, and what ends the recorder early: errors and signals. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <sys/types.h>

/* True with --verbose; note() prints only then. */
extern bool message_verbose;

/* Prints "elfie-record: ..." on stderr and exits with status 1. The functions registered with
 * atexit() end the program under record and remove what was written so far. After SIGINT, SIGTERM,
 * SIGHUP or SIGQUIT the message says so instead (an error is then only what the signal caused), and
 * the recorder dies of that signal. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "elfie-record: warning: ..." on stderr. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "elfie-record: ..." on stderr, if message_verbose. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes SIGINT, SIGTERM, SIGHUP and SIGQUIT end the recorder through fail(). Signals that are
 * ignored (nohup) stay ignored. To be called before any other atexit(). */
void message_catch_signals(void);

/* Process to be killed as soon as a signal arrives, so that no wait for it lasts; 0: none. */
void message_kill_on_signal(pid_t pid);

/* Fails if a signal has arrived. Called wherever the recorder works for long. */
void message_check_signal(void);

#endif
