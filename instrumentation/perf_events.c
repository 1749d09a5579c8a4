/* SPDX-License-Identifier: BSD-3-Clause */
/* See perf_events.h. */
#include "perf_events.h"
#include "syscall.h"

enum { NUM_HARDWARE = 10, NUM_SOFTWARE = 11 };

static const char *const names[2][NUM_SOFTWARE] = {
    {"hw_cpu_cycles", "hw_instructions", "hw_cache_references", "hw_cache_misses",
     "hw_branch_instructions", "hw_branch_misses", "hw_bus_cycles", "hw_stalled_cycles_frontend",
     "hw_stalled_cycles_backend", "hw_ref_cpu_cycles"},
    {"sw_cpu_clock", "sw_task_clock", "sw_page_faults", "sw_context_switches", "sw_cpu_migrations",
     "sw_page_faults_min", "sw_page_faults_maj", "sw_alignment_faults", "sw_emulation_faults",
     "sw_dummy", "sw_bpf_output"},
};
static const uint32_t num_events[2] = {NUM_HARDWARE, NUM_SOFTWARE};

struct perf_event_choice elfie_perf_events[MAX_EVENTS + 1];

/* A decimal number below LIMIT at *AT; -1 when there is none. */
static int32_t read_number(const char **at, uint32_t limit)
{
    uint32_t n = 0;
    const char *from = *at;
    for (; **at >= '0' && **at <= '9' && n < limit; ++*at)
        n = n * 10 + (uint32_t)(**at - '0');
    return *at == from || n >= limit ? -1 : (int32_t)n;
}

void elfie_read_perf_list(void)
{
    const char *list = elfie_process.perf_list ? elfie_process.perf_list : "0:0,0:1,1:1";
    uint8_t chosen[2][NUM_SOFTWARE] = {{0}};
    for (const char *at = list; *at;) {
        int32_t type = read_number(&at, 2);
        int32_t event = type >= 0 && *at++ == ':' ? read_number(&at, num_events[type]) : -1;
        if (event < 0 || (*at && (*at != ',' || !at[1])))
            elfie_fail_value(
                "ELFIE_PERFLIST", list,
                "type:event,... with 0:0 to 0:9 (hardware) and 1:0 to 1:10 (software)");
        chosen[type][event] = 1;
        at += *at == ',';
    }
    struct perf_event_choice *to = elfie_perf_events;
    for (uint32_t type = 0; type < 2; type++)
        for (uint32_t event = 0; event < num_events[type]; event++)
            if (chosen[type][event])
                *to++ = (struct perf_event_choice){type, event, names[type][event]};
}

int64_t elfie_read_event(int fd)
{
    int64_t value;
    if (fd < 0 || elfie_syscall(__NR_read, fd, &value, sizeof value) != sizeof value)
        return -1;
    return value;
}
