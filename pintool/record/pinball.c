/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes a basename and files, gives a complete pinball or nothing. */
#include "pinball.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"

#define SYSSTATE "sysstate/"

struct file {
    char *suffix;    /* with the extension */
    char *temporary; /* where it is before it is moved */
    bool moved;
};

static struct {
    char *base;      /* as the user named it */
    char *directory; /* its directory, "." if it names none */
    char *name;      /* its last component */
    char *temporary; /* the hidden directory, NULL before it exists and after it is gone */
    struct file *files;
    size_t num_files;
    size_t num_added; /* files so far, those dropped included */
    char **made;      /* directories that did not exist before, outermost first */
    size_t num_made;
} pinball;

static char *path_of(const char *suffix)
{
    return memory_format("%s.%s", pinball.base, suffix);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0777) == 0) {
        pinball.made = memory_resize(pinball.made, pinball.num_made + 1, sizeof *pinball.made);
        pinball.made[pinball.num_made++] = memory_format("%s", path);
    } else if (errno != EEXIST) {
        fail("%s: cannot create this directory for the pinball: %s; name another with --output",
             path, strerror(errno));
    }
}

static void make_directories(const char *path)
{
    char *part = memory_format("%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        make_directory(part);
        *slash = '/';
    }
    make_directory(part);
    free(part);
}

/* The exit function: after pinball_commit() there is nothing to do. */
static void abandon(void)
{
    for (size_t i = 0; i < pinball.num_files; i++) {
        struct file *file = &pinball.files[i];
        unlink(file->moved ? path_of(file->suffix) : file->temporary);
    }
    if (pinball.temporary)
        rmdir(pinball.temporary);
    /* Innermost first; one that is not empty is kept, it is no longer ours alone. */
    while (pinball.num_made > 0)
        rmdir(pinball.made[--pinball.num_made]);
}

static void split_base(const char *base)
{
    const char *slash = strrchr(base, '/');
    const char *name = slash ? slash + 1 : base;
    if (*name == '\0')
        fail("%s: not a basename: it must not end in '/'; the files are called BASENAME.text etc.",
             base);
    pinball.base = memory_format("%s", base);
    pinball.name = memory_format("%s", name);
    if (!slash)
        pinball.directory = memory_format(".");
    else if (slash == base)
        pinball.directory = memory_format("/");
    else
        pinball.directory = memory_format("%.*s", (int)(slash - base), base);
}

void pinball_open(const char *base)
{
    split_base(base);
    atexit(abandon);
    make_directories(pinball.directory);
    char *template = memory_format("%s/.%s.XXXXXX", pinball.directory, pinball.name);
    if (!mkdtemp(template))
        fail("%s: cannot write the pinball here: %s; name another place with --output",
             pinball.directory, strerror(errno));
    pinball.temporary = template;

    char *sysstate = path_of("sysstate");
    struct stat status;
    if (stat(sysstate, &status) == 0 && !S_ISDIR(status.st_mode))
        fail("%s: in the way: a directory of this name is part of the pinball", sysstate);
    free(sysstate);
}

/* SUFFIX with the extension. */
static struct file *add_file(char *suffix)
{
    pinball.files = memory_resize(pinball.files, pinball.num_files + 1, sizeof *pinball.files);
    struct file *file = &pinball.files[pinball.num_files];
    *file = (struct file){
        .suffix = suffix,
        .temporary = memory_format("%s/%zu", pinball.temporary, pinball.num_added++),
    };
    pinball.num_files++;
    return file;
}

struct output *pinball_create(const char *suffix, enum compression compression)
{
    struct file *file = add_file(memory_format("%s%s", suffix, output_extension(compression)));
    char *name = path_of(file->suffix);
    struct output *output = output_open(file->temporary, name, compression);
    free(name);
    return output;
}

char *pinball_reserve(const char *suffix)
{
    return memory_format("%s", add_file(memory_format("%s", suffix))->temporary);
}

static struct file *find_file(const char *suffix)
{
    for (size_t i = 0; i < pinball.num_files; i++)
        if (strcmp(pinball.files[i].suffix, suffix) == 0)
            return &pinball.files[i];
    return NULL;
}

static bool is_ours(const char *suffix)
{
    return find_file(suffix) != NULL;
}

bool pinball_link(const char *existing, const char *suffix)
{
    const struct file *file = find_file(existing);
    if (!file)
        return false;
    char *from = memory_format("%s", file->temporary); /* add_file() moves the list */
    struct file *added = add_file(memory_format("%s", suffix));
    bool linked = link(from, added->temporary) == 0;
    if (!linked)
        pinball_drop(suffix);
    free(from);
    return linked;
}

