/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes a schedule while threads are stepped (ELFIE_REPLAY_SCHEDULE=FILE): for each stop of the
 * log a line with its address and how often the thread comes by there first. Each time it comes by
 * is a debug exception when the schedule is followed (1 to 60 us, measured), so the way to a stop
 * in a loop goes by stops of its own making at addresses that are seldom reached: first to the call
 * of the function, then to the turn of its outer loop, and only then through the inner one. */
#include "replay.h"
#include "syscall.h"

#include <linux/fcntl.h>
#include <linux/mman.h>

enum {
    TRACE = 1 << 14, /* addresses since the last stop that are kept */
    STOP_COST = 3,   /* of one stop more, in debug exceptions: it is armed by two system calls */
    DEPTH = 32,      /* stops are made between stops this many times at most */
};

struct seen { /* how often an address came by */
    uint64_t address;
    uint32_t pass, times;
};

struct replay_trace {
    uint64_t count;
    uint64_t address[TRACE];
    uint32_t times[TRACE]; /* that this address has come by, with this time */
    uint32_t pass;
    struct seen table[2 * TRACE];
};

static char path[4096];
static long file = -1;

void replay_schedule_path(const char *value)
{
    size_t i = 0;
    for (; value[i] && i < sizeof path - 1; i++)
        path[i] = value[i];
    if (value[i])
        elfie_fail("ELFIE_REPLAY_SCHEDULE is too long a name; the region was not run", 0);
}

static void put_line(const struct elfie_line *line)
{
    if (elfie_syscall(__NR_write, file, line->text, line->length) != (long)line->length)
        elfie_fail("the file of ELFIE_REPLAY_SCHEDULE cannot be written to its end", 0);
}

static void put_header(void)
{
    struct elfie_line line;
    line.length = 0;
    elfie_put(&line, "schedule ");
    elfie_put_hex(&line, elfie_replay.digest);
    elfie_put(&line, "\n");
    put_line(&line);
}

void replay_end_schedule(void)
{
    struct elfie_line line;
    line.length = 0;
    elfie_put(&line, "end\n");
    if (file >= 0)
        put_line(&line);
}

/* Not where the region may get memory: programs ask for the low 2 GiB by MAP_32BIT only. */
int replay_writes_schedule(void)
{
    if (!path[0])
        return 0;
    file =
        elfie_syscall(__NR_open, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0)
        elfie_fail("the file of ELFIE_REPLAY_SCHEDULE cannot be written; the region was not run",
                   file);
    put_header();
    for (uint64_t t = 0; t < elfie_replay.num_threads; t++) {
        long trace =
            elfie_syscall(__NR_mmap, 0, sizeof(struct replay_trace), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1, 0);
        if (trace < 0)
            elfie_fail("no memory for a schedule; the region was not run", trace);
        replay_state_of(t)->trace = (struct replay_trace *)trace;
    }
    return 1;
}

/* --- the way to a stop ------------------------------------------------------------------------ */

static uint32_t *times_of(struct replay_trace *t, uint64_t address)
{
    uint64_t i = address * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    for (;; i++) {
        struct seen *s = &t->table[i % (2 * TRACE)];
        if (s->pass != t->pass)
            *s = (struct seen){.address = address, .pass = t->pass};
        if (s->address == address)
            return &s->times;
    }
}

static void count_times(struct replay_trace *t, uint64_t begin, uint64_t end)
{
    t->pass++;
    for (uint64_t i = begin; i < end; i++)
        t->times[i] = ++*times_of(t, t->address[i]);
}

/* Where between BEGIN and LAST another stop saves most; LAST where none does. */
static uint64_t best_split(const struct replay_trace *t, uint64_t begin, uint64_t last)
{
    uint64_t best = last, least = t->times[last], behind = 1;
    for (uint64_t i = last; i-- > begin && behind + STOP_COST < least;) {
        if (t->times[i] + STOP_COST + behind < least) {
            least = t->times[i] + STOP_COST + behind;
            best = i;
        }
        behind += t->address[i] == t->address[last];
    }
    return best;
}

static void put_stop(uint64_t thread, uint64_t icount, uint64_t rip, uint64_t occurrence)
{
    struct elfie_line line;
    line.length = 0;
    elfie_put_decimal(&line, thread);
    elfie_put(&line, " ");
    elfie_put_decimal(&line, icount);
    elfie_put(&line, " ");
    elfie_put_hex(&line, rip);
    elfie_put(&line, " ");
    elfie_put_decimal(&line, occurrence);
    elfie_put(&line, "\n");
    put_line(&line);
}

/* The stop at LAST, and those on the way from BEGIN. FIRST is the instruction at BEGIN. */
static void put_way(uint64_t thread, uint64_t begin, uint64_t last, uint64_t first, int depth)
{
    struct replay_trace *t = replay_state_of(thread)->trace;
    count_times(t, begin, last + 1);
    uint64_t split = depth ? best_split(t, begin, last) : last;
    if (split == last) {
        put_stop(thread, first + last - begin, t->address[last], t->times[last]);
        return;
    }
    put_way(thread, begin, split, first, depth - 1);
    put_way(thread, split + 1, last, first + split + 1 - begin, depth - 1);
}

/* Far from any stop: one at the address that came by least, in the later half. */
static void put_far(uint64_t thread, uint64_t first)
{
    struct replay_trace *t = replay_state_of(thread)->trace;
    uint64_t best = TRACE - 1;
    count_times(t, 0, TRACE);
    for (uint64_t i = TRACE - 1; i-- > TRACE / 2;)
        if (t->times[i] < t->times[best])
            best = i;
    put_way(thread, 0, best, first, DEPTH);
    t->count = TRACE - 1 - best;
    for (uint64_t i = 0; i < t->count; i++)
        t->address[i] = t->address[best + 1 + i];
}

void replay_trace_step(uint64_t thread, uint64_t rip, int at_record)
{
    struct replay_state *s = replay_state_of(thread);
    struct replay_trace *t = s->trace;
    if (!t)
        return;
    if (at_record) {
        t->count = 0;
        return;
    }
    t->address[t->count++] = rip;
    uint64_t first = s->count + 2 - t->count;
    if (s->stop < (const struct replay_stop *)elfie_replay.logs[thread].end &&
        s->stop->icount == s->count + 1) {
        put_way(thread, 0, t->count - 1, first, DEPTH);
        s->stop++;
        t->count = 0;
    } else if (t->count == TRACE) {
        put_far(thread, first);
    }
}
