/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Plays a region that opens files, to pintool/record/region_files.c: region-files BASE. The working
 * directory holds "data", "sub/data" and "out/data".
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../pintool/record/message.h"
#include "../pintool/record/pinball.h"
#include "../pintool/record/region_files.h"

static int opened(int directory, const char *path, int flags)
{
    int file = openat(directory, path, flags, 0600);
    if (file < 0)
        fail("%s: cannot be opened", path);
    sysstate_opened(getpid(), directory, path, flags, file);
    return file;
}

static void replace(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_TRUNC);
    if (write(file, text, strlen(text)) < 0)
        fail("%s: cannot be written", path);
    close(file);
}

/* A second region, with a pinball of its own: all is kept anew. */
static void run_another(void)
{
    pinball_open("../../opened/another");
    sysstate_begin(getpid());
    if (sysstate_last_break(1) != 1)
        fail("the break of the first region is still known");
    close(opened(AT_FDCWD, "data", O_RDONLY));
    sysstate_end();
    pinball_commit();
}

int main(int argc, char **argv)
{
    char absolute[4096];
    if (argc != 2 || !getcwd(absolute, sizeof absolute - 20))
        return 2;
    pinball_open(argv[1]);
    sysstate_begin(getpid());
    int file = opened(AT_FDCWD, "data", O_RDONLY);
    char byte;
    if (read(file, &byte, 1) != 1)
        return 1;
    replace("data", "changed by the region\n");
    opened(AT_FDCWD, "./data", O_RDWR); /* not the first time */
    if (read(file, &byte, 1) != 1 || byte != 'h')
        return 3; /* the position is the program's own */
    opened(AT_FDCWD, "sub/../sub/data", O_RDONLY);
    opened(AT_FDCWD, "new", O_RDWR | O_CREAT | O_EXCL);
    opened(AT_FDCWD, "truncated", O_RDWR | O_CREAT | O_TRUNC);
    opened(AT_FDCWD, "/proc/self/maps", O_RDONLY);
    opened(AT_FDCWD, "/dev/null", O_RDWR);
    opened(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
    strcat(absolute, "/absolute");
    opened(AT_FDCWD, absolute, O_RDONLY);
    int sub = opened(AT_FDCWD, "sub", O_RDONLY | O_DIRECTORY);
    opened(sub, "more", O_RDONLY);
    if (chdir("out") != 0)
        return 1;
    opened(AT_FDCWD, "data", O_RDONLY);    /* of another directory: out/data */
    opened(AT_FDCWD, "../data", O_RDONLY); /* "data", which is there */
    opened(AT_FDCWD, "../../beside", O_RDONLY);
    sysstate_mapped(0x7f0000000000);
    sysstate_mapped(0x7f0000001000);
    if (sysstate_last_break(0x1000) != 0x1000)
        return 4;
    sysstate_break(0x3000);
    if (sysstate_last_break(0x1000) != 0x3000)
        return 5;
    sysstate_end();
    pinball_commit();
    run_another();
    return 0;
}
