/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes system calls with their results, gives B.sysstate/:
 *
 *   open           a file under its name; what is read of it is put where it was read
 *   read ...       of a descriptor that was not opened in the region: workdir/FD_N
 *   brk, mmap      BRK.log, MMAP.log
 *   getpid, getcwd PID.log, CWD.log
 *
 * A position that is not known counts from 0: FD_N then holds what was read from the region's start
 * on, and that is where the ELFie begins to read. */
#include "sysstate_trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sysstate.h"

/* arch/x86/entry/syscalls/syscall_64.tbl of Linux */
enum {
    CALL_READ = 0,
    CALL_WRITE = 1,
    CALL_OPEN = 2,
    CALL_CLOSE = 3,
    CALL_LSEEK = 8,
    CALL_MMAP = 9,
    CALL_BRK = 12,
    CALL_PREAD = 17,
    CALL_READV = 19,
    CALL_WRITEV = 20,
    CALL_DUP = 32,
    CALL_DUP2 = 33,
    CALL_GETPID = 39,
    CALL_RECVFROM = 45,
    CALL_FCNTL = 72,
    CALL_GETCWD = 79,
    CALL_CREAT = 85,
    CALL_OPENAT = 257,
    CALL_DUP3 = 292,
};

#define MAX_DESCRIPTOR (1 << 20)
#define NOT_A_DIRECTORY (-100) /* AT_FDCWD */

/* An open file of the program, which several descriptors may share. */
struct open_file {
    unsigned references;
    int before;        /* opened before the region, as this descriptor; else -1 */
    int file;          /* its copy, -1: none */
    uint64_t position; /* of the next read */
    uint64_t start;    /* position at the region's start, of one from before */
    int reads, writes; /* whether the region did */
    struct open_file *next, *next_closed;
};

/* Memory that a call has filled from a file and that the program has not touched since. */
struct range {
    uint64_t lo, hi;
    struct open_file *open_file;
    uint64_t position; /* in the file, of lo */
};

#define MAX_RANGES 4096

struct sysstate_trace {
    struct range ranges[MAX_RANGES]; /* the latest ones */
    size_t num_ranges;
    uint64_t lo, hi; /* all ranges lie in this */
    char *directory;
    sysstate_reader *reader;
    void *context;
    struct open_file **descriptors;
    size_t num_descriptors;
    struct open_file *before; /* list of all that were open before, closed or not */
    struct open_file *closed; /* by the region */
    uint64_t first_break, last_break;
    uint64_t *mapped;
    size_t num_mapped;
    int64_t pid;
    char *working_directory;
    int error;
    char text[256];
};

/* --- small things ----------------------------------------------------------------------------- */

struct sysstate_trace *sysstate_trace_new(const char *directory, sysstate_reader *reader,
                                          void *context)
{
    struct sysstate_trace *trace = calloc(1, sizeof *trace);
    if (!trace)
        return NULL;
    trace->directory = strdup(directory);
    trace->reader = reader;
    trace->context = context;
    if (!trace->directory) {
        free(trace);
        return NULL;
    }
    return trace;
}

const char *sysstate_trace_text(const struct sysstate_trace *trace)
{
    return trace->text;
}

static void note_error(struct sysstate_trace *trace, int error)
{
    if (!trace->error)
        trace->error = error;
}

void sysstate_trace_process(struct sysstate_trace *trace, int64_t pid, const char *directory)
{
    trace->pid = pid;
    if (!directory || strchr(directory, '\n'))
        return;
    free(trace->working_directory);
    trace->working_directory = strdup(directory);
}

/* A string of the program. False if it cannot be read or is too long. */
static int read_string(struct sysstate_trace *trace, uint64_t address, char text[SYSSTATE_NAME_MAX])
{
    /* It may end just before memory that cannot be read. */
    for (size_t length = 0; length < SYSSTATE_NAME_MAX; length++) {
        if (trace->reader(trace->context, address + length, text + length, 1) != 1)
            return 0;
        if (text[length] == '\0')
            return 1;
    }
    return 0;
}

