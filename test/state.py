#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks from outside that each thread of an ELFie starts its region in the pinball's state.

    state.py [options] PINBALL ELFIE [-- ARGS of the ELFie]

The symbol tN.jump of the ELFie is the last instruction of the startup code of thread N, a jump
through memory to the thread's first own instruction. This tool plants a breakpoint on each of
them, and when a thread arrives, lets it do that one jump and holds it there. With all threads
held, it compares registers, x87 and vector state and every byte of memory.

Exit status: 0 no difference, 1 differences, 2 wrong usage, 3 the ELFie ended or hung before.
"""

import argparse
import ctypes
import mmap
import os
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from types import FrameType
from typing import Optional

import pinball
from pinball import PAGE, Pinball

# <sys/ptrace.h>, <linux/ptrace.h>, <linux/elf.h>, <sys/personality.h>
PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_POKETEXT = 0, 1, 4
PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SYSCALL = 7, 9, 12, 13, 24
PTRACE_SETOPTIONS, PTRACE_GETREGSET, PTRACE_GET_SYSCALL_INFO = 0x4200, 0x4204, 0x420E
PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACECLONE, PTRACE_O_EXITKILL = 0x1, 0x8, 0x100000
SYSCALL_ENTRY = 1
NT_X86_XSTATE = 0x202
WALL = 0x40000000
ADDR_NO_RANDOMIZE = 0x0040000
INT3 = 0xCC

# struct user_regs_struct of <sys/user.h>
USER_REGS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs rflags "
             "rsp ss fs_base gs_base ds es fs gs").split()
GENERAL = ("rip rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 "
           "fs_base gs_base").split()
# CF PF AF ZF SF DF OF NT AC ID. Not TF and RF, which belong to the debugger, and not IF, IOPL
# and bit 1, which a user program cannot change.
RFLAGS_MASK = 0x254CD5
FSW_PENDING = 0x80  # the summary bit: an unmasked x87 exception waits

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Ended(Exception):
    """The ELFie ended, or did not get there in time."""


class Timeout(Exception):
    """Raised by the alarm, out of a wait."""


class Iovec(ctypes.Structure):
    """struct iovec"""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def ptrace(request: int, tid: int, addr: int = 0, data: int = 0) -> int:
    ctypes.set_errno(0)
    result = libc.ptrace(request, tid, addr, data)
    error = ctypes.get_errno()
    if result == -1 and error:
        raise OSError(error, f"ptrace {request:#x} of {tid}: {os.strerror(error)}")
    return result


# ----------------------------------------------------------------------------- the processor


def call_code(code: str, *arguments: int) -> None:
    """Calls machine code (hex digits) with up to six integers, by the System V convention."""
    page = mmap.mmap(-1, PAGE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex(code))
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_uint64] * len(arguments))
    prototype(ctypes.addressof(ctypes.c_char.from_buffer(page)))(*arguments)


def cpuid(leaf: int, subleaf: int) -> tuple[int, int, int, int]:
    """EAX, EBX, ECX, EDX of a CPUID leaf."""
    out = (ctypes.c_uint32 * 4)()
    call_code("53"          # push %rbx
              "4989d0"      # mov  %rdx, %r8
              "89f8"        # mov  %edi, %eax
              "89f1"        # mov  %esi, %ecx
              "0fa2"        # cpuid
              "418900"      # mov  %eax, (%r8)
              "41895804"    # mov  %ebx, 4(%r8)
              "41894808"    # mov  %ecx, 8(%r8)
              "4189500c"    # mov  %edx, 12(%r8)
              "5bc3",       # pop  %rbx; ret
              leaf, subleaf, ctypes.addressof(out))
    return out[0], out[1], out[2], out[3]


def pointers_kept() -> bool:
    """Whether FOP, FIP and FDP survive FXRSTOR and FXSAVE while no exception is pending.

    On AMD processors without the feature `xsaveerptr` they do not. Nor do they on an EPYC of
    family 25 that has it (measured: FXSAVE stores zeros), so this tries instead of asking.
    """
    buffer = ctypes.create_string_buffer(512 * 3 + 16)
    own = (ctypes.addressof(buffer) + 15) & ~15
    trial, result = own + 512, own + 1024
    pointers = struct.pack("<HQQ", 0x123, 0x401234, 0x7FFD00001000)
    image = struct.pack("<HHBx", 0x37F, 0, 0) + pointers + struct.pack("<I", 0x1F80)
    ctypes.memmove(trial, image, len(image))
    call_code("480fae07"    # fxsave64  (%rdi)
              "480fae0e"    # fxrstor64 (%rsi)
              "480fae02"    # fxsave64  (%rdx)
              "480fae0f"    # fxrstor64 (%rdi)
              "c3",         # ret
              own, trial, result)
    return ctypes.string_at(result + 6, len(pointers)) == pointers


@dataclass
class Xsave:
    """Where the components of this processor's XSAVE area lie: number → (offset, size)."""

    total: int
    components: dict[int, tuple[int, int]]

    @classmethod
    def of_this_processor(cls) -> "Xsave":
        """Leaf 0xD. The offsets are not the same everywhere: AVX-512 is elsewhere on AMD."""
        enabled, _, total, _ = cpuid(0xD, 0)
        places = {}
        for number in range(2, 32):
            if enabled >> number & 1:
                size, offset, _, _ = cpuid(0xD, number)
                places[number] = (offset, size)
        return cls(total, places)


