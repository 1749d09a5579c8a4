// SPDX-License-Identifier: BSD-3-Clause
// Takes the system calls of a region that Intel SDE replays, gives B.sysstate/; or has them find
// the files of one. See README; what is written and looked up is in ../common/sysstate*.c.
//
// A replay does not execute system calls, so they are seen as instructions: their arguments in
// front of them, their result in front of the next instruction of the thread.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

#include "pin.H"
#include "sde-init.H"

#include "sysstate_trace.h"
#include "sysstate_use.h"

static KNOB<std::string> KnobOut(KNOB_MODE_WRITEONCE, "pintool", "sysstate:out", "",
                                 "write this pinball's .sysstate");
static KNOB<std::string> KnobIn(KNOB_MODE_WRITEONCE, "pintool", "sysstate:in", "",
                                "use the files of this .sysstate");
static KNOB<BOOL> KnobVerbose(KNOB_MODE_WRITEONCE, "pintool", "sysstate:verbose", "0",
                              "say what is done");

struct Thread {
    bool inside; // between a call and the instruction behind it
    sysstate_call call;
    char path[2 * SYSSTATE_NAME_MAX]; // what the call gets in place of its own
};

static sysstate_trace *trace;
static std::map<THREADID, Thread> threads; // under lock
static PIN_LOCK lock;

static VOID Die(const std::string &what, int error)
{
    fprintf(stderr, "pinball_sysstate: %s: %s\n", what.c_str(), strerror(error));
    PIN_ExitProcess(1);
}

static size_t ReadMemory(void *, uint64_t address, void *buffer, size_t size)
{
    return PIN_SafeCopy(buffer, reinterpret_cast<const VOID *>(address), size);
}

// --- -sysstate:in
// ---------------------------------------------------------------------------------

// The register that has the path of a call which opens a file, or null.
static const char *PathOf(const sysstate_call &call, UINT32 *index)
{
    static char text[SYSSTATE_NAME_MAX];                             // under lock
    if (call.number != 2 && call.number != 85 && call.number != 257) // open, creat, openat
        return nullptr;
    *index = call.number == 257 ? 1 : 0;
    size_t length = 0;
    do {
        if (length == sizeof text ||
            ReadMemory(nullptr, call.arguments[*index] + length, text + length, 1) != 1)
            return nullptr;
    } while (text[length++]);
    return text;
}

static VOID Redirect(Thread &thread, CONTEXT *context)
{
    static const REG registers[] = {REG_RDI, REG_RSI};
    UINT32 index;
    const char *path = PathOf(thread.call, &index);
    if (!path || !sysstate_redirect(KnobIn.Value().c_str(), path, thread.path))
        return;
    if (KnobVerbose.Value())
        fprintf(stderr, "pinball_sysstate: %s for %s\n", thread.path, path);
    thread.call.arguments[index] = reinterpret_cast<ADDRINT>(thread.path);
    PIN_SetContextReg(context, registers[index], thread.call.arguments[index]);
}

// --- calls
// ----------------------------------------------------------------------------------------

static VOID Before(THREADID tid, CONTEXT *context)
{
    static const REG registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    PIN_GetLock(&lock, INT32(tid) + 1);
    Thread &thread = threads[tid];
    thread.inside = true;
    thread.call.number = PIN_GetContextReg(context, REG_RAX);
    for (UINT32 i = 0; i < 6; i++)
        thread.call.arguments[i] = PIN_GetContextReg(context, registers[i]);
    bool redirected = false;
    if (!KnobIn.Value().empty()) {
        ADDRINT old[2] = {thread.call.arguments[0], thread.call.arguments[1]};
        Redirect(thread, context);
        redirected = old[0] != thread.call.arguments[0] || old[1] != thread.call.arguments[1];
    }
    if (redirected)
        thread.inside = false; // this instruction is executed anew, with the other path
    PIN_ReleaseLock(&lock);
    if (redirected)
        PIN_ExecuteAt(context);
}

