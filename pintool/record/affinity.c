/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes the program's threads, has them run on one processor. All of it is for speed only: what the
 * kernel refuses is left as it is. */
#include "affinity.h"

#include <sched.h>
#include <sys/syscall.h>

#include "memory.h"

struct own {
    pid_t tid; /* 0: the recorder */
    cpu_set_t set;
};

static struct own *owned;
static size_t num_owned;
static cpu_set_t one;

static struct own *find(pid_t tid)
{
    for (size_t i = 0; i < num_owned; i++)
        if (owned[i].tid == tid)
            return &owned[i];
    return NULL;
}

static void add(pid_t tid, const cpu_set_t *set)
{
    owned = memory_resize(owned, num_owned + 1, sizeof *owned);
    owned[num_owned++] = (struct own){.tid = tid, .set = *set};
}

static void pin(pid_t tid)
{
    cpu_set_t set;
    if (sched_getaffinity(tid, sizeof set, &set) == 0) {
        add(tid, &set);
        sched_setaffinity(tid, sizeof one, &one);
    }
}

void affinity_pin(const struct tracee *tracee)
{
    cpu_set_t set;
    int processor = sched_getcpu();
    num_owned = 0;
    CPU_ZERO(&one);
    if (processor < 0 || processor >= CPU_SETSIZE ||
        sched_getaffinity(tracee->pid, sizeof set, &set) != 0)
        return;
    /* One that the program may use. */
    for (int i = 0; i < CPU_SETSIZE && !CPU_ISSET((unsigned)processor, &set); i++)
        if (CPU_ISSET((unsigned)i, &set))
            processor = i;
    CPU_SET((unsigned)processor, &one);
    pin(0);
    for (size_t i = 0; i < tracee->num_threads; i++)
        pin(tracee->threads[i]->tid);
}

void affinity_inherit(pid_t parent, pid_t tid)
{
    const struct own *own = find(parent);
    if (own) {
        cpu_set_t set = own->set;
        add(tid, &set);
    }
}

static bool asks_for_processors(const struct call *call)
{
    return call->number == SYS_sched_getaffinity || call->number == SYS_sched_setaffinity;
}

void affinity_before_call(const struct call *call)
{
    for (size_t i = 0; asks_for_processors(call) && i < num_owned; i++)
        if (owned[i].tid)
            sched_setaffinity(owned[i].tid, sizeof owned[i].set, &owned[i].set);
}

void affinity_after_call(const struct call *call)
{
    for (size_t i = 0; asks_for_processors(call) && i < num_owned; i++) {
        if (owned[i].tid == 0)
            continue;
        sched_getaffinity(owned[i].tid, sizeof owned[i].set, &owned[i].set);
        sched_setaffinity(owned[i].tid, sizeof one, &one);
    }
}

void affinity_release(void)
{
    for (size_t i = 0; i < num_owned; i++)
        sched_setaffinity(owned[i].tid, sizeof owned[i].set, &owned[i].set);
    num_owned = 0;
}