AVX, OPMASK, ZMM_HI256, HI16_ZMM, TILECFG, TILEDATA = 2, 5, 6, 7, 17, 18


# ------------------------------------------------------------------------------- the symbols


def jump_symbols(name: str) -> dict[int, int]:
    """Thread → address of tN.jump, out of the ELF file's symbol table."""
    with open(name, "rb") as file:
        elf = file.read()
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{name}: not a 64-bit little-endian ELF file")
    if struct.unpack_from("<H", elf, 16)[0] != 2:
        raise ValueError(f"{name}: not of type ET_EXEC")
    shoff, = struct.unpack_from("<Q", elf, 40)
    shentsize, shnum = struct.unpack_from("<HH", elf, 58)
    if shoff and not shnum:
        # 0xff00 sections or more: the number is in the first header (an image of many regions).
        shnum, = struct.unpack_from("<Q", elf, shoff + 32)

    def section(number: int) -> tuple[int, int, int, int]:
        kind, _, _, offset, size, link = struct.unpack_from("<IQQQQI", elf,
                                                            shoff + number * shentsize + 4)
        return kind, offset, size, link

    jumps = {}
    for number in range(shnum):
        kind, offset, size, link = section(number)
        if kind != 2:  # SHT_SYMTAB
            continue
        _, strings, _, _ = section(link)
        for at in range(offset, offset + size, 24):
            index, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", elf, at)
            end = elf.index(b"\0", strings + index)
            symbol = elf[strings + index:end].decode("latin-1")
            thread, _, rest = symbol[1:].partition(".")
            if symbol.startswith("t") and rest == "jump" and thread.isdigit():
                jumps[int(thread)] = value
    return jumps


# ---------------------------------------------------------------------------- running the ELFie


def get_regs(tid: int) -> dict[str, int]:
    regs = (ctypes.c_uint64 * len(USER_REGS))()
    ptrace(PTRACE_GETREGS, tid, 0, ctypes.addressof(regs))
    return dict(zip(USER_REGS, regs))


def set_rip(tid: int, rip: int) -> None:
    regs = (ctypes.c_uint64 * len(USER_REGS))()
    ptrace(PTRACE_GETREGS, tid, 0, ctypes.addressof(regs))
    regs[USER_REGS.index("rip")] = rip
    ptrace(PTRACE_SETREGS, tid, 0, ctypes.addressof(regs))


