# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The shipped pinballs: what their ELFies print is what their sources say.

cp -R "$top"/examples/ST/pinball/. "$top"/examples/MT/pinball/. .
check "made" make -f "$elfie_mk"
check "ST: state" "$state" st st.basic.elfie
check "MT: state" "$state" mt mt.basic.elfie
equal "ST: output" "$(timeout 30 ./st.basic.elfie)" "step 4: 120 primes
step 5: 119 primes
step 6: 114 primes
step 7: 117 primes
step 8: 107 primes
step 9: 110 primes
step 10: 112 primes
1229 primes below 10000"
equal "MT: output" "$(timeout 30 ./mt.basic.elfie)" "thread 0: 1000
thread 1: 1000
thread 2: 1000
thread 3: 1000
all: 4000"
repeat "ST" 100 0 ./st.basic.elfie
repeat "MT" 100 0 ./mt.basic.elfie
repeat "MT under setarch -R" 100 0 setarch -R ./mt.basic.elfie
verbose=$(ELFIE_VERBOSE=1 timeout 30 ./mt.basic.elfie 2>&1 >/dev/null)
check "verbose: process id and threads" grep -qE '^mt: process [0-9]+, 5 threads$' <<<"$verbose"
equal "verbose: a line for each thread" "$(grep -cE '^mt: thread [0-4]: id [0-9]+, starts at 0x' <<<"$verbose")" 5
equal "quiet otherwise" "$(timeout 30 ./mt.basic.elfie 2>&1 >/dev/null)" ""
equal "ELFIE_VERBOSE=0 is quiet" "$(ELFIE_VERBOSE=0 timeout 30 ./mt.basic.elfie 2>&1 >/dev/null)" ""
if has qemu-x86_64 qemu-user "on a processor without AVX"; then
    "$pinball2elf" --layout compact --outdir compact st
    equal "on a processor without AVX" "$(ulimit -v 8000000; qemu-x86_64 -cpu qemu64 compact/st.basic.elfie | tail -n 1)" \
        "1229 primes below 10000"
fi

# Their logs are there, too: exactly the recorded course.
check "made for replay" make -f "$elfie_mk" KIND=replay
equal "ST: output replayed" "$(timeout 30 ./st.replay.elfie)" "$(timeout 30 ./st.basic.elfie)"
equal "MT: output replayed" "$(timeout 60 ./mt.replay.elfie)" "$(timeout 30 ./mt.basic.elfie)"
check "MT: make schedule" make -f "$elfie_mk" KIND=replay ELFIE=mt schedule
check "MT: made with it" make -f "$elfie_mk" KIND=replay ELFIE=mt
gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"
timeout 120 ./icount -o counts ./mt.replay.elfie >out
equal "MT: output by schedule" "$(cat out)" "$(timeout 30 ./mt.basic.elfie)"
equal "MT: instructions" "$(paste -sd ' ' counts)" "$(sed -n 's/^inscount: //p' mt.?.result | paste -sd ' ')"

# Counters over exactly the recorded course, which needs no counter to find its end.
count_of() { sed -n 's/^inscount: //p' "$1.result"; }
end_of() { sed -n '/^Simulation end: TSC/{n;s/^\tSim-end-icount //p}' "$1.perf.txt"; }
check "made for replay with counters" make -f "$elfie_mk" KIND=perf REPLAY=1
for name in st mt; do
    timeout 60 ./$name.perf.elfie >out
    equal "$name, perf: status" $? 0
    equal "$name, perf: output" "$(cat out)" "$(timeout 30 ./$name.basic.elfie)"
    for result in $name.?.result; do
        equal "${result%.result}, perf: ends where the recording does" "$(end_of "${result%.result}")" \
            "$(count_of "${result%.result}")"
    done
    check "$name, perf: time of the whole region" grep -qE '^hw_.* sw_task_clock:[1-9][0-9]* $' <(tail -n 1 $name.0.perf.txt)
done
