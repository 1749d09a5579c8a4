/* SPDX-License-Identifier: BSD-3-Clause */
/* What a socket is, in words. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include <sys/types.h>

/* Describes the socket INODE of process PID, as far as /proc/PID/net knows it. Caller frees. */
char *sockets_explain(pid_t pid, ino_t inode);

#endif