void pinball_drop(const char *suffix)
{
    struct file *file = find_file(suffix);
    if (!file)
        return;
    unlink(file->temporary);
    free(file->suffix);
    free(file->temporary);
    *file = pinball.files[--pinball.num_files];
}

/* True if BASE.SUFFIX is a name which some pinball file has. Others are the user's own. */
static bool is_pinball_suffix(const char *suffix)
{
    static const char *const whole[] = {"global.log", "text",    "address",  "procinfo.xml",
                                        "cpuid.def",  "log.txt", "schedule", NULL};
    static const char *const of_thread[] = {"reg",      "sel",       "race", "result",
                                            "dyn_text", "sync_text", NULL};
    const char *const *names = whole;
    if (strncmp(suffix, "event_icount.", 13) == 0) {
        suffix += 13;
        suffix += strspn(suffix, "0123456789");
        return strcmp(suffix, ".txt") == 0;
    }
    if (isdigit((unsigned char)*suffix)) {
        suffix += strspn(suffix, "0123456789");
        if (*suffix++ != '.')
            return false;
        names = of_thread;
    }
    for (; *names; names++) {
        size_t length = strlen(*names);
        if (strncmp(suffix, *names, length) != 0)
            continue;
        const char *rest = suffix + length;
        if (*rest == '\0' || strcmp(rest, ".bz2") == 0 || strcmp(rest, ".gz") == 0)
            return true;
    }
    return false;
}

/* Files FD_N that an older FD.log names: the recorder made them. */
static void remove_stale_copies(void)
{
    char *path = path_of(SYSSTATE "FD.log");
    char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "re");
    while (file && getline(&line, &size, file) > 0) {
        int number, end = 0;
        if (sscanf(line, "%d file %n", &number, &end) != 1 || end == 0 || number < 0)
            continue;
        char *suffix = memory_format(SYSSTATE "workdir/FD_%d", number);
        char *copy = path_of(suffix);
        if (!is_ours(suffix))
            unlink(copy);
        free(copy);
        free(suffix);
    }
    free(line);
    free(path);
    if (file)
        fclose(file);
}

/* Files of an older pinball under the same name would be read together with the new ones. */
static void remove_stale(void)
{
    DIR *directory = opendir(pinball.directory);
    if (!directory)
        fail("%s: cannot be read: %s", pinball.directory, strerror(errno));
    size_t length = strlen(pinball.name);
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *suffix = entry->d_name + length + 1;
        if (strncmp(entry->d_name, pinball.name, length) != 0 || entry->d_name[length] != '.' ||
            !is_pinball_suffix(suffix) || is_ours(suffix))
            continue;
        if (unlinkat(dirfd(directory), entry->d_name, 0) != 0)
            warn("%s/%s: a file of an older pinball cannot be removed: %s", pinball.directory,
                 entry->d_name, strerror(errno));
        else
            note("%s/%s: file of an older pinball removed", pinball.directory, entry->d_name);
    }
    closedir(directory);

    /* Other files in workdir/ may be some that the user put there himself. */
    remove_stale_copies();
    static const char *const logs[] = {"BRK.log", "MMAP.log", "PID.log", "CWD.log", "FD.log"};
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        char *suffix = memory_format(SYSSTATE "%s", logs[i]);
        char *path = path_of(suffix);
        if (!is_ours(suffix))
            unlink(path);
        free(path);
        free(suffix);
    }
}

static void move_file(struct file *file)
{
    char *path = path_of(file->suffix);
    char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        *slash = '\0';
        make_directories(path);
        *slash = '/';
    }
    if (rename(file->temporary, path) != 0)
        fail("%s: cannot be put in place: %s", path, strerror(errno));
    file->moved = true;
    free(path);
}

void pinball_commit(void)
{
    /* From here to the end it is a matter of a few renames: a signal may wait for that. */
    sigset_t all;
    sigfillset(&all);
    message_check_signal();
    sigprocmask(SIG_BLOCK, &all, NULL);

    char *sysstate = path_of("sysstate");
    make_directory(sysstate);
    free(sysstate);
    remove_stale();
    for (size_t i = 0; i < pinball.num_files; i++)
        move_file(&pinball.files[i]);
    if (rmdir(pinball.temporary) != 0)
        warn("%s: cannot be removed: %s", pinball.temporary, strerror(errno));
    pinball.temporary = NULL;
    pinball.num_files = 0;
    pinball.num_made = 0;
}