def get_xstate(tid: int, size: int) -> bytes:
    area = ctypes.create_string_buffer(size)
    vector = Iovec(ctypes.addressof(area), size)
    ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, ctypes.addressof(vector))
    return area.raw[:vector.length]


def is_syscall_entry(tid: int) -> bool:
    info = (ctypes.c_uint8 * 88)()
    ptrace(PTRACE_GET_SYSCALL_INFO, tid, len(info), ctypes.addressof(info))
    return info[0] == SYSCALL_ENTRY


@dataclass
class Run:
    """The ELFie on its way to the first instructions of its threads."""

    pid: int
    jumps: dict[int, int]
    resume: int = PTRACE_CONT  # how the first thread goes on: PTRACE_SYSCALL counts
    syscalls: int = 0
    held: dict[int, int] = field(default_factory=dict)  # thread → tid, at its first instruction
    known: set[int] = field(default_factory=set)
    original: dict[int, int] = field(default_factory=dict)
    last_fault: str = ""

    def plant(self) -> None:
        """A breakpoint on every tN.jump; the startup code is never moved, so at once."""
        for thread, addr in self.jumps.items():
            try:
                self.original[addr] = self.poke(self.pid, addr, INT3)
            except OSError as error:
                raise Ended(f"t{thread}.jump at {addr:#x} is not mapped after exec") from error

    @staticmethod
    def poke(tid: int, addr: int, byte: int) -> int:
        """Replaces a byte of the text and gives back the old one; tid is a stopped thread."""
        word = ptrace(PTRACE_PEEKTEXT, tid, addr) & 0xFFFFFFFFFFFFFFFF
        ptrace(PTRACE_POKETEXT, tid, addr, word & ~0xFF | byte)
        return word & 0xFF

    def go_on(self, tid: int, with_signal: int = 0) -> None:
        request = self.resume if tid == self.pid else PTRACE_CONT
        ptrace(request, tid, 0, with_signal)

    def until_all_held(self) -> None:
        self.known.add(self.pid)
        self.go_on(self.pid)
        while len(self.held) < len(self.jumps):
            tid, status = os.waitpid(-1, WALL)
            if os.WIFSTOPPED(status):
                self.stopped(tid, os.WSTOPSIG(status), status >> 16)
            elif tid == self.pid:
                raise Ended(f"the ELFie ended {describe(status)}{self.last_fault}")

    def stopped(self, tid: int, number: int, event: int) -> None:
        """A stop of a thread that is not held: breakpoint, system call, new thread or signal."""
        if tid not in self.known:
            self.known.add(tid)
            self.go_on(tid, 0 if number == signal.SIGSTOP else number)
        elif number == signal.SIGTRAP | 0x80:
            self.syscalls += is_syscall_entry(tid)
            self.go_on(tid)
        elif event:
            self.go_on(tid)
        elif number == signal.SIGTRAP and get_regs(tid)["rip"] - 1 in self.original:
            self.hold(tid, get_regs(tid)["rip"] - 1)
        else:
            if number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE,
                          signal.SIGTRAP):
                self.last_fault = (f"; {signal.Signals(number).name} in thread {tid} "
                                   f"at {get_regs(tid)['rip']:#x}")
            self.go_on(tid, number)

    def hold(self, tid: int, addr: int) -> None:
        """Lets a thread that is at its breakpoint do its jump, and keeps it stopped behind it."""
        thread = next(t for t, at in self.jumps.items() if at == addr)
        self.poke(tid, addr, self.original[addr])
        set_rip(tid, addr)
        ptrace(PTRACE_SINGLESTEP, tid)
        _, status = os.waitpid(tid, WALL)
        if not os.WIFSTOPPED(status):
            raise Ended(f"thread {thread} ended {describe(status)} at its jump")
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            name = signal.Signals(os.WSTOPSIG(status)).name
            raise Ended(f"thread {thread} got {name} at its jump")
        self.held[thread] = tid


