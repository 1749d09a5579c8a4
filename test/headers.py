#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""headers.py ELFIE MAX: checks the program headers as readelf shows them: at most MAX, loaded
segments in ascending order, physical address equal to virtual, nothing but pages, none of them
holding the ELF header or the program headers, an executable that asks for no executable stack."""

import subprocess
import sys


def main() -> int:
    elfie, maximum = sys.argv[1], int(sys.argv[2])
    text = subprocess.run(["readelf", "-lW", elfie], check=True, capture_output=True, text=True).stdout
    lines = text.split("Program Headers:")[1].split("Section to Segment")[0].splitlines()[2:]
    rows = [line.split() for line in lines if line.strip()]
    wrong = []
    if len(rows) > maximum:
        wrong.append(f"{len(rows)} headers, at most {maximum} are allowed")
    last_end = 0
    for row in rows:
        kind, offset, virtual, physical, _, memory = row[0], *(int(x, 16) for x in row[1:6])
        if virtual != physical:
            wrong.append(f"p_vaddr {virtual:#x} differs from p_paddr {physical:#x}")
        if kind == "GNU_STACK" and "E" in row[6:-1]:
            wrong.append("executable stack")
        if kind != "LOAD":
            continue
        if offset < 64:
            wrong.append(f"segment at {virtual:#x} holds the file's headers")
        if virtual < last_end:
            wrong.append(f"segment at {virtual:#x} stands behind one that ends at {last_end:#x}")
        last_end = virtual + memory
    print("\n".join(wrong) or f"{len(rows)} headers")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
