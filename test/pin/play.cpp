// SPDX-License-Identifier: BSD-3-Clause
// Plays a program to a tool that is linked to it: the lines of the file in $PLAY, in hexadecimal
// where they are addresses.
//
//   memory ADDRESS TEXT             what is there from now on (\n and \0 as in C)
//   run TID ADDRESS [rep N] [load ADDRESS SIZE] [store ADDRESS SIZE]
//   call TID ADDRESS NUMBER A0 A1 A2 A3 = RESULT
//                                   a syscall instruction; RESULT is in rax at the next line of
//                                   TID. A path that the tool changes is printed: "call NUMBER gets
//                                   PATH"
//   event NAME TID                  of the controller: start, stop, warmup-start, warmup-stop
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "pin.H"
#include "sde-control.H"
#include "sde-init.H"

struct CONTEXT {
    ADDRINT registers[7];
};

struct Operand {
    BOOL read;
    ADDRINT address, size;
};

struct Inserted {
    AFUNPTR function;
    std::vector<std::pair<IARG_TYPE, ADDRINT>> arguments;
};

struct Played {
    THREADID tid = 0;
    ADDRINT address = 0;
    UINT32 repeats = 0; // 0: no REP prefix
    BOOL syscall = false;
    std::vector<Operand> operands;
    std::vector<Inserted> inserted;
};

struct Again {
}; // PIN_ExecuteAt()

static std::map<ADDRINT, UINT8> memory;
static std::map<THREADID, CONTEXT> contexts;
static std::vector<std::pair<INS_INSTRUMENT_CALLBACK, VOID *>> instruments;
static std::vector<std::pair<FINI_CALLBACK, VOID *>> finis;
static CONTROLLER::CONTROL_HANDLER handler;

[[noreturn]] static void Fail(const std::string &what)
{
    fprintf(stderr, "play: %s\n", what.c_str());
    _exit(99);
}

// --- options -------------------------------------------------------------------------------------

static std::map<std::string, KNOB_BASE *> &Knobs()
{
    static std::map<std::string, KNOB_BASE *> knobs;
    return knobs;
}

KNOB_BASE::KNOB_BASE(KNOB_MODE, const std::string &name)
{
    Knobs()[name] = this;
}

VOID Parse(const std::string &text, std::string *value)
{
    *value = text;
}

VOID Parse(const std::string &text, BOOL *value)
{
    *value = text == "1";
}

VOID Parse(const std::string &text, UINT32 *value)
{
    *value = UINT32(strtoul(text.c_str(), nullptr, 0));
}

VOID Parse(const std::string &text, ADDRINT *value)
{
    *value = strtoul(text.c_str(), nullptr, 0);
}

void sde_pin_init(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        auto found = Knobs().find(argv[i] + (argv[i][0] == '-'));
        if (found == Knobs().end())
            Fail(std::string("no such option: ") + argv[i]);
        if (found->second->IsSwitch())
            found->second->Take("1");
        else if (++i < argc)
            found->second->Take(argv[i]);
    }
}

void sde_init() {}

// --- instructions --------------------------------------------------------------------------------

VOID INS_AddInstrumentFunction(INS_INSTRUMENT_CALLBACK function, VOID *v)
{
    instruments.emplace_back(function, v);
}

static VOID Insert(INS ins, AFUNPTR function, va_list list)
{
    Inserted inserted = {function, {}};
    for (int type; (type = va_arg(list, int)) != IARG_END;) {
        BOOL has_value = type == IARG_UINT32 || type == IARG_REG_VALUE || type == IARG_MEMORYOP_EA;
        inserted.arguments.emplace_back(IARG_TYPE(type), has_value ? va_arg(list, UINT32) : 0);
    }
    if (inserted.arguments.size() > 4)
        Fail("more than four arguments");
    ins->inserted.push_back(inserted);
}

VOID INS_InsertCall(INS ins, IPOINT, AFUNPTR function, ...)
{
    va_list list;
    va_start(list, function);
    Insert(ins, function, list);
    va_end(list);
}

