#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""qemu_count.py BASE ELFIE: runs the replay ELFie of pinball BASE, of one thread, in qemu-x86_64, and
prints how many instructions of the region the emulator has executed.

They are those at addresses in the image, each jump in place of a system call counted for that; and one
for each turn through the code that such a jump leads to, which has the instruction that had to make room
for it, among four of its own (instrumentation/replay_jump.c). A string instruction counts once."""

import re
import subprocess
import sys
import tempfile

import pinball


def runtime(elfie: str) -> range:
    """The addresses of what is no region."""
    symbols = subprocess.run(["nm", elfie], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1]: line.split()[0] for line in symbols.splitlines()}
    return range(int(names["_start"], 16), int(names["elfie_runtime_end"], 16))


def main() -> int:
    base, elfie = sys.argv[1], sys.argv[2]
    pages = pinball.load(base).pages
    own = runtime(elfie)
    usage = subprocess.run(["qemu-x86_64", "-help"], capture_output=True, text=True, check=False).stdout
    step = "-one-insn-per-tb" if "-one-insn-per-tb" in usage else "-singlestep"
    region = near = 0
    with tempfile.NamedTemporaryFile("r", errors="replace") as log:
        subprocess.run(["qemu-x86_64", step, "-d", "exec,nochain", "-D", log.name, elfie], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100)
        last = None
        for line in log:
            match = re.match(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", line)
            if not match:
                continue
            address = int(match[1], 16)
            if address in own:
                last = None
                continue
            if address & -pinball.PAGE in pages:
                region += address != last
            else:
                near += 1
            last = address
    print(region + near // 5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
