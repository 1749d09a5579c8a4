#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""drop_page.py FROM TO ADDRESS: copies the memory image of pinball FROM to pinball TO (whose other
files are there already) without the page at ADDRESS, as if it had not been captured."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pinball  # noqa: E402


def main() -> int:
    source, target, page = sys.argv[1], sys.argv[2], int(sys.argv[3], 0) & ~0xFFF
    pages = pinball.load(source).pages
    del pages[page]
    with open(target + ".text", "w", encoding="ascii") as out:
        for address in sorted(pages):
            out.write(f"/0x{address:09x} 0 0\n")
            data = pages[address]
            for offset in range(0, 4096, 8):
                out.write(f"0x{int.from_bytes(data[offset:offset + 8], 'little'):x}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