VOID INS_InsertPredicatedCall(INS ins, IPOINT, AFUNPTR function, ...)
{
    va_list list;
    va_start(list, function);
    Insert(ins, function, list);
    va_end(list);
}

ADDRINT INS_Address(INS ins)
{
    return ins->address;
}

BOOL INS_HasRealRep(INS ins)
{
    return ins->repeats > 0;
}

BOOL INS_IsSyscall(INS ins)
{
    return ins->syscall;
}

BOOL INS_IsStandardMemop(INS)
{
    return true;
}

UINT32 INS_MemoryOperandCount(INS ins)
{
    return UINT32(ins->operands.size());
}

BOOL INS_MemoryOperandIsRead(INS ins, UINT32 operand)
{
    return ins->operands.at(operand).read;
}

BOOL INS_MemoryOperandIsWritten(INS ins, UINT32 operand)
{
    return !ins->operands.at(operand).read;
}

size_t INS_MemoryOperandSize(INS ins, UINT32 operand)
{
    return ins->operands.at(operand).size;
}

static VOID Execute(const Played &ins, const Inserted &inserted, UINT32 iteration, CONTEXT *context)
{
    ADDRINT values[4] = {};
    for (size_t i = 0; i < inserted.arguments.size(); i++) {
        ADDRINT value = inserted.arguments[i].second;
        switch (inserted.arguments[i].first) {
        case IARG_THREAD_ID:
            value = ins.tid;
            break;
        case IARG_FIRST_REP_ITERATION:
            value = iteration == 0;
            break;
        case IARG_REG_VALUE:
            value = context->registers[value];
            break;
        case IARG_CONTEXT:
            value = reinterpret_cast<ADDRINT>(context);
            break;
        case IARG_MEMORYOP_EA:
            value = ins.operands.at(value).address;
            break;
        default:
            break;
        }
        values[i] = value;
    }
    auto function = reinterpret_cast<VOID (*)(ADDRINT, ADDRINT, ADDRINT, ADDRINT)>(
        reinterpret_cast<VOID *>(inserted.function));
    function(values[0], values[1], values[2], values[3]);
}

static VOID Run(Played &ins)
{
    for (auto &instrument : instruments)
        instrument.first(&ins, instrument.second);
    CONTEXT &context = contexts[ins.tid];
    for (int again = 1; again;) {
        again = 0;
        try {
            for (UINT32 i = 0; i < (ins.repeats ? ins.repeats : 1); i++)
                for (auto &inserted : ins.inserted) {
                    CONTEXT copy = context;
                    Execute(ins, inserted, i, &copy);
                }
        } catch (const Again &) {
            again = 1;
        }
    }
}

// --- the rest
// -------------------------------------------------------------------------------------

VOID PIN_InitLock(PIN_LOCK *lock)
{
    lock->owner = 0;
}

VOID PIN_GetLock(PIN_LOCK *lock, INT32 value)
{
    if (lock->owner || !value)
        Fail("a lock is taken twice");
    lock->owner = value;
}

INT32 PIN_ReleaseLock(PIN_LOCK *lock)
{
    if (!lock->owner)
        Fail("a lock is given back that was not taken");
    lock->owner = 0;
    return 0;
}

ADDRINT PIN_GetContextReg(const CONTEXT *context, REG reg)
{
    return context->registers[reg];
}

VOID PIN_SetContextReg(CONTEXT *context, REG reg, ADDRINT value)
{
    context->registers[reg] = value;
}

static THREADID current;

[[noreturn]] VOID PIN_ExecuteAt(const CONTEXT *context)
{
    REG changed = context->registers[REG_RAX] == 257 ? REG_RSI : REG_RDI;
    printf("call %lu gets %s\n", context->registers[REG_RAX],
           reinterpret_cast<const char *>(context->registers[changed]));
    contexts[current] = *context;
    throw Again();
}

size_t PIN_SafeCopy(VOID *destination, const VOID *source, size_t size)
{
    size_t done = 0;
    for (; done < size; done++) {
        auto found = memory.find(reinterpret_cast<ADDRINT>(source) + done);
        if (found == memory.end())
            break;
        static_cast<UINT8 *>(destination)[done] = found->second;
    }
    if (done > 0)
        return done;
    iovec here = {destination, size}, there = {const_cast<VOID *>(source), size};
    ssize_t result = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    return result > 0 ? size_t(result) : 0;
}

