#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sees an ELFie execute its ROI markers.

    markers.py ELFIE HEX...

HEX are the bytes of each marker, in the order in which they have to be executed. Thread 0 is stepped
through the last instructions of its startup code, t0.enter, instruction by instruction: each marker
is met once, in this order, and no other thread comes to tN.jump, the last instruction before its
region, until thread 0 has executed the last marker, however long that takes. Then all threads run
to their regions and on to the end of the program, and no marker is executed again.

Exit status: 0 all of that is so, 1 it is not, 2 wrong usage.
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import state  # noqa: E402

PATIENCE = 0.3  # seconds in which the other threads could go wrong
LONGEST = 16


def symbols(elfie: str) -> dict[str, int]:
    lines = subprocess.run(["nm", elfie], check=True, capture_output=True, text=True).stdout
    words = (line.split() for line in lines.splitlines())
    return {word[2]: int(word[0], 16) for word in words if len(word) == 3}


class Wrong(Exception):
    """The ELFie does not do what it should."""


class Watch:
    """The threads of an ELFie, thread 0 held at t0.enter, breakpoints before all other regions."""

    def __init__(self, elfie: str, names: dict[str, int]) -> None:
        self.pid = state.start(elfie, [], True)
        self.places = {at: name for name, at in names.items()
                       if name.endswith(".jump") and name != "t0.jump"}
        self.places[names["t0.enter"]] = "t0.enter"
        self.original = {at: state.Run.poke(self.pid, at, state.INT3) for at in self.places}
        self.known = {self.pid}
        self.arrived: dict[str, int] = {}
        self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)
        state.ptrace(state.PTRACE_CONT, self.pid)

    def bytes_at(self, addr: int) -> bytes:
        return os.pread(self.memory, LONGEST, addr)

    def event(self, tid: int, status: int) -> None:
        """A stop of a thread: new ones go on, at a breakpoint it is held."""
        if not os.WIFSTOPPED(status):
            raise Wrong(f"the ELFie ended {state.describe(status)}")
        rip = state.get_regs(tid)["rip"] - 1
        if os.WSTOPSIG(status) == signal.SIGTRAP and not status >> 16 and rip in self.places:
            state.Run.poke(tid, rip, self.original[rip])
            state.set_rip(tid, rip)
            self.arrived[self.places[rip]] = tid
            return
        known = tid in self.known
        self.known.add(tid)
        number = os.WSTOPSIG(status)
        quiet = status >> 16 or (not known and number == signal.SIGSTOP)
        state.ptrace(state.PTRACE_CONT, tid, 0, 0 if quiet else number)

    def others(self, seconds: float) -> None:
        """Lets the other threads run, and looks at them."""
        end = time.monotonic() + seconds
        while True:
            tid, status = os.waitpid(-1, state.WALL | os.WNOHANG)
            if tid:
                self.event(tid, status)
            elif time.monotonic() >= end:
                return
            else:
                time.sleep(0.001)

    def wait_for(self, names: set[str]) -> None:
        while not names <= self.arrived.keys():
            self.event(*os.waitpid(-1, state.WALL))

    def step(self) -> int:
        """One instruction of thread 0; gives where it is then."""
        state.ptrace(state.PTRACE_SINGLESTEP, self.pid)
        _, status = os.waitpid(self.pid, state.WALL)
        if not os.WIFSTOPPED(status) or os.WSTOPSIG(status) != signal.SIGTRAP:
            raise Wrong(f"thread 0 did not step: wait status {status:#x}")
        return state.get_regs(self.pid)["rip"]


def step_to_region(watch: Watch, names: dict[str, int], markers: list[bytes]) -> list[int]:
    """Steps thread 0 to its region; gives the places of the markers that it came by."""
    rip, met, places = names["t0.enter"], [], []
    while rip != names["t0.jump"]:
        code = watch.bytes_at(rip)
        for marker in markers:
            if code.startswith(marker):
                met.append(marker)
                places.append(rip)
        others = [name for name in watch.arrived if name != "t0.enter"]
        if others and len(met) < len(markers):
            raise Wrong(f"{', '.join(others)}: in front of the region before the last marker")
        rip = watch.step()
        watch.others(0)
    if met != markers:
        raise Wrong("executed: " + " ".join(m.hex() for m in met))
    return places


def run(elfie: str, markers: list[bytes]) -> str:
    names = symbols(elfie)
    threads = sum(name.endswith(".jump") for name in names)
    watch = Watch(elfie, names)
    watch.wait_for({"t0.enter"})
    watch.others(PATIENCE if threads > 1 else 0)
    if len(watch.known) != threads:
        raise Wrong(f"{len(watch.known)} threads, should be {threads}")
    places = step_to_region(watch, names, markers)
    watch.wait_for(set(watch.places.values()))
    for at in places:
        state.Run.poke(watch.pid, at, state.INT3)
    for tid in watch.arrived.values():
        state.ptrace(state.PTRACE_CONT, tid)
    while True:
        tid, status = os.waitpid(-1, state.WALL)
        if not os.WIFSTOPPED(status):
            if tid == watch.pid:
                return f"{threads} threads, {len(markers)} markers, ended {state.describe(status)}"
            continue
        if os.WSTOPSIG(status) == signal.SIGTRAP and not status >> 16 and \
                state.get_regs(tid)["rip"] - 1 in places:
            raise Wrong("a marker is executed again")
        quiet = status >> 16 or os.WSTOPSIG(status) in (signal.SIGSTOP, signal.SIGTRAP)
        state.ptrace(state.PTRACE_CONT, tid, 0, 0 if quiet else os.WSTOPSIG(status))


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    signal.alarm(20)
    try:
        print(run(sys.argv[1], [bytes.fromhex(text) for text in sys.argv[2:]]))
    except Wrong as wrong:
        print(f"markers: {wrong}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
