#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes synthetic pinballs whose ELFies can run, each with one property worth a test.

The recorded program is a few lines of assembler, put together here with as and ld. It checks
every block of pages that the image was made of, says `... ok` on standard output and exits with
0 (`exit`: with --status); at the first quadword that is not as it was it prints
`wrong at <address>` on standard error and exits with 1.
"""

import argparse
import heapq
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from typing import Callable, Iterator, Optional

import pinball
from pinball import MASK64, PAGE

# A checked quadword holds its own address times this odd number: no two are equal, none is 0.
PATTERN = 0x9E3779B97F4A7C15
MIB = 1 << 20

# What all programs share. Each block is a row of four quadwords: first address, number of pages
# to look at, bytes from one to the next, factor (0 for zero pages). Both ends of a page are
# compared, then inverted and compared again, because every page has to be writable too.
CHECK = """
        lea     blocks(%rip), %rbx
        mov     ${rows}, %ebp
        test    %ebp, %ebp
        jz      checked
block:  mov     (%rbx), %rdi
        mov     8(%rbx), %rcx
page:   mov     %rdi, %rsi
        call    check
        lea     0xff8(%rdi), %rsi
        call    check
        add     16(%rbx), %rdi
        dec     %rcx
        jnz     page
        add     $32, %rbx
        dec     %ebp
        jnz     block
        jmp     checked
check:  mov     24(%rbx), %rax
        imul    %rsi, %rax
        cmp     %rax, (%rsi)
        jne     wrong
        notq    (%rsi)
        not     %rax
        cmp     %rax, (%rsi)
        jne     wrong
        ret
wrong:  lea     digits_end(%rip), %rdi
        mov     $16, %ecx
digit:  mov     %esi, %eax
        and     $15, %eax
        add     $'0', %eax
        cmp     $'9', %eax
        jbe     store
        add     $'a' - '9' - 1, %eax
store:  dec     %rdi
        mov     %al, (%rdi)
        shr     $4, %rsi
        dec     %ecx
        jnz     digit
        lea     complaint(%rip), %rsi
        mov     $complaint_end - complaint, %edx
        mov     $2, %edi
        mov     $1, %eax
        syscall
        mov     $1, %edi
        mov     $231, %eax
        syscall
complaint: .ascii "wrong at 0x0000000000000000\\n"
        .set    digits_end, . - 1
complaint_end:
checked:
"""
SAY = """
        mov     $1, %edi
        lea     message(%rip), %rsi
        mov     $message_end - message, %edx
        mov     $1, %eax
        syscall
        cmp     $message_end - message, %rax
        mov     $1, %edi
        jne     leave
        mov     ${status}, %edi
leave:  mov     $231, %eax
        syscall
        hlt
message: .ascii "{message}\\n"
message_end:
"""
BLOCKS = "        .balign 8\nblocks:\n{blocks}"

# Every thread: its fs block must name itself, then it counts itself in. Thread 0 (r12 = 0) waits
# for the count, the others end. r13 is the address of the thread's own fs block.
THREADS = """
        cmp     %r13, %fs:0
        jne     lost
        push    %r13
        pop     %rax
        cmp     %r13, %rax
        jne     lost
        lock incl counter(%rip)
        test    %r12, %r12
        jz      wait
        lea     counter(%rip), %rdi
        mov     $1, %esi                # FUTEX_WAKE
        mov     $1, %edx
        mov     $202, %eax
        syscall
        xor     %edi, %edi
        mov     $60, %eax
        syscall
        hlt
lost:   mov     $1, %edi
        mov     $231, %eax
        syscall
wait:   mov     counter(%rip), %edx
        cmp     ${count}, %edx
        je      counted
        lea     counter(%rip), %rdi
        xor     %esi, %esi              # FUTEX_WAIT while it is still edx
        xor     %r10, %r10
        mov     $202, %eax
        syscall
        jmp     wait
        .balign 64
counter: .quad  0
counted:
"""
# As pthread_join does: wait until the kernel has cleared each other thread's tid word.
JOIN = """
        lea     tids(%rip), %rbx
        mov     ${others}, %ebp
join:   mov     (%rbx), %rdi
again:  mov     (%rdi), %edx
        test    %edx, %edx
        jz      gone
        xor     %esi, %esi
        xor     %r10, %r10
        mov     $202, %eax
        syscall
        jmp     again
gone:   add     $8, %rbx
        dec     %ebp
        jnz     join
        jmp     joined
        .balign 8