def describe(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"with status {os.WEXITSTATUS(status)}"


def start(elfie: str, arguments: list[str], aslr: bool) -> int:
    """Starts the ELFie, stopped at exec; it is killed when this tool ends."""
    pid = os.fork()
    if pid == 0:
        try:
            if not aslr:
                libc.personality(ADDR_NO_RANDOMIZE)
            ptrace(PTRACE_TRACEME, 0)
            os.execv(elfie, [elfie, *arguments])
        except OSError as error:
            print(f"state: {elfie}: {error}", file=sys.stderr)
        finally:
            os._exit(127)
    _, status = os.waitpid(pid, WALL)
    if not os.WIFSTOPPED(status):
        raise Ended(f"exec failed: the process ended {describe(status)}")
    ptrace(PTRACE_SETOPTIONS, pid, 0,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)
    return pid


def run_to_first(args: argparse.Namespace, jumps: dict[int, int]) -> Run:
    """The ELFie with all its threads held at their first instructions."""

    def alarm(_number: int, _frame: Optional[FrameType]) -> None:
        raise Timeout

    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, args.timeout)
    run = None
    try:
        pid = start(args.elfie, args.args, not args.no_aslr)
        run = Run(pid, jumps, PTRACE_SYSCALL if args.count_syscalls else PTRACE_CONT)
        run.plant()
        run.until_all_held()
    except Timeout:
        held = len(run.held) if run else 0
        raise Ended(f"after {args.timeout:g} s {held} of {len(jumps)} threads had "
                    f"reached their first instruction{run.last_fault if run else ''}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return run


# ------------------------------------------------------------------------------ the comparison


@dataclass
class Comparison:
    """Counts what was compared and prints what differs."""

    limit: int
    registers: int = 0
    pages: int = 0
    differences: int = 0

    def differs(self, line: str) -> None:
        self.differences += 1
        if self.differences <= self.limit:
            print(line)
        elif self.differences == self.limit + 1:
            print("further differences are counted, but not printed")

    def register(self, thread: int, name: str, actual: int, expected: int) -> None:
        self.registers += 1
        if actual != expected:
            self.differs(f"thread {thread}: {name} is {actual:#x} and should be {expected:#x}")


def compare_general(out: Comparison, thread: int, actual: dict[str, int],
                    expected: dict[str, int]) -> None:
    for name in GENERAL:
        if name in expected:
            out.register(thread, name, actual[name], expected[name])
    if "rflags" in expected:
        out.register(thread, "rflags", actual["rflags"] & RFLAGS_MASK,
                     expected["rflags"] & RFLAGS_MASK)


def decode_x87(area: bytes, present: bool) -> dict[str, int]:
    """The x87 part of an XSAVE area (Intel SDM volume 1, table 13-1), or its initial state."""
    if not present:
        area = struct.pack("<H", 0x37F).ljust(512, b"\0")
    fcw, fsw, ftw, fop, fip, fdp = struct.unpack_from("<HHBxHQQ", area)
    state = {"fcw": fcw, "fsw": fsw, "ftw": ftw, "fop": fop, "fip": fip, "fdp": fdp}
    for number in range(8):
        at = 32 + 16 * number
        state[f"st{number}"] = int.from_bytes(area[at:at + 10], "little")
    return state


def expected_x87(state: dict[str, int]) -> dict[str, int]:
    """What the pinball says; FIP and FDP are recorded as offset and selector, 32 and 16 bits."""
    initial = {"fcw": 0x37F}
    expected = {name: state.get(name, initial.get(name, 0))
                for name in ["fcw", "fsw", "ftw", "fop", *(f"st{i}" for i in range(8))]}
    expected["fip"] = state.get("fpuip", 0) | state.get("x87cs", 0) << 32
    expected["fdp"] = state.get("fpudp", 0) | state.get("x87ds", 0) << 32
    return expected


def decode_vectors(area: bytes, xsave: Xsave) -> dict[str, int]:
    """zmm0 to zmm31 (with zeros where this machine has less), k0 to k7, mxcsr, AMX tiles."""
    present, = struct.unpack_from("<Q", area, 512)

    def part(component: int, at: int, size: int) -> bytes:
        offset = xsave.components.get(component, (0, 0))[0]
        if not offset or not present >> component & 1:
            return bytes(size)
        return area[offset + at:offset + at + size]

    state = {}
    for number in range(16):
        xmm = area[160 + 16 * number:176 + 16 * number] if present & 2 else bytes(16)
        whole = xmm + part(AVX, 16 * number, 16) + part(ZMM_HI256, 32 * number, 32)
        state[f"zmm{number}"] = int.from_bytes(whole, "little")
        state[f"zmm{number + 16}"] = int.from_bytes(part(HI16_ZMM, 64 * number, 64), "little")
    for number in range(8):
        state[f"k{number}"] = int.from_bytes(part(OPMASK, 8 * number, 8), "little")
    # Not covered by a bit of its own: valid with SSE or AVX state (SDM volume 1, 13.7).
    state["mxcsr"] = struct.unpack_from("<I", area, 24)[0] if present & 6 else 0x1F80
    state["tilecfg"] = int.from_bytes(part(TILECFG, 0, 64), "little")
    for number in range(8):
        tile = part(TILEDATA, 1024 * number, 1024)
        state[f"tmm{number}"] = int.from_bytes(tile, "little")
    return state


def expected_vectors(state: dict[str, int]) -> dict[str, int]:
    """What the pinball lists, of each register the widest part; initial beyond that."""
    expected = {"mxcsr": state.get("mxcsr", 0x1F80), "tilecfg": state.get("tilecfg", 0)}
    for number in range(32):
        expected[f"zmm{number}"] = next((state[f"{kind}{number}"] for kind in ("zmm", "ymm", "xmm")
                                         if f"{kind}{number}" in state), 0)
    for number in range(8):
        expected[f"k{number}"] = state.get(f"k{number}", 0)
        expected[f"tmm{number}"] = state.get(f"tmm{number}", 0)
    return expected


def compare_extended(out: Comparison, thread: int, area: bytes, xsave: Xsave,
                     state: dict[str, int], pointers: bool) -> None:
    present, = struct.unpack_from("<Q", area, 512)
    actual = decode_x87(area, bool(present & 1)) | decode_vectors(area, xsave)
    expected = expected_x87(state) | expected_vectors(state)
    comparable = pointers or expected["fsw"] & FSW_PENDING
    for name, value in expected.items():
        if comparable or name not in ("fop", "fip", "fdp"):
            out.register(thread, name, actual[name], value)


def ignored_bytes(specs: list[str]) -> dict[int, set[int]]:
    """`ADDR[:LENGTH]` → page → offsets in it that are not compared."""
    ignored: dict[int, set[int]] = {}
    for spec in specs:
        addr, _, length = spec.partition(":")
        for at in range(int(addr, 0), int(addr, 0) + int(length or "8", 0)):
            ignored.setdefault(at - at % PAGE, set()).add(at % PAGE)
    return ignored


def compare_page(out: Comparison, addr: int, actual: bytes, expected: bytes,
                 ignored: set[int]) -> None:
    out.pages += 1
    if actual == expected:
        return
    if len(actual) < PAGE:
        out.differs(f"page {addr:#x}: not mapped")
        return
    places = [i for i in range(PAGE) if actual[i] != expected[i] and i not in ignored]
    if places:
        at = places[0] & ~7
        out.differs(f"page {addr:#x}: {len(places)} bytes differ, first at {addr + places[0]:#x}: "
                    f"quadword is {int.from_bytes(actual[at:at + 8], 'little'):#x}, "
                    f"should be {int.from_bytes(expected[at:at + 8], 'little'):#x}")


def read_memory(memory: int, addr: int, length: int) -> bytes:
    """What can be read from addr on; shorter where it is not mapped."""
    content = b""
    while len(content) < length:
        try:
            more = os.pread(memory, length - len(content), addr + len(content))
        except (OSError, OverflowError):
            break
        if not more:
            break
        content += more
    return content


def compare_memory(out: Comparison, pid: int, image: Pinball, ignored: dict[int, set[int]]) -> None:
    chunk = 256  # pages read at once
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for start_addr, count in image.runs():
            for first in range(0, count, chunk):
                base = start_addr + first * PAGE
                length = min(chunk, count - first) * PAGE
                content = read_memory(memory, base, length)
                for at in range(0, length, PAGE):
                    page = content[at:at + PAGE]
                    if len(page) < PAGE:  # behind a hole the read has to start anew
                        page = read_memory(memory, base + at, PAGE)
                    compare_page(out, base + at, page, image.pages[base + at],
                                 ignored.get(base + at, set()))
    finally:
        os.close(memory)


def compare(args: argparse.Namespace, image: Pinball, run: Run) -> Comparison:
    out = Comparison(args.limit)
    xsave = Xsave.of_this_processor()
    pointers = pointers_kept()
    if not pointers and any(state.get(name) for state in image.threads.values()
                            for name in ("fop", "fpuip", "fpudp")):
        print("fop, fip and fdp are not comparable: this processor keeps them only while an "
              "exception is pending")
    for thread, tid in sorted(run.held.items()):
        state = image.threads[thread]
        compare_general(out, thread, get_regs(tid), state)
        compare_extended(out, thread, get_xstate(tid, xsave.total), xsave, state, pointers)
    compare_memory(out, run.pid, image, ignored_bytes(args.ignore))
    return out


# ---------------------------------------------------------------------------- the command line


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=20, metavar="SECONDS")
    parser.add_argument("--no-aslr", action="store_true", help="as under gdb")
    parser.add_argument("--count-syscalls", action="store_true",
                        help="those of the first thread before its first instruction")
    parser.add_argument("--ignore", action="append", default=[], metavar="ADDR[:LENGTH]",
                        help="bytes that may differ (8 of them, unless told)")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="differences printed")
    parser.add_argument("--time", action="store_true", help="say how long the start took")
    parser.add_argument("pinball", help="the pinball's basename")
    parser.add_argument("elfie")
    parser.add_argument("args", nargs="*", help="of the ELFie, behind --")
    return parser.parse_args()


