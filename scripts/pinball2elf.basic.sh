#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball2elf.basic.sh PINBALL
# Makes the basic ELFie of a pinball: PINBALL.basic.elfie, in PINBALL.sysstate/ where that exists.
# With P2E_TEMP set, the linker script and all else that is made on the way goes to a folder in that
# directory; otherwise it stays beside the pinball.
set -euo pipefail

if [ $# -ne 1 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} PINBALL" >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
pinball=$1
name=$(basename -- "$pinball")
here=$(dirname -- "$0")
if [ -x "$here/../build/pinball2elf" ]; then
    pinball2elf=$here/../build/pinball2elf
elif [ -x "$here/pinball2elf" ]; then
    pinball2elf=$here/pinball2elf
else
    pinball2elf=pinball2elf
fi

# Most pinballs have the same name, log_0: each has a folder of its own in P2E_TEMP.
work=$(dirname -- "$pinball")
if [ -n "${P2E_TEMP-}" ]; then
    mkdir -p -- "$P2E_TEMP"
    work=$(mktemp -d -- "$P2E_TEMP/$name.XXXXXX")
fi
"$pinball2elf" --kind basic --outdir "$work" "$pinball"
made=$work/$name.basic.elfie
elfie=$pinball.basic.elfie
[ -d "$pinball.sysstate" ] && elfie=$pinball.sysstate/$name.basic.elfie
[ "$made" -ef "$elfie" ] || mv -f -- "$made" "$elfie"
echo "$elfie"