tids:
{tids}
joined:
"""
# Where glibc keeps these in its thread block.
TID_OFFSET, ROBUST_OFFSET = 0x2D0, 0x2E0


@dataclass
class Block:
    """Equal pages at equal distances: `count` of them from `addr` on, one each `step` bytes.

    `factor` is PATTERN or 0 (zero pages), `filler` the page between its two checked ends;
    of every `sample`-th page the program checks the ends.
    """

    addr: int
    count: int
    step: int = PAGE
    factor: int = PATTERN
    filler: bytes = bytes(PAGE)
    sample: int = 1

    def pages(self) -> Iterator[tuple[int, bytes]]:
        for addr in range(self.addr, self.addr + self.count * self.step, self.step):
            if self.factor:
                yield addr, (self.quad(addr) + self.filler[8:-8] + self.quad(addr + PAGE - 8))
            else:
                yield addr, self.filler

    def quad(self, addr: int) -> bytes:
        return (addr * self.factor & MASK64).to_bytes(8, "little")

    def row(self) -> str:
        looks = (self.count + self.sample - 1) // self.sample
        step = self.step * self.sample
        return f"        .quad {self.addr:#x}, {looks}, {step:#x}, {self.factor:#x}\n"


@dataclass
class Image:
    """A pinball in the making."""

    code: str
    message: str
    status: int = 0
    blocks: list[Block] = field(default_factory=list)
    pages: dict[int, bytes] = field(default_factory=dict)
    registers: list[dict[str, int]] = field(default_factory=lambda: [{}])
    ostids: list[int] = field(default_factory=lambda: [1000])


def assemble(source: str, addr: int) -> bytes:
    """The bytes of an assembler source whose first instruction lies at ADDR."""
    with tempfile.TemporaryDirectory() as work:
        obj, flat = os.path.join(work, "a.o"), os.path.join(work, "a.bin")
        subprocess.run(["as", "--64", "-o", obj], input=source.encode(), check=True)
        # Alignment inside .text must not move its start: code-at is any page.
        subprocess.run(["ld", "-N", "-e", "0", f"-Ttext={addr:#x}", "--oformat", "binary",
                        "-o", flat, obj], check=True)
        with open(flat, "rb") as code:
            return code.read()


def paginate(addr: int, content: bytes) -> dict[int, bytes]:
    """Content cut into pages, the last one filled with zeros."""
    return {addr + at: content[at:at + PAGE].ljust(PAGE, b"\0")
            for at in range(0, len(content), PAGE)}


def distinct(pages: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Passes ascending pages on; two at the same address are a wrong command line."""
    previous = -1
    for addr, content in pages:
        if addr <= previous:
            raise SystemExit(f"mkpinball: two pages at {addr:#x}: move code, stack or blocks")
        yield addr, content
        previous = addr


def write(args: argparse.Namespace, image: Image, vectors: str = "ymm") -> None:
    """Assembles the program, adds code and stack to the blocks, writes the pinball."""
    source = (image.code + SAY.format(status=image.status, message=image.message)
              + BLOCKS.format(blocks="".join(block.row() for block in image.blocks)))
    image.pages.update(paginate(args.code_at, assemble(source, args.code_at)))
    stack_end = args.stack_at + args.stack_pages * PAGE
    # The deepest page stays zero, as in a real stack; the upper ones hold what callers left.
    for addr in range(args.stack_at, stack_end, PAGE):
        image.pages[addr] = bytes(PAGE - 8) + b"caller\0\0"
    image.pages[args.stack_at] = bytes(PAGE)
    first = image.registers[0]
    first.setdefault("rsp", stack_end - 128)
    for state in image.registers:
        state.setdefault("rip", args.code_at)
    pages = distinct(heapq.merge(sorted(image.pages.items()),
                                 *(block.pages() for block in image.blocks)))
    pinball.write(args.base, pages, image.registers, version=args.version,
                  compress=args.compress, fat=args.fat, ostids=image.ostids, names=args.names,
                  gap=args.gap, vectors=vectors, brk=args.brk, symbols={"_start": args.code_at})


def checking(blocks: list[Block], message: str) -> Image:
    """An image of blocks whose program checks them."""
    blocks.sort(key=lambda block: block.addr)
    return Image(CHECK.replace("{rows}", str(len(blocks))), message, blocks=blocks)


# ------------------------------------------------------------------------------- the kinds