VOID PIN_AddFiniFunction(FINI_CALLBACK function, VOID *v)
{
    finis.emplace_back(function, v);
}

VOID PIN_InitSymbols() {}

VOID PIN_ExitApplication(INT32 status)
{
    for (auto &fini : finis)
        fini.first(status, fini.second);
    fflush(nullptr);
    _exit(status);
}

VOID PIN_ExitProcess(INT32 status)
{
    fflush(nullptr);
    _exit(status);
}

VOID CONTROLLER::CONTROL_MANAGER::RegisterHandler(CONTROL_HANDLER registered, VOID *, BOOL)
{
    handler = registered;
}

CONTROLLER::CONTROL_MANAGER *SDE_CONTROLLER::sde_controller_get()
{
    static CONTROLLER::CONTROL_MANAGER manager;
    return &manager;
}

// --- the program
// ----------------------------------------------------------------------------------

static VOID PlayMemory(std::istringstream &line)
{
    ADDRINT address;
    std::string text;
    line >> std::hex >> address >> std::ws;
    std::getline(line, text);
    for (size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < text.size()) {
            c = text[++i] == 'n' ? '\n' : '\0';
        }
        memory[address++] = UINT8(c);
    }
}

static VOID PlayRun(std::istringstream &line)
{
    Played ins;
    std::string word;
    line >> std::hex >> ins.tid >> ins.address;
    while (line >> word) {
        Operand operand = {word == "load", 0, 0};
        if (word == "rep") {
            line >> ins.repeats;
            continue;
        }
        line >> operand.address >> operand.size;
        ins.operands.push_back(operand);
    }
    current = ins.tid;
    Run(ins);
}

static VOID PlayCall(std::istringstream &line)
{
    static const REG registers[] = {REG_RDI, REG_RSI, REG_RDX, REG_R10};
    Played ins;
    std::string equals;
    long result;
    ins.syscall = true;
    line >> std::hex >> ins.tid >> ins.address;
    CONTEXT &context = contexts[ins.tid];
    line >> std::dec >> context.registers[REG_RAX] >> std::hex;
    for (REG reg : registers) {
        std::string word;
        line >> word;
        context.registers[reg] = ADDRINT(strtoll(word.c_str(), nullptr, 0));
    }
    line >> equals >> std::dec >> result;
    if (!line || equals != "=")
        Fail("not a call: " + line.str());
    memory[ins.address] = 0x0f;
    memory[ins.address + 1] = 0x05;
    current = ins.tid;
    Run(ins);
    contexts[ins.tid].registers[REG_RAX] = ADDRINT(result);
}

static VOID PlayEvent(std::istringstream &line)
{
    static const std::map<std::string, CONTROLLER::EVENT_TYPE> events = {
        {"start", CONTROLLER::EVENT_START},
        {"stop", CONTROLLER::EVENT_STOP},
        {"warmup-start", CONTROLLER::EVENT_WARMUP_START},
        {"warmup-stop", CONTROLLER::EVENT_WARMUP_STOP},
        {"threadid", CONTROLLER::EVENT_THREADID}};
    std::string name;
    THREADID tid;
    line >> name >> tid;
    handler(events.at(name), nullptr, nullptr, nullptr, tid, false);
}

VOID PIN_StartProgram()
{
    const char *path = getenv("PLAY");
    std::ifstream script(path ? path : "");
    if (!script)
        Fail("PLAY names no file");
    for (std::string text; std::getline(script, text);) {
        std::istringstream line(text);
        std::string word;
        line >> word;
        if (word == "memory")
            PlayMemory(line);
        else if (word == "run")
            PlayRun(line);
        else if (word == "call")
            PlayCall(line);
        else if (word == "event")
            PlayEvent(line);
        else if (!word.empty() && word[0] != '#')
            Fail("what is this: " + text);
    }
    PIN_ExitApplication(0);
}