static VOID After(THREADID tid, ADDRINT result)
{
    PIN_GetLock(&lock, INT32(tid) + 1);
    Thread &thread = threads[tid];
    if (thread.inside && trace) {
        thread.call.result = int64_t(result);
        int error = sysstate_trace_call(trace, &thread.call);
        if (error)
            Die(KnobOut.Value() + ".sysstate", error);
        if (KnobVerbose.Value() && *sysstate_trace_text(trace))
            fprintf(stderr, "pinball_sysstate: %s\n", sysstate_trace_text(trace));
    }
    thread.inside = false;
    PIN_ReleaseLock(&lock);
}

static VOID Load(THREADID tid, ADDRINT address, UINT32 size)
{
    PIN_GetLock(&lock, INT32(tid) + 1);
    sysstate_trace_load(trace, address, size);
    PIN_ReleaseLock(&lock);
}

static VOID Store(THREADID tid, ADDRINT address, UINT32 size)
{
    PIN_GetLock(&lock, INT32(tid) + 1);
    sysstate_trace_store(trace, address, size);
    PIN_ReleaseLock(&lock);
}

static bool IsBehindCall(ADDRINT address)
{
    UINT8 code[2];
    return ReadMemory(nullptr, address - 2, code, 2) == 2 && code[0] == 0x0f && code[1] == 0x05;
}

static VOID Instruction(INS ins, VOID *)
{
    if (IsBehindCall(INS_Address(ins)))
        INS_InsertCall(ins, IPOINT_BEFORE, AFUNPTR(After), IARG_THREAD_ID, IARG_REG_VALUE, REG_RAX,
                       IARG_END);
    if (INS_IsSyscall(ins))
        INS_InsertCall(ins, IPOINT_BEFORE, AFUNPTR(Before), IARG_THREAD_ID, IARG_CONTEXT, IARG_END);
    if (!trace || !INS_IsStandardMemop(ins))
        return;
    for (UINT32 i = 0; i < INS_MemoryOperandCount(ins); i++) {
        if (INS_MemoryOperandIsRead(ins, i))
            INS_InsertPredicatedCall(ins, IPOINT_BEFORE, AFUNPTR(Load), IARG_THREAD_ID,
                                     IARG_MEMORYOP_EA, i, IARG_UINT32,
                                     UINT32(INS_MemoryOperandSize(ins, i)), IARG_END);
        if (INS_MemoryOperandIsWritten(ins, i))
            INS_InsertPredicatedCall(ins, IPOINT_BEFORE, AFUNPTR(Store), IARG_THREAD_ID,
                                     IARG_MEMORYOP_EA, i, IARG_UINT32,
                                     UINT32(INS_MemoryOperandSize(ins, i)), IARG_END);
    }
}

// --- all
// ------------------------------------------------------------------------------------------

static VOID Fini(INT32, VOID *)
{
    int error = trace ? sysstate_trace_end(trace) : 0;
    if (error)
        Die(KnobOut.Value() + ".sysstate", error);
}

int main(int argc, char *argv[])
{
    PIN_InitSymbols();
    sde_pin_init(argc, argv);
    sde_init();
    PIN_InitLock(&lock);
    if (KnobOut.Value().empty() == KnobIn.Value().empty()) {
        fprintf(stderr, "pinball_sysstate: one of -sysstate:out and -sysstate:in is needed\n");
        return 2;
    }
    if (!KnobOut.Value().empty()) {
        trace = sysstate_trace_new((KnobOut.Value() + ".sysstate").c_str(), ReadMemory, nullptr);
        if (!trace)
            Die(KnobOut.Value(), ENOMEM);
    } else {
        int count = sysstate_open_descriptors(KnobIn.Value().c_str());
        if (count < 0)
            Die(KnobIn.Value(), -count);
        if (KnobVerbose.Value())
            fprintf(stderr, "pinball_sysstate: %d descriptors opened\n", count);
    }
    INS_AddInstrumentFunction(Instruction, nullptr);
    PIN_AddFiniFunction(Fini, nullptr);
    PIN_StartProgram(); // never returns
    return 0;
}