def make_exit(args: argparse.Namespace) -> None:
    image = checking([], "synthetic ok")
    image.status = args.status
    write(args, image)


def make_holes(args: argparse.Namespace) -> None:
    """Regions of 1 to 4 pages, with holes between."""
    blocks = []
    addr = args.at
    for number in range(args.regions):
        count = number % 4 + 1
        blocks.append(Block(addr, count))
        addr += (count + args.hole) * PAGE
    write(args, checking(blocks, f"{args.regions} regions ok"))


def make_pages(args: argparse.Namespace) -> None:
    blocks = [Block(addr, count) for addr, count in args.at]
    write(args, checking(blocks, f"{sum(b.count for b in blocks)} pages ok"))


def make_zeros(args: argparse.Namespace) -> None:
    """One region: a page, N MiB of zeros, a page, then zero and non-zero pages in turn."""
    count = args.mib * MIB // PAGE
    last = args.at + (count + 1) * PAGE
    blocks = [Block(args.at, 1), Block(args.at + PAGE, count, factor=0, sample=16), Block(last, 1),
              Block(last + PAGE, 32, 2 * PAGE, factor=0), Block(last + 2 * PAGE, 32, 2 * PAGE)]
    write(args, checking([b for b in blocks if b.count], f"{args.mib} MiB of zeros ok"))


