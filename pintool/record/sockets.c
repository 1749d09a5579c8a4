/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a socket's number, gives its kind and addresses from /proc/PID/net (proc(5)). */
#include "sockets.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define WHY "connections are not recorded"

static FILE *open_table(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/net/%s", pid, name);
    return fopen(path, "re");
}

/* DIGITS are the words of an address in the machine's byte order, 8 digits each. */
static void format_address(const char *digits, unsigned port, char *text, size_t size)
{
    uint32_t words[4] = {0};
    char address[INET6_ADDRSTRLEN] = "?";
    size_t count = strlen(digits) / 8;
    for (size_t i = 0; i < count && i < 4; i++) {
        char word[9] = "";
        memcpy(word, digits + 8 * i, 8);
        words[i] = (uint32_t)strtoul(word, NULL, 16);
    }
    inet_ntop(count > 1 ? AF_INET6 : AF_INET, words, address, sizeof address);
    snprintf(text, size, count > 1 ? "[%s]:%u" : "%s:%u", address, port);
}

/* A line: "0: 0100007F:1F90 00000000:0000 0A ... INODE ...". */
static char *find_internet(pid_t pid, ino_t inode, const char *table, const char *kind)
{
    char line[512], local[40], remote[40], from[64], to[64];
    unsigned local_port, remote_port;
    unsigned long number;
    char *text = NULL;
    FILE *file = open_table(pid, table);
    while (file && !text && fgets(line, sizeof line, file)) {
        if (sscanf(line, " %*d: %32[0-9A-F]:%x %32[0-9A-F]:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                   local, &local_port, remote, &remote_port, &number) != 5 ||
            number != inode)
            continue;
        format_address(local, local_port, from, sizeof from);
        format_address(remote, remote_port, to, sizeof to);
        text = remote_port ? memory_format("a %s socket, %s to %s: " WHY, kind, from, to)
                           : memory_format("a %s socket at %s: " WHY, kind, from);
    }
    if (file)
        fclose(file);
    return text;
}

/* A line: "ADDRESS: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH". */
static char *find_unix(pid_t pid, ino_t inode)
{
    char line[512], path[128];
    unsigned long number;
    char *text = NULL;
    FILE *file = open_table(pid, "unix");
    while (file && !text && fgets(line, sizeof line, file)) {
        path[0] = '\0';
        if (sscanf(line, "%*x: %*x %*x %*x %*x %*x %lu %127[^\n]", &number, path) >= 1 &&
            number == inode)
            text = *path ? memory_format("a Unix socket, %s: " WHY, path)
                         : memory_format("a Unix socket without a name: " WHY);
    }
    if (file)
        fclose(file);
    return text;
}

char *sockets_explain(pid_t pid, ino_t inode)
{
    static const char *const tables[][2] = {
        {"tcp", "TCP"}, {"tcp6", "TCP"}, {"udp", "UDP"}, {"udp6", "UDP"}};
    char *text = find_unix(pid, inode);
    for (size_t i = 0; !text && i < sizeof tables / sizeof *tables; i++)
        text = find_internet(pid, inode, tables[i][0], tables[i][1]);
    return text ? text : memory_format("a socket: " WHY);
}
