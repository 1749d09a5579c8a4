#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball2elf.perf.sh PINBALL PREFIX [USE_WARMUP]
# Makes the ELFie of a pinball that counts what it does, and writes PREFIX.THREAD.perf.txt where it is
# run: PINBALL.perf.elfie, or in PINBALL.sysstate/. It has the markers of the sim ELFie, too.
# USE_WARMUP 0: no warm-up, 1: up to where PINBALL.event_icount.*.txt says, which is the default where
# there are such files. P2E_TEMP is for temporary files.
set -euo pipefail

if [ $# -lt 2 ] || [ $# -gt 3 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} PINBALL PREFIX [USE_WARMUP]" >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
warmup=0
compgen -G "$1.event_icount.*" >/dev/null && warmup=1
case ${3-$warmup} in
0) options=() ;;
1) options=(--warmup) ;;
*)
    echo "${0##*/}: USE_WARMUP is 0 or 1, not '$3'" >&2
    exit 2
    ;;
esac
exec "$(dirname -- "$0")/pinball2elf.kind.sh" perf "$1" --perf-prefix "$2" \
    --roi-start ssc:0x111 --roi-start simics:1 --magic2 simics:2 ${options[@]+"${options[@]}"}
