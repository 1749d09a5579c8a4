# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The heap and the stack go on where they were: what the region asks for extends the recorded heap,
# and the initial stack grows as it did.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

# record_it PROGRAM WHAT [COMMAND...]: original run and recording, both by COMMAND, in the folder
# `round`. Sets $name.
record_it() {
    local program=$programs/$1 what=$2
    name="$1 $2${3:+ by ${*:3}}"
    shift 2
    rm -rf round
    mkdir round
    "$@" "$program" "$what" >round/full
    equal "$name: original run" "$?" 6
    "$@" "$record" --compress none --start symbol:region_start --output round/log -- \
        "$program" "$what" >round/first
    check "$name: made" "$pinball2elf" round/log
    equal "$name: nothing is wrong in the original run" "$(grep -c ': no' round/full)" 0
}

# like_original NAME N ELFIE [COMMAND...]: N runs, by COMMAND, print the rest of the original run
# and end with its status. Stops at the first one that does not.
like_original() {
    local name=$1 n=$2 elfie=$3 status i
    shift 3
    for ((i = 1; i <= n; i++)); do
        { timeout --signal=KILL 20 "$@" "$elfie" >round/rest; } 2>messages
        status=$?
        cat round/first round/rest >round/both
        if [ $status -ne 6 ] || ! cmp -s round/both round/full; then
            failed "$name" "run $i of $n: status $status; $(diff round/both round/full)"
            return
        fi
    done
    passed "$name, $n runs"
}

# round PROGRAM WHAT [COMMAND...]: recorded by COMMAND and run with and without randomisation, in
# both layouts.
round() {
    record_it "$@"
    like_original "$name" 10 round/log.basic.elfie
    like_original "$name without randomisation" 5 round/log.basic.elfie setarch -R
    check "$name, compact: made" "$pinball2elf" --layout compact --outdir round/compact round/log
    like_original "$name, compact" 5 round/compact/log.basic.elfie
    like_original "$name, compact, without randomisation" 3 round/compact/log.basic.elfie setarch -R
}

# limit KIB COMMAND...
# shellcheck disable=SC2016 # it is for the script
printf '#!/bin/sh\nulimit -s "$1" && shift && exec "$@"\n' >limit
chmod +x limit

# The break in the linker script is the recorded one, to the byte.
record_it memory grow
equal "the break is that of BRK.log" \
    "$(sed -n 's/^elfie_break_end *= 0x0*\([0-9a-f]*\);.*/0x\1/p' round/log.ld)" \
    "$(head -n 1 round/log.sysstate/BRK.log)"

for what in grow shrink unused odd; do
    for program in memory memory-static memory-pie; do
        round $program $what
        round $program $what setarch -R
    done
done

# Nothing is known of the break.
for program in memory memory-static memory-pie; do
    for how in '' 'setarch -R'; do
        # shellcheck disable=SC2086 # two words
        record_it $program plain $how
        rm -r round/log.sysstate
        for layout in direct compact; do
            check "$name, $layout, no sysstate: made" \
                "$pinball2elf" --layout $layout --outdir round/$layout round/log
            like_original "$name, $layout, no sysstate" 5 round/$layout/log.basic.elfie
            like_original "$name, $layout, no sysstate, without randomisation" 3 \
                round/$layout/log.basic.elfie setarch -R
        done
    done
done

# The stack, with the limit that nearly everybody has, and with others when the ELFie runs.
for what in deep alloca; do
    for program in memory memory-static memory-pie; do
        round $program $what
        like_original "$name, ulimit -s 256" 3 round/log.basic.elfie ./limit 256
        if ./limit unlimited true 2>/dev/null; then
            like_original "$name, ulimit -s unlimited" 3 round/log.basic.elfie ./limit unlimited
        else
            skipped "$name, ulimit -s unlimited" "the limit cannot be raised"
        fi
    done
done
round memory deep setarch -R
if ./limit 16384 true 2>/dev/null; then
    round memory floor ./limit 16384
    round memory-static floor ./limit 16384
    round memory floor setarch -R ./limit 16384
else
    skipped "memory floor" "ulimit -s cannot be raised to 16384"
fi
