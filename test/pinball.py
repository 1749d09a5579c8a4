#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reads and writes pinballs; written from the format's description, not from gen/.

The tests need a second opinion on what a pinball says, so nothing here is shared with the
generator. Register names are lower case with `_` for `-` throughout (`fs_base`, `ymm3`).
Run as a program it prints what it read:  pinball.py BASE
"""

import bz2
import gzip
import os
import re
import struct
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Iterable, Iterator, Mapping, Optional, Union

PAGE = 4096
QUADS = PAGE // 8
MASK64 = (1 << 64) - 1
OPENERS = {".bz2": bz2.open, ".gz": gzip.open, "": open}
DELTA_SINCE = (2, 9)


class PinballError(Exception):
    """What is wrong with a pinball, with file and line where there is one."""


@dataclass
class Pinball:
    """What a pinball says about the start of its region."""

    fat: bool = True
    arch: str = "x86_64"
    version: tuple[int, int] = (2, 6)
    num_static: int = 0
    num_dynamic: int = 0
    threads: dict[int, dict[str, int]] = field(default_factory=dict)
    ostid: dict[int, int] = field(default_factory=dict)
    inscount: dict[int, int] = field(default_factory=dict)
    pages: dict[int, bytes] = field(default_factory=dict)
    # Pages that stand in .text more than once. pinballs/st logs six pages early, in ascending
    # order, and again behind all others in their state at the region's start: the later counts.
    duplicates: list[int] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    registers: dict[int, tuple[str, int]] = field(default_factory=dict)

    def runs(self) -> Iterator[tuple[int, int]]:
        """Maximal runs of adjacent pages: (first address, number of pages), ascending."""
        start = end = None
        for addr in sorted(self.pages):
            if addr != end:
                if start is not None:
                    yield start, (end - start) // PAGE
                start = addr
            end = addr + PAGE
        if start is not None:
            yield start, (end - start) // PAGE


def register_name(text: str) -> str:
    """`FS-BASE`, `fs-base` → `fs_base`."""
    return text.lower().replace("-", "_")


# ---------------------------------------------------------------------------------- reading


def open_log(name: str) -> tuple[IO[str], str]:
    """Opens NAME, NAME.bz2 or NAME.gz as text, and says which one it was."""
    for suffix in ("", ".bz2", ".gz"):
        if os.path.exists(name + suffix):
            return OPENERS[suffix](name + suffix, "rt", encoding="latin-1"), name + suffix
    raise PinballError(f"{name}: no such file, neither plain nor as .bz2 or .gz")


def read_global_log(base: str, pinball: Pinball) -> None:
    """The facts of the process and the table of registers."""
    with open(base + ".global.log", encoding="latin-1") as log:
        lines = iter(log.read().splitlines())
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon:
            continue
        pinball.keys.setdefault(key.strip(), value.strip())
        if key.strip() == "num_reg_descs":
            for _ in range(int(value)):
                name, index, size = next(lines).split()
                pinball.registers[int(index)] = (register_name(name), int(size))
    pinball.fat = pinball.keys.get("fat", "1") == "1"
    pinball.arch = pinball.keys.get("arch", "")
    major, minor = pinball.keys["log format version"].split(".")[:2]
    pinball.version = (int(major), int(minor))
    pinball.num_static = int(pinball.keys["num_static_threads"])
    pinball.num_dynamic = int(pinball.keys.get("num_dynamic_threads", pinball.num_static))


def parse_value(text: str, size: int) -> int:
    """`c09f` → 0x9fc0: least significant byte first, most significant zero bytes dropped."""
    if text == "0":
        return 0
    raw = bytes.fromhex(text)
    if len(raw) > size:
        raise ValueError(f"{len(raw)} bytes for a register of {size}")
    return int.from_bytes(raw, "little")


def read_registers(base: str, thread: int, pinball: Pinball) -> None:
    """The initial state of a thread, and its instruction count from the end marker."""
    stream, name = open_log(f"{base}.{thread}.reg")
    state: dict[str, int] = {}
    with stream:
        number = 1
        match = re.fullmatch(r"ic ;0 (\d+)", stream.readline().strip())
        if not match:
            raise PinballError(f"{name}:1: does not open with `ic ;0 N`")
        for _ in range(int(match[1])):
            number += 1
            try:
                index, value = stream.readline().split()
                register, size = pinball.registers[int(index)]
                state[register] = parse_value(value, size)
            except (ValueError, KeyError) as error:
                raise PinballError(f"{name}:{number}: not a register: {error}") from error
        for line in stream:
            if line.startswith("end_marker"):
                pinball.inscount[thread] = int(line.split()[1])
    pinball.threads[thread] = state


def read_result(base: str, thread: int, pinball: Pinball) -> None:
    """The thread's id when it was recorded, and its number of instructions."""
    name = f"{base}.{thread}.result"
    if not os.path.exists(name):
        return
    with open(name, encoding="latin-1") as result:
        for line in result:
            if line.startswith("OSTid:"):
                pinball.ostid[thread] = int(line.split()[1])
            elif line.startswith("inscount:"):
                pinball.inscount[thread] = int(line.split()[1])


