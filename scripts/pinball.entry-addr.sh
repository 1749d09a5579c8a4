#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Usage: pinball.entry-addr.sh PINBALL [THREAD]
# Prints "Thread: T Entry Address: 0x…": where thread THREAD (0 if not given) starts.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "$1" = --help ]; then
    echo "Usage: ${0##*/} PINBALL [THREAD]" >&2
    [ "${1-}" = --help ] && exit 0
    exit 2
fi
pinball=$1
thread=${2:-0}
case $thread in
'' | *[!0-9]*)
    echo "${0##*/}: not a thread number: '$thread'" >&2
    exit 2
    ;;
esac

# The register's number stands in the global.log; its name is in either case.
if [ ! -r "$pinball.global.log" ]; then
    echo "$pinball.global.log: no such file, or not readable" >&2
    exit 1
fi
number=$(awk 'tolower($1) == "rip" && NF == 3 { print $2; exit }' "$pinball.global.log")
reg=$pinball.$thread.reg
if [ -r "$reg" ]; then
    unpack=(cat)
elif [ -r "$reg.bz2" ]; then
    unpack=(bzip2 -dc) reg=$reg.bz2
elif [ -r "$reg.gz" ]; then
    unpack=(gzip -dc) reg=$reg.gz
else
    echo "$reg: no such file, nor with .bz2 or .gz" >&2
    exit 1
fi

# The value's bytes are written least significant first.
"${unpack[@]}" "$reg" | awk -v number="$number" -v thread="$thread" -v file="$reg" '
    NR > 1 && $1 == number && NF == 2 {
        for (i = length($2) - 1; i > 0; i -= 2)
            address = address substr($2, i, 2)
        sub(/^0+/, "", address)
        printf "Thread: %d Entry Address: 0x%s\n", thread, address == "" ? "0" : address
        found = 1
        exit
    }
    END {
        if (!found) {
            print file ": no initial rip" > "/dev/stderr"
            exit 1
        }
    }'