def make_big(args: argparse.Namespace) -> None:
    """N MiB of pages that no encoding makes short."""
    filler = b"".join(((i + 1) * PATTERN & MASK64).to_bytes(8, "little") for i in range(512))
    block = Block(args.at, args.mib * MIB // PAGE, filler=filler)
    write(args, checking([block], f"{args.mib} MiB ok"))


def make_lowfull(args: argparse.Namespace) -> None:
    """A page each STEP bytes up to 2 GiB; the code takes the place of the page at code-at."""
    first, end = 0x10000, 0x80000000
    before = Block(first, max(0, (args.code_at - first + args.step - 1) // args.step), args.step)
    after_at = before.addr + before.count * args.step
    if after_at == args.code_at:
        after_at += args.step
    after = Block(after_at, max(0, (end - after_at + args.step - 1) // args.step), args.step)
    write(args, checking([b for b in (before, after) if b.count], "lowfull ok"))


def make_threads(args: argparse.Namespace) -> None:
    """Each thread but the first: a stack page and, above it, its thread block in a region."""
    if not 1 <= args.count <= 1024:
        raise SystemExit("mkpinball: 1 to 1024 threads")
    code = THREADS.format(count=args.count)
    image = Image(code, f"{args.count} threads ok", registers=[], ostids=[])
    tid_words = []
    for number in range(args.count):
        region = args.at + number * args.spacing
        fs_base, ostid = region + PAGE + 0x700, 5000 + number
        image.pages[region] = bytes(PAGE)
        image.pages[region + PAGE] = thread_block(region + PAGE, fs_base, ostid)
        tid_words.append(fs_base + TID_OFFSET)
        image.ostids.append(ostid)
        state = {"r12": number, "r13": fs_base, "fs_base": fs_base, "gs_base": 0}
        if number:
            state["rsp"] = region + PAGE - 16
        image.registers.append(state)
    if args.join and args.count > 1:
        rows = "".join(f"        .quad {addr:#x}\n" for addr in tid_words[1:])
        image.code += JOIN.format(others=args.count - 1, tids=rows)
    write(args, image)


def thread_block(page: int, fs_base: int, ostid: int) -> bytes:
    """A page with what a C library and the kernel look at: self, tid, the empty robust list."""
    content = bytearray(PAGE)
    for offset, value in ((0, fs_base), (0x10, fs_base), (TID_OFFSET, ostid),
                          (ROBUST_OFFSET, fs_base + ROBUST_OFFSET)):
        at = fs_base - page + offset
        content[at:at + 8] = value.to_bytes(8, "little")
    return bytes(content)


def make_vectors(args: argparse.Namespace) -> None:
    """All of the x87 and vector state away from its initial values; DF and most flags set."""
    state = {
        "rflags": 0xED7, "fcw": 0xE7F, "fsw": 0x6920, "ftw": 0xFF, "fop": 0x123,
        "fpuip": 0x401234, "x87cs": 0, "fpudp": 0x00001000, "x87ds": 0x7FFD, "mxcsr": 0xFFA0,
        "fs_base": args.stack_at + 0x100, "gs_base": args.stack_at + 0x200,
    }
    for number, name in enumerate(("rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi",
                                   *(f"r{i}" for i in range(8, 16)))):
        state[name] = (number + 1) * PATTERN & MASK64
    for number in range(8):
        # Normal 80-bit numbers: an explicit leading one, an exponent near the bias.
        state[f"st{number}"] = (0x3FFF + number) << 64 | 1 << 63 | (number + 1) << 8
    kind, width, count = ("zmm", 64, 32) if args.avx512 else ("ymm", 32, 16)
    for number in range(count):
        content = bytes((number * 67 + at * 3 + 1) % 255 + 1 for at in range(width))
        state[f"{kind}{number}"] = int.from_bytes(content, "little")
    if args.avx512:
        for number in range(8):
            state[f"k{number}"] = ~((number + 1) * PATTERN) & MASK64
    image = Image("", "vectors ok", registers=[state])
    write(args, image, kind)


# ------------------------------------------------------------------------- the command line


def any_int(text: str) -> int:
    return int(text, 0)


def log_version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def page_address(text: str) -> int:
    addr = int(text, 0)
    if addr % PAGE:
        raise argparse.ArgumentTypeError(f"{text} is not the address of a page")
    return addr


def page_block(text: str) -> tuple[int, int]:
    addr, _, count = text.partition(":")
    return page_address(addr), int(count or "1", 0)


def common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("base", metavar="BASE", help="the pinball's basename")
    common.add_argument("--code-at", type=page_address, default=0x400000, metavar="ADDR")
    common.add_argument("--stack-at", type=page_address, default=0x7FFD0001C000, metavar="ADDR")
    common.add_argument("--stack-pages", type=int, default=4, metavar="N")
    common.add_argument("--version", type=log_version, default=(2, 11), metavar="MAJOR.MINOR",
                        help="log format, such as 2.6, 2.11 (default), 2.16")
    common.add_argument("--compress", choices=["bz2", "gz"])
    common.add_argument("--names", choices=["lower", "upper"], default="lower")
    common.add_argument("--gap", action="store_true", help="leave out a register number")
    common.add_argument("--fat", type=int, choices=[0, 1], default=1)
    common.add_argument("--brk", nargs=2, type=any_int, metavar=("FIRST", "LAST"),
                        help="write B.sysstate/BRK.log")
    return common


def parse(argv: Optional[list[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True, metavar="KIND")
    common = common_options()

    def kind(name: str, make: Callable[[argparse.Namespace], None], text: str,
             at: Optional[int] = None) -> argparse.ArgumentParser:
        sub = kinds.add_parser(name, parents=[common], help=text)
        sub.set_defaults(make=make)
        if at is not None:
            sub.add_argument("--at", type=page_address, default=at, metavar="ADDR")
        return sub

    kind("exit", make_exit, "prints and exits").add_argument("--status", type=int, default=42)
    holes = kind("holes", make_holes, "many regions with holes between", 0x2AAAAAAAB000)
    holes.add_argument("--regions", type=int, default=458)
    holes.add_argument("--hole", type=int, default=3, metavar="PAGES")
    pages = kind("pages", make_pages, "pages where you say")
    pages.add_argument("--at", type=page_block, action="append", required=True,
                       metavar="ADDR[:COUNT]")
    zeros = kind("zeros", make_zeros, "zero pages inside a region", 0x10000000)
    zeros.add_argument("--mib", type=int, default=16)
    big = kind("big", make_big, "a large image", 0x100000000)
    big.add_argument("--mib", type=int, default=96)
    low = kind("lowfull", make_lowfull, "no gap of STEP bytes below 2 GiB")
    low.add_argument("--step", type=page_address, default=0x10000)
    threads = kind("threads", make_threads, "N threads alive at the start", 0x7F0000000000)
    threads.add_argument("-n", dest="count", type=int, default=4)
    threads.add_argument("--spacing", type=page_address, default=0x801000,
                         help="from one thread's region to the next")
    threads.add_argument("--join", action="store_true",
                         help="wait until the kernel has cleared the others' tid words")
    vectors = kind("vectors", make_vectors, "no vector register in its initial state")
    vectors.add_argument("--avx512", action="store_true")
    return parser.parse_args(argv)


def main() -> int:
    args = parse()
    try:
        args.make(args)
    except (pinball.PinballError, OSError, subprocess.CalledProcessError) as error:
        print(f"mkpinball: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
