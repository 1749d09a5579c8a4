// SPDX-License-Identifier: BSD-3-Clause
// Takes the instructions of a program under Intel SDE, gives B.event_icount.T.txt. See README; what
// is written is in ../common/event_count.c.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "pin.H"
#include "sde-init.H"

#include "sde-control.H"

#include "event_count.h"

static KNOB<UINT32> KnobThreads(KNOB_MODE_WRITEONCE, "pintool", "thread_count", "1",
                                "number of threads to count");
static KNOB<std::string> KnobPrefix(KNOB_MODE_WRITEONCE, "pintool", "prefix", "out",
                                    "what the names of the files begin with");
static KNOB<ADDRINT> KnobWatch(KNOB_MODE_APPEND, "pintool", "watch_addr", "0",
                               "address to count; may be given several times");
static KNOB<BOOL> KnobExit(KNOB_MODE_WRITEONCE, "pintool", "exit_on_stop", "0",
                           "end the program at the stop event");

static struct event_count counts;
static PIN_LOCK lock;

static VOID Die(const char *what, int error)
{
    fprintf(stderr, "event_counter: %s: %s\n", what, strerror(error));
    PIN_ExitProcess(1);
}

// --- counting ------------------------------------------------------------------------------------

static VOID Count(THREADID tid, UINT32 times)
{
    if (tid < counts.num_threads)
        counts.threads[tid].instructions += times;
}

static VOID CountAddress(THREADID tid, UINT32 index)
{
    if (tid < counts.num_threads)
        counts.threads[tid].executions[index]++;
}

static VOID Instruction(INS ins, VOID *)
{
    if (INS_HasRealRep(ins)) // each iteration comes here, the first one counts
        INS_InsertCall(ins, IPOINT_BEFORE, AFUNPTR(Count), IARG_THREAD_ID, IARG_FIRST_REP_ITERATION,
                       IARG_END);
    else
        INS_InsertCall(ins, IPOINT_BEFORE, AFUNPTR(Count), IARG_THREAD_ID, IARG_UINT32, 1,
                       IARG_END);
    int index = event_count_find(&counts, INS_Address(ins));
    if (index >= 0)
        INS_InsertCall(ins, IPOINT_BEFORE, AFUNPTR(CountAddress), IARG_THREAD_ID, IARG_UINT32,
                       UINT32(index), IARG_END);
}

// --- events --------------------------------------------------------------------------------------

static const char *NameOf(CONTROLLER::EVENT_TYPE event)
{
    switch (event) {
    case CONTROLLER::EVENT_START:
        return "Sim-Start";
    case CONTROLLER::EVENT_STOP:
        return "Sim-End";
    case CONTROLLER::EVENT_WARMUP_START:
        return "Warmup-Start";
    case CONTROLLER::EVENT_WARMUP_STOP:
        return "Warmup-Stop";
    default:
        return nullptr;
    }
}

static VOID Handler(CONTROLLER::EVENT_TYPE event, VOID *, CONTEXT *, VOID *, THREADID tid, BOOL)
{
    const char *name = NameOf(event);
    if (!name)
        return;
    PIN_GetLock(&lock, INT32(tid) + 1);
    event_count_mark(&counts, name);
    PIN_ReleaseLock(&lock);
    if (event == CONTROLLER::EVENT_STOP && KnobExit.Value())
        PIN_ExitApplication(0); // Fini is called
}

static VOID Fini(INT32, VOID *)
{
    int error = event_count_end(&counts);
    if (error)
        Die(KnobPrefix.Value().c_str(), error);
}

int main(int argc, char *argv[])
{
    std::vector<uint64_t> addresses;
    PIN_InitSymbols();
    sde_pin_init(argc, argv);
    sde_init();
    PIN_InitLock(&lock);
    for (UINT32 i = 0; i < KnobWatch.NumberOfValues(); i++)
        if (KnobWatch.Value(i))
            addresses.push_back(KnobWatch.Value(i));
    int error = event_count_begin(&counts, KnobPrefix.Value().c_str(), KnobThreads.Value(),
                                  addresses.data(), addresses.size());
    if (error)
        Die(KnobPrefix.Value().c_str(), error);
    SDE_CONTROLLER::sde_controller_get()->RegisterHandler(Handler, nullptr, FALSE);
    INS_AddInstrumentFunction(Instruction, nullptr);
    PIN_AddFiniFunction(Fini, nullptr);
    PIN_StartProgram(); // never returns
    return 0;
}