/* Creates DIRECTORY/NAME; an old one is emptied. -1 if it cannot be. */
static int create(struct sysstate_trace *trace, const char *name)
{
    char path[2 * SYSSTATE_NAME_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", trace->directory, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        note_error(trace, ENAMETOOLONG);
        return -1;
    }
    int error = sysstate_make_parents(path);
    unlink(path); /* a link in its place is not followed */
    int file = error ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        note_error(trace, error ? error : errno);
    return file;
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void remove_range(struct sysstate_trace *trace, size_t index)
{
    trace->ranges[index] = trace->ranges[--trace->num_ranges];
    if (trace->num_ranges == 0)
        trace->lo = trace->hi = 0;
}

static void release(struct sysstate_trace *trace, struct open_file *open_file)
{
    if (--open_file->references > 0)
        return;
    /* Programs close a file and look at what they have read of it later: its copy then stays open.
     */
    int looked_for = 0;
    for (size_t i = 0; i < trace->num_ranges; i++)
        looked_for |= trace->ranges[i].open_file == open_file;
    if (!looked_for && open_file->file >= 0) {
        if (close(open_file->file) != 0)
            note_error(trace, errno);
        open_file->file = -1;
    }
    open_file->next_closed = trace->closed;
    trace->closed = open_file;
}

/* Takes over a reference to OPEN_FILE, or NULL. */
static void set_descriptor(struct sysstate_trace *trace, int64_t descriptor,
                           struct open_file *open_file)
{
    if (descriptor < 0 || descriptor >= MAX_DESCRIPTOR) {
        if (open_file)
            release(trace, open_file);
        return;
    }
    if ((size_t)descriptor >= trace->num_descriptors) {
        size_t count = (size_t)descriptor + 64;
        struct open_file **list = realloc(trace->descriptors, count * sizeof *list);
        if (!list) {
            note_error(trace, ENOMEM);
            return;
        }
        memset(list + trace->num_descriptors, 0, (count - trace->num_descriptors) * sizeof *list);
        trace->descriptors = list;
        trace->num_descriptors = count;
    }
    if (trace->descriptors[descriptor])
        release(trace, trace->descriptors[descriptor]);
    trace->descriptors[descriptor] = open_file;
}

static struct open_file *new_open_file(struct sysstate_trace *trace, int before)
{
    struct open_file *open_file = calloc(1, sizeof *open_file);
    if (!open_file) {
        note_error(trace, ENOMEM);
        return NULL;
    }
    open_file->references = 1;
    open_file->file = -1;
    open_file->before = before;
    if (before >= 0) {
        open_file->next = trace->before;
        trace->before = open_file;
    }
    return open_file;
}

/* The open file of a descriptor that the region uses: if the region has not opened it, it was open
 * before. */
static struct open_file *get_open_file(struct sysstate_trace *trace, uint64_t descriptor)
{
    if (descriptor >= MAX_DESCRIPTOR)
        return NULL;
    if (descriptor < trace->num_descriptors && trace->descriptors[descriptor])
        return trace->descriptors[descriptor];
    struct open_file *open_file = new_open_file(trace, (int)descriptor);
    if (open_file)
        set_descriptor(trace, (int64_t)descriptor, open_file);
    return open_file;
}

static void duplicate(struct sysstate_trace *trace, uint64_t from, int64_t to)
{
    struct open_file *open_file = get_open_file(trace, from);
    if (!open_file || (int64_t)from == to)
        return;
    open_file->references++;
    set_descriptor(trace, to, open_file);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void take_open(struct sysstate_trace *trace, uint64_t path, uint64_t flags,
                      int64_t directory, int64_t descriptor)
{
    char text[SYSSTATE_NAME_MAX], name[SYSSTATE_NAME_MAX];
    struct open_file *open_file = new_open_file(trace, -1);
    set_descriptor(trace, descriptor, open_file);
    if (!open_file || !read_string(trace, path, text))
        return;
    const char *why = NULL;
    if (*text != '/' && directory != NOT_A_DIRECTORY)
        why = "relative to a directory that is open";
    else if (flags & (O_DIRECTORY | O_PATH))
        why = "a directory";
    else if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        why = "created by the region";
    else if (sysstate_place(text, name) != SYSSTATE_PLACED)
        why = "not a file of the sysstate";
    if (!why)
        open_file->file = create(trace, name);
    snprintf(trace->text, sizeof trace->text, "descriptor %lld: %.150s%s%s", (long long)descriptor,
             text, why ? ": not kept: " : "", why ? why : "");
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The copy of a file from before is made when the region first reads of it. */
static int has_copy(struct sysstate_trace *trace, struct open_file *open_file)
{
    char name[64];
    if (open_file->file < 0 && open_file->before >= 0 && !open_file->reads) {
        snprintf(name, sizeof name, "workdir/FD_%d", open_file->before);
        open_file->file = create(trace, name);
    }
    return open_file->file >= 0;
}

/* SIZE bytes at ADDRESS were read at POSITION of the file. */
static void keep(struct sysstate_trace *trace, struct open_file *open_file, uint64_t address,
                 uint64_t size, uint64_t position)
{
    char buffer[1 << 14];
    if (!has_copy(trace, open_file))
        return;
    for (uint64_t done = 0; done < size;) {
        size_t piece = size - done < sizeof buffer ? (size_t)(size - done) : sizeof buffer;
        size_t got = trace->reader(trace->context, address + done, buffer, piece);
        if (got == 0 || position > INT64_MAX - size)
            return;
        for (size_t put = 0; put < got;) {
            ssize_t written =
                pwrite(open_file->file, buffer + put, got - put, (off_t)(position + done + put));
            if (written < 0 && errno == EINTR)
                continue;
            if (written <= 0) {
                note_error(trace, written < 0 ? errno : EIO);
                return;
            }
            put += (size_t)written;
        }
        done += got;
    }
}

static void add_range(struct sysstate_trace *trace, const struct range *range)
{
    if (range->lo >= range->hi)
        return;
    if (trace->num_ranges == MAX_RANGES) {
        /* A program that never looks at what it reads: the first half is forgotten. */
        memmove(trace->ranges, trace->ranges + MAX_RANGES / 2,
                sizeof trace->ranges - MAX_RANGES / 2 * sizeof *range);
        trace->num_ranges = MAX_RANGES / 2;
    }
    trace->lo = trace->num_ranges == 0 || range->lo < trace->lo ? range->lo : trace->lo;
    trace->hi = range->hi > trace->hi ? range->hi : trace->hi;
    trace->ranges[trace->num_ranges++] = *range;
}

/* The program touches memory: that part of the ranges is done with. */
static void touch(struct sysstate_trace *trace, uint64_t address, uint64_t size, int is_load)
{
    uint64_t end = address + size;
    if (end <= trace->lo || address >= trace->hi || end < address)
        return;
    for (size_t i = trace->num_ranges; i-- > 0;) {
        if (i >= trace->num_ranges)
            continue; /* the half of them was forgotten meanwhile */
        struct range range = trace->ranges[i];
        uint64_t lo = address > range.lo ? address : range.lo;
        uint64_t hi = end < range.hi ? end : range.hi;
        if (lo >= hi)
            continue;
        if (is_load)
            keep(trace, range.open_file, lo, hi - lo, range.position + (lo - range.lo));
        struct range before = range, behind = range;
        before.hi = lo;
        behind.lo = hi;
        behind.position += hi - range.lo;
        remove_range(trace, i);
        add_range(trace, &before);
        add_range(trace, &behind);
    }
}

void sysstate_trace_load(struct sysstate_trace *trace, uint64_t address, uint64_t size)
{
    touch(trace, address, size, 1);
}

void sysstate_trace_store(struct sysstate_trace *trace, uint64_t address, uint64_t size)
{
    touch(trace, address, size, 0);
}

/* A call has filled memory from POSITION of the file: what is there now, and what will be found
 * there when the program looks. */
static void fill(struct sysstate_trace *trace, struct open_file *open_file, uint64_t address,
                 uint64_t size, uint64_t position)
{
    if (address + size < address)
        return;
    touch(trace, address, size, 0);
    keep(trace, open_file, address, size, position);
    struct range range = {
        .lo = address, .hi = address + size, .open_file = open_file, .position = position};
    add_range(trace, &range);
}

static void take_read(struct sysstate_trace *trace, uint64_t descriptor, uint64_t address,
                      int64_t size)
{
    struct open_file *open_file = get_open_file(trace, descriptor);
    if (!open_file)
        return;
    fill(trace, open_file, address, (uint64_t)size, open_file->position);
    open_file->reads = 1;
    open_file->position += (uint64_t)size;
    snprintf(trace->text, sizeof trace->text, "descriptor %llu: %lld bytes",
             (unsigned long long)descriptor, (long long)size);
}

/* readv: SIZE bytes lie in the buffers of a list of COUNT. */
static void take_readv(struct sysstate_trace *trace, uint64_t descriptor, uint64_t list,
                       uint64_t count, int64_t size)
{
    for (uint64_t i = 0; i < count && i < 1024 && size > 0; i++) {
        uint64_t vector[2]; /* address and length */
        if (trace->reader(trace->context, list + i * sizeof vector, vector, sizeof vector) !=
            sizeof vector)
            return;
        int64_t part = vector[1] < (uint64_t)size ? (int64_t)vector[1] : size;
        take_read(trace, descriptor, vector[0], part);
        size -= part;
    }
}

static void take_pread(struct sysstate_trace *trace, const struct sysstate_call *call)
{
    struct open_file *open_file = get_open_file(trace, call->arguments[0]);
    if (!open_file)
        return;
    fill(trace, open_file, call->arguments[1], (uint64_t)call->result, call->arguments[3]);
    open_file->reads = 1;
}

static void take_write(struct sysstate_trace *trace, uint64_t descriptor, int64_t size)
{
    struct open_file *open_file = get_open_file(trace, descriptor);
    if (!open_file)
        return;
    open_file->writes = 1;
    open_file->position += (uint64_t)size;
}

/* The first seek relative to the position tells what that was at the region's start. */
static void take_seek(struct sysstate_trace *trace, const struct sysstate_call *call)
{
    struct open_file *open_file = get_open_file(trace, call->arguments[0]);
    if (!open_file)
        return;
    uint64_t result = (uint64_t)call->result;
    if (open_file->before >= 0 && !open_file->reads && !open_file->writes &&
        open_file->position == 0 && call->arguments[2] == SEEK_CUR)
        open_file->start = result - call->arguments[1];
    open_file->position = result;
}

/* --- other calls ------------------------------------------------------------------------------ */

static void take_break(struct sysstate_trace *trace, uint64_t address)
{
    if (!trace->first_break)
        trace->first_break = address;
    trace->last_break = address;
}

static void take_mapped(struct sysstate_trace *trace, uint64_t address)
{
    size_t count = trace->num_mapped;
    if ((count & (count - 1)) == 0) {
        uint64_t *list = realloc(trace->mapped, (count ? 2 * count : 1) * sizeof *list);
        if (!list) {
            note_error(trace, ENOMEM);
            return;
        }
        trace->mapped = list;
    }
    trace->mapped[trace->num_mapped++] = address;
}

static void take_directory(struct sysstate_trace *trace, uint64_t address)
{
    char text[SYSSTATE_NAME_MAX];
    if (!trace->working_directory && read_string(trace, address, text) && *text == '/')
        sysstate_trace_process(trace, trace->pid, text);
}

static void take_fcntl(struct sysstate_trace *trace, const struct sysstate_call *call)
{
    if (call->arguments[1] == F_DUPFD || call->arguments[1] == F_DUPFD_CLOEXEC)
        duplicate(trace, call->arguments[0], call->result);
}

static void take(struct sysstate_trace *trace, const struct sysstate_call *call)
{
    const uint64_t *arguments = call->arguments;
    switch (call->number) {
    case CALL_OPEN:
        take_open(trace, arguments[0], arguments[1], NOT_A_DIRECTORY, call->result);
        break;
    case CALL_CREAT:
        take_open(trace, arguments[0], O_CREAT | O_WRONLY | O_TRUNC, NOT_A_DIRECTORY, call->result);
        break;
    case CALL_OPENAT:
        take_open(trace, arguments[1], arguments[2], (int32_t)arguments[0], call->result);
        break;
    case CALL_CLOSE:
        set_descriptor(trace, (int64_t)arguments[0], NULL);
        break;
    case CALL_READ:
    case CALL_RECVFROM:
        take_read(trace, arguments[0], arguments[1], call->result);
        break;
    case CALL_READV:
        take_readv(trace, arguments[0], arguments[1], arguments[2], call->result);
        break;
    case CALL_PREAD:
        take_pread(trace, call);
        break;
    case CALL_WRITE:
    case CALL_WRITEV:
        take_write(trace, arguments[0], call->result);
        break;
    case CALL_LSEEK:
        take_seek(trace, call);
        break;
    case CALL_DUP:
    case CALL_DUP2:
    case CALL_DUP3:
        duplicate(trace, arguments[0], call->result);
        break;
    case CALL_FCNTL:
        take_fcntl(trace, call);
        break;
    case CALL_MMAP:
        take_mapped(trace, (uint64_t)call->result);
        break;
    case CALL_BRK:
        take_break(trace, (uint64_t)call->result);
        break;
    case CALL_GETPID:
        trace->pid = call->result;
        break;
    case CALL_GETCWD:
        take_directory(trace, arguments[0]);
        break;
    default:
        break;
    }
}

int sysstate_trace_call(struct sysstate_trace *trace, const struct sysstate_call *call)
{
    trace->text[0] = '\0';
    if (call->result >= 0)
        take(trace, call);
    return trace->error;
}

/* --- the logs --------------------------------------------------------------------------------- */

static FILE *open_log(struct sysstate_trace *trace, const char *name)
{
    int file = create(trace, name);
    FILE *log = file < 0 ? NULL : fdopen(file, "w");
    if (file >= 0 && !log) {
        note_error(trace, errno);
        close(file);
    }
    return log;
}

static void close_log(struct sysstate_trace *trace, FILE *log)
{
    int failed = ferror(log);
    if (fclose(log) != 0 || failed)
        note_error(trace, errno ? errno : EIO);
}

/* Only what was read: what the region writes goes where the ELFie's caller wants it. */
static void write_descriptors(struct sysstate_trace *trace)
{
    FILE *log = open_log(trace, "FD.log");
    if (!log)
        return;
    fprintf(log, "# FD KIND FLAGS OFFSET PATH\n");
    for (struct open_file *file = trace->before; file; file = file->next)
        if (file->reads)
            fprintf(log, "%d file 0x%x %llu not known\n", file->before,
                    (unsigned)(file->writes ? O_RDWR : O_RDONLY), (unsigned long long)file->start);
    close_log(trace, log);
}

static void write_logs(struct sysstate_trace *trace)
{
    FILE *log = trace->first_break ? open_log(trace, "BRK.log") : NULL;
    if (log) {
        fprintf(log, "0x%llx\n0x%llx\n", (unsigned long long)trace->first_break,
                (unsigned long long)trace->last_break);
        close_log(trace, log);
    }
    log = open_log(trace, "MMAP.log");
    for (size_t i = 0; log && i < trace->num_mapped; i++)
        fprintf(log, "0x%llx\n", (unsigned long long)trace->mapped[i]);
    if (log)
        close_log(trace, log);
    log = trace->pid ? open_log(trace, "PID.log") : NULL;
    if (log) {
        fprintf(log, "%lld\n", (long long)trace->pid);
        close_log(trace, log);
    }
    log = trace->working_directory ? open_log(trace, "CWD.log") : NULL;
    if (log) {
        fprintf(log, "%s\n", trace->working_directory);
        close_log(trace, log);
    }
}

int sysstate_trace_end(struct sysstate_trace *trace)
{
    write_descriptors(trace);
    write_logs(trace);
    for (size_t i = 0; i < trace->num_descriptors; i++)
        if (trace->descriptors[i])
            release(trace, trace->descriptors[i]);
    while (trace->closed) {
        struct open_file *next = trace->closed->next_closed;
        if (trace->closed->file >= 0 && close(trace->closed->file) != 0)
            note_error(trace, errno);
        free(trace->closed);
        trace->closed = next;
    }
    int error = trace->error;
    free(trace->descriptors);
    free(trace->mapped);
    free(trace->working_directory);
    free(trace->directory);
    free(trace);
    return error;
}
