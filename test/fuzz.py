#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Gives the front-end pinball BASE with something wrong in one of its files, RUNS times. It must end
with 0 or 1, quickly; with 1 after a message that names a file, and nothing may be left of what it
wrote. The same seed gives the same runs.

With --replay what is wrong is in one of the files that a replay is made of, and the whole ELFie is
made: it is there when the front-end ends with 0, and no temporary file is."""

import argparse
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

INTERESTING = [b"0x", b"0xffffffffffffffff", b"/0x", b";-1", b":512", b":99999999999999999999", b"\0",
               b"\n", b"-1", b"18446744073709551616", b"4294967296", b"ic ;0 60", b"<module", b"*/", b"\xff"]
NUMBERS = [0, 1, 2, 7, 255, 512, 4096, 65536, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 63, (1 << 64) - 1]
LOGS = (".reg", ".sel", ".race", ".result", ".global.log", ".schedule")


def mutate(rng: random.Random, data: bytes) -> bytes:
    """One to four small changes: bytes, lines and lengths."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(11)
        lines = data.split(b"\n")
        line = rng.randrange(len(lines))
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1:]
        elif kind == 2:
            data = data[:at] + rng.choice(INTERESTING) + data[at:]
        elif kind == 3:
            lines[line:line + 1] = [lines[line]] * 2
            data = b"\n".join(lines)
        elif kind == 4:
            del lines[line]
            data = b"\n".join(lines)
        elif kind == 5:
            lines[line] = rng.choice(INTERESTING)
            data = b"\n".join(lines)
        elif kind == 6:
            other = rng.randrange(len(lines))
            lines[line], lines[other] = lines[other], lines[line]
            data = b"\n".join(lines)
        elif kind == 7:
            if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
        else:
            numbers = list(re.finditer(rb"\d+", data))
            if numbers:
                number = rng.choice(numbers)
                # Mostly another number: what is no number does not come far.
                other = rng.choice(INTERESTING) if kind == 8 else b"%d" % rng.choice(NUMBERS)
                data = data[:number.start()] + other + data[number.end():]
    return data


def run_once(args: argparse.Namespace, rng: random.Random, folder: str) -> str:
    """What is wrong with this run, or an empty string."""
    base = args.base
    for path in glob.glob(glob.escape(base) + ".*"):
        if os.path.isfile(path):
            shutil.copy(path, os.path.join(folder, "p" + path[len(base):]))
    if os.path.isdir(base + ".sysstate"):
        shutil.copytree(base + ".sysstate", os.path.join(folder, "p.sysstate"))
    files = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    if args.replay:
        # Kinds of files, not files: there may be many threads.
        ending = rng.choice([log for log in LOGS if any(name.endswith(log) for name in files)])
        files = [name for name in files if name.endswith(ending)]
    path = rng.choice(sorted(files))
    victim = os.path.relpath(path, folder)
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(mutate(rng, data))
    before = set(os.listdir(folder))
    try:
        options = ["--kind", "replay"] if args.replay else ["--emit-only", "--scan"]
        done = subprocess.run([args.tool, *options, os.path.join(folder, "p")], timeout=20,
                              capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return f"{victim}: not at its end after 20 s"
    left = set(os.listdir(folder)) - before
    if done.returncode not in (0, 1):
        return f"{victim}: status {done.returncode}: {done.stderr[-300:]!r}"
    if done.returncode == 1:
        message = done.stderr.strip().splitlines()[-1:] or [b""]
        named = rb"^%s/p[^:]*(:\d+)?: ." % re.escape(folder.encode()) if args.replay else rb"/p|pinball2elf: "
        if not re.search(named, message[0]):
            return f"{victim}: the message names no file: {message[0]!r}"
        if left:
            return f"{victim}: left behind: {sorted(left)}"
    elif args.replay and ("p.replay.elfie" not in left or any(name.endswith(".tmp") for name in left)):
        return f"{victim}: no ELFie, or a temporary file: {sorted(left)}"
    args.refused += done.returncode
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("tool", metavar="PINBALL2ELF")
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("runs", metavar="RUNS", type=int)
    parser.add_argument("seed", metavar="SEED", type=int, nargs="?", default=1)
    args = parser.parse_args()
    args.refused = 0
    wrong = 0
    for number in range(args.runs):
        with tempfile.TemporaryDirectory() as folder:
            message = run_once(args, random.Random(f"{args.seed}.{number}"), folder)
        if message:
            wrong += 1
            print(f"run {number} of seed {args.seed}: {message}")
    print(f"{args.runs} runs, {args.refused} refused, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