def main() -> int:
    args = parse()
    try:
        image = pinball.load(args.pinball)
        jumps = jump_symbols(args.elfie)
    except (pinball.PinballError, OSError, ValueError) as error:
        print(f"state: {error}", file=sys.stderr)
        return 2
    wanted = {thread: jumps[thread] for thread in range(image.num_dynamic) if thread in jumps}
    if len(wanted) < image.num_dynamic:
        print(f"state: {args.elfie}: {len(wanted)} of {image.num_dynamic} symbols tN.jump",
              file=sys.stderr)
        return 2
    if len(set(wanted.values())) < len(wanted):
        print(f"state: {args.elfie}: two threads have the same tN.jump", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        run = run_to_first(args, wanted)
    except (Ended, OSError) as error:
        print(f"state: {error}", file=sys.stderr)
        return 3
    if args.time:
        print(f"{time.monotonic() - began:.3f} s to the first instructions")
    if args.count_syscalls:
        print(f"{run.syscalls} system calls before the first instruction")
    out = compare(args, image, run)
    print(f"{len(run.held)} threads, {out.registers} registers, {out.pages} pages compared: "
          f"{out.differences} differences")
    os.kill(run.pid, signal.SIGKILL)
    return 1 if out.differences else 0


if __name__ == "__main__":
    sys.exit(main())