def read_pages(stream: IO[str], name: str, delta: bool) -> Iterator[tuple[int, bytes]]:
    """Each page of a .text file, in the file's order."""
    addr: Optional[int] = None
    quads: list[int] = []

    def finished() -> bytes:
        if len(quads) != QUADS:
            raise PinballError(f"{name}:{number}: page {addr:#x} has {len(quads)} quadwords")
        return struct.pack("<512Q", *quads)

    number = 0
    for number, line in enumerate(stream, 1):
        try:
            if line.startswith("0x") and addr is not None:
                quads.append(int(line, 16))
            elif line.startswith("/"):
                if addr is not None:
                    yield addr, finished()
                addr, quads = int(line[1:].split()[0], 16), []
                if addr % PAGE:
                    raise ValueError("an address that is no page's")
            elif delta and line.startswith(":"):
                quads.extend(quads[-1:] * int(line[1:]))
            elif delta and line.startswith(";"):
                quads.append((quads[-1] + int(line[1:])) & MASK64)
            elif line.strip():
                raise ValueError("neither page nor value")
        except (ValueError, IndexError) as error:
            raise PinballError(f"{name}:{number}: {line.strip()!r}: {error}") from error
    if addr is not None:
        yield addr, finished()


def read_text(base: str, pinball: Pinball) -> None:
    """The memory image. A page that comes twice has the content that comes later."""
    stream, name = open_log(base + ".text")
    with stream:
        for addr, content in read_pages(stream, name, pinball.version >= DELTA_SINCE):
            if addr in pinball.pages:
                pinball.duplicates.append(addr)
            pinball.pages[addr] = content


def load(base: str, with_pages: bool = True) -> Pinball:
    """The pinball with this basename, e.g. `pinballs/st/log_0`."""
    pinball = Pinball()
    try:
        read_global_log(base, pinball)
        for thread in range(pinball.num_static):
            read_registers(base, thread, pinball)
            read_result(base, thread, pinball)
        if with_pages:
            read_text(base, pinball)
    except (OSError, KeyError, ValueError, StopIteration) as error:
        raise PinballError(f"{base}: {error!r}") from error
    return pinball


# ---------------------------------------------------------------------------------- writing

LEGACY = [
    ("rax", "eax", "ax", "ah", "al"), ("rcx", "ecx", "cx", "ch", "cl"),
    ("rdx", "edx", "dx", "dh", "dl"), ("rbx", "ebx", "bx", "bh", "bl"),
    ("rsp", "esp", "sp", "spl"), ("rbp", "ebp", "bp", "bpl"),
    ("rsi", "esi", "si", "sil"), ("rdi", "edi", "di", "dil"),
]
SEGMENTS = ["cs", "ds", "es", "ss", "fs", "gs"]
X87 = [("fcw", 2), ("fsw", 2), ("ftw", 1), ("fop", 2), ("fpuip", 4), ("x87cs", 2),
       ("fpudp", 4), ("x87ds", 2), *((f"st{i}", 10) for i in range(8))]
# What a register holds in a thread about which the caller says nothing else.
DEFAULTS = {"rflags": 0x202, "cs": 0x33, "ss": 0x2B, "fcw": 0x37F, "mxcsr": 0x1F80}
XCR0 = {"xmm": 0x3, "ymm": 0x7, "zmm": 0xE7}


def general_table() -> list[tuple[str, int]]:
    """The general registers with their parts, in the recorder's order."""
    table: list[tuple[str, int]] = []
    for names in LEGACY:
        table += zip(names, (8, 4, 2, 1, 1))
    for i in range(8, 16):
        table += zip((f"r{i}", f"r{i}d", f"r{i}w", f"r{i}b"), (8, 4, 2, 1))
    table += [("rip", 8), ("eip", 4), ("ip", 2), ("rflags", 8), ("eflags", 4), ("flags", 2)]
    table += [(name, 2) for name in SEGMENTS]
    return table + [("fs-base", 8), ("gs-base", 8)]


def vector_table(vectors: str) -> list[tuple[str, int]]:
    """XMM alone, XMM and YMM interleaved (as in pinballs/mt), or these with ZMM and K.

    No real table with AVX-512 was at hand: the order of that one is a guess.
    """
    table: list[tuple[str, int]] = []
    for i in range(32 if vectors == "zmm" else 16):
        table.append((f"XMM{i}", 16))
        if vectors != "xmm":
            table.append((f"YMM{i}", 32))
        if vectors == "zmm":
            table.append((f"ZMM{i}", 64))
    if vectors == "zmm":
        table += [(f"K{i}", 8) for i in range(8)]
    return table


