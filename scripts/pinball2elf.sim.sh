#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball2elf.sim.sh PINBALL [MESSAGE]
# Makes the ELFie of a pinball for simulators, which executes an SSC mark (0x111) and a magic
# instruction of Simics (1) right before the region, and says MESSAGE on standard error before that:
# PINBALL.sim.elfie, or in PINBALL.sysstate/. P2E_TEMP is for temporary files.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} PINBALL [MESSAGE]" >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
exec "$(dirname -- "$0")/pinball2elf.kind.sh" sim "$1" ${2:+--message "$2"}
