#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball2elf.basic.sh PINBALL
# Makes the basic ELFie of a pinball, which has nothing but the region: PINBALL.basic.elfie, or in
# PINBALL.sysstate/. P2E_TEMP is for temporary files.
set -euo pipefail

if [ $# -ne 1 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} PINBALL" >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
exec "$(dirname -- "$0")/pinball2elf.kind.sh" basic "$1"