def register_table(names: str, gap: bool, vectors: str) -> list[tuple[str, int, int]]:
    """(name, index, size) as in pinballs/mt (`lower`) or pinballs/sse42 (`upper`).

    A gap leaves out the number behind MXCSR, as format 2.16 does.
    """
    if names == "upper":
        table = [*general_table(), ("mxcsr", 4), *X87]
    else:
        table = [*general_table(), *X87, ("mxcsr", 4), ("xcr0", 8)]
    table += vector_table(vectors)
    rows = []
    index = 0
    for name, size in table:
        rows.append((name.upper() if names == "upper" else name, index, size))
        index += 2 if gap and name == "mxcsr" else 1
    return rows


def initial_registers(rows: list[tuple[str, int, int]], vectors: str) -> list[tuple[str, int, int]]:
    """The rows that an initial state lists: whole registers, of vectors only the widest."""
    sizes = {name: size for name, size in general_table()}
    parts = {name for name, size in sizes.items() if size < 8 and name not in SEGMENTS}
    narrower = {"xmm": (), "ymm": ("xmm",), "zmm": ("xmm", "ymm")}[vectors]
    return [row for row in rows
            if row[0].lower() not in parts and not row[0].lower().startswith(narrower or "?")]


def format_value(value: int, size: int) -> str:
    """0x9fc0 → `c09f`."""
    return value.to_bytes(size, "little").rstrip(b"\0").hex() or "0"


@lru_cache(maxsize=64)
def encode_page(content: bytes, delta: bool) -> str:
    """The lines of a page, byte for byte as the recorders write them."""
    quads = struct.unpack("<512Q", content)
    if not delta:
        return "0x%09x\n" * QUADS % quads
    lines: list[str] = []
    previous, repeats = quads[0], 0
    lines.append(f"{previous:#x}\n")
    for value in quads[1:]:
        if value == previous:
            repeats += 1
            continue
        if repeats:
            lines.append(f":{repeats}\n")
            repeats = 0
        # The step is the difference as a signed quadword: it wraps at 2**64.
        signed = ((value - previous + (1 << 63)) & MASK64) - (1 << 63)
        plain, step = f"{value:#x}\n", f";{signed}\n"
        lines.append(step if len(step) < len(plain) else plain)
        previous = value
    if repeats:
        lines.append(f":{repeats}\n")
    return "".join(lines)


