#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball2elf.kind.sh KIND PINBALL [OPTION]...
# Makes an ELFie of a pinball, with options for pinball2elf: PINBALL.KIND.elfie, in PINBALL.sysstate/
# where that exists. With P2E_TEMP set, the linker script and all else that is made on the way goes to
# a folder in that directory; otherwise it stays beside the pinball. The scripts for each kind call it.
set -euo pipefail

if [ $# -lt 2 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} KIND PINBALL [OPTION]..." >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
kind=$1
pinball=$2
shift 2
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
"$pinball2elf" --kind "$kind" --outdir "$work" "$@" "$pinball"
made=$work/$name.$kind.elfie
elfie=$pinball.$kind.elfie
[ -d "$pinball.sysstate" ] && elfie=$pinball.sysstate/$name.$kind.elfie
[ "$made" -ef "$elfie" ] || mv -f -- "$made" "$elfie"
echo "$elfie"