Pages = Union[Mapping[int, bytes], Iterable[tuple[int, bytes]]]


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Joins what is adjacent; ascending."""
    merged: list[tuple[int, int]] = []
    for lo, hi in sorted(ranges):
        if merged and merged[-1][1] == lo:
            merged[-1] = (merged[-1][0], hi)
        else:
            merged.append((lo, hi))
    return merged


def write_text(out: IO[str], pages: Pages, delta: bool) -> list[tuple[int, int]]:
    """Writes the image and gives back its address ranges. An iterable is never held whole."""
    items = sorted(pages.items()) if isinstance(pages, Mapping) else pages
    ranges: list[tuple[int, int]] = []
    for addr, content in items:
        out.write(f"/0x{addr:09x} 0 0\n")
        out.write(encode_page(content, delta))
        if ranges and ranges[-1][1] == addr:
            ranges[-1] = (ranges[-1][0], addr + PAGE)
        else:
            ranges.append((addr, addr + PAGE))
    return merge_ranges(ranges)


def global_log(version: tuple[int, int], fat: int, num_static: int, num_dynamic: int,
               pid: int, rows: list[tuple[str, int, int]]) -> str:
    """The text of B.global.log."""
    lines = [
        "pin-command-line: test/pinball.py", "app-command-line: synthetic", f"OSPid: {pid}",
        f"fat: {fat}", "lit: 0", "user_name: test", "relogged: 0", "arch: x86_64",
        f"num_static_threads: {num_static}", f"num_dynamic_threads: {num_dynamic}",
        f"num_threads_started: {num_static}",
        f"log format version: {version[0]}.{version[1]}",
        "data_page_size:  4096", "text_page_size:  4096", f"num_reg_descs:  {len(rows)}",
    ]
    lines += [f"{name} {index} {size}" for name, index, size in rows]
    return "\n".join([*lines, "smc_granularity: 128", ""])


def procinfo(ranges: list[tuple[int, int]], symbols: Mapping[str, int]) -> str:
    """The text of B.procinfo.xml: one module over the first range."""
    lo, hi = ranges[0] if ranges else (0, 0)
    rows = "".join(f"\t\t<symbol name='{name}'\n\t\t\tbase='{addr:#x}' />\n"
                   for name, addr in sorted(symbols.items(), key=lambda item: item[1]))
    return ("<?xml version=\"1.0\" standalone=\"yes\" ?>\n<proc-info>\n<process name='synthetic'>\n"
            f"\t<module path='/synthetic'\n\t\tname='synthetic'\n\t\tbase='{lo:#x}'\n"
            f"\t\tsize='{hi - lo:#x}'>\n{rows}\t</module>\n</process>\n</proc-info>\n")


def registers_log(rows: list[tuple[str, int, int]], state: Mapping[str, int], count: int) -> str:
    """The text of B.T.reg: an initial state and the end."""
    known = {register_name(name) for name, _, _ in rows}
    strangers = sorted(set(state) - known)
    if strangers:
        raise PinballError(f"not in the register table: {', '.join(strangers)}")
    lines = [f"ic ;0 {len(rows)}"]
    for name, index, size in rows:
        register = register_name(name)
        value = state.get(register, DEFAULTS.get(register, 0))
        lines.append(f"{index} {format_value(value, size)}")
    return "\n".join([*lines, f"end_marker {count}", ""])


def write(base: str, pages: Pages, threads: Iterable[Mapping[str, int]], *,
          version: tuple[int, int] = (2, 11), compress: Optional[str] = None, fat: int = 1,
          ostids: Optional[list[int]] = None, names: str = "lower", gap: bool = False,
          vectors: str = "ymm", num_static: Optional[int] = None,
          num_dynamic: Optional[int] = None, inscount: int = 1000,
          brk: Optional[tuple[int, int]] = None,
          symbols: Optional[Mapping[str, int]] = None) -> None:
    """Writes a pinball.

    pages: address → content, or (address, content) pairs in the order of the file.
    threads: the registers of each; what is not named has its initial value.
    compress: None, `bz2` or `gz`. vectors: `xmm`, `ymm` or `zmm`, the widest that is recorded.
    num_static, num_dynamic: what global.log claims; the number of threads unless told.
    brk: first and last program break, into B.sysstate/BRK.log.
    """
    states = list(threads)
    ostids = ostids or [1000 + i for i in range(len(states))]
    suffix = f".{compress}" if compress else ""
    os.makedirs(os.path.dirname(base) or ".", exist_ok=True)

    def put(name: str, text: str) -> None:
        with open(f"{base}.{name}", "w", encoding="ascii") as out:
            out.write(text)

    def open_new(name: str) -> IO[str]:
        # A reader takes the first that it finds: none of an earlier pinball may remain.
        for other in OPENERS:
            if other != suffix and os.path.exists(f"{base}.{name}{other}"):
                os.remove(f"{base}.{name}{other}")
        return OPENERS[suffix](f"{base}.{name}{suffix}", "wt", encoding="ascii")

    def put_log(name: str, text: str) -> None:
        with open_new(name) as out:
            out.write(text)

    with open_new("text") as out:
        ranges = write_text(out, pages, version >= DELTA_SINCE)
    put("address", "".join(f"0x{lo:09x} 0x{hi:09x} text 0\n" for lo, hi in ranges))
    rows = register_table(names, gap, vectors)
    put("global.log", global_log(version, fat, num_static or len(states),
                                 num_dynamic or len(states), ostids[0], rows))
    put("procinfo.xml", procinfo(ranges, symbols or {}))
    listed = initial_registers(rows, vectors)
    for thread, state in enumerate(states):
        put_log(f"{thread}.reg", registers_log(listed, {"xcr0": XCR0[vectors], **state}
                                               if names == "lower" else state, inscount))
        put_log(f"{thread}.sel", f"end_marker {inscount}\n")
        put_log(f"{thread}.race", "")
        put(f"{thread}.result", f"inscount: {inscount}\nOSTid: {ostids[thread]}\n"
                                "num_syscalls: 0\n")
    if brk:
        os.makedirs(base + ".sysstate", exist_ok=True)
        put("sysstate/BRK.log", f"{brk[0]:#x}\n{brk[1]:#x}\n")


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: pinball.py BASE", file=sys.stderr)
        return 2
    try:
        pinball = load(sys.argv[1])
    except PinballError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"format {pinball.version[0]}.{pinball.version[1]}, fat {int(pinball.fat)}, "
          f"{pinball.num_static} threads, {pinball.num_dynamic} alive at the start")
    zeros = sum(not any(content) for content in pinball.pages.values())
    print(f"{len(pinball.pages)} pages, {zeros} of them zero, {len(list(pinball.runs()))} regions, "
          f"{len(pinball.duplicates)} logged twice")
    for thread, state in pinball.threads.items():
        print(f"thread {thread}: OSTid {pinball.ostid.get(thread)}, "
              f"{pinball.inscount.get(thread)} instructions, rip {state['rip']:#x}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
