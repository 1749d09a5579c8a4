# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Exact replay where the kernel does not help: simulators that call no signal handlers, as gem5, whose
# system calls test/host/ plays, and emulators. Regions of one thread run exactly what was recorded, by
# jumps in place of their system calls; what cannot be replayed there says so and does not run.

host=$top/build/elfie-host
gem5=$top/build/gem5.host
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"
gcc -std=gnu11 -O2 -o host-silent "$top/test/host-silent.c" || failed "host-silent builds"

# plays NAME STATUS OUTPUT ELFIE: in the simulator: status and output; and all that the region has asked it
# for is to show output, to map memory, and to end.
plays() {
    timeout 60 "$host" -v "$gem5" "$4" >out 2>err
    equal "$1 in the simulator: status" $? "$2"
    check "$1 in the simulator: output" cmp out "$3"
    equal "$1 in the simulator: other calls" \
        "$(awk '/^region/ { print $2 }' err | grep -vxE 'write|mmap|munmap|mremap|brk|exit_group')" ""
    check "$1 in the simulator: its end" grep -q '^region *exit_group' err
}
# counts NAME STATUS COUNT ELFIE: the same answers of the host, and a tracer that counts.
counts() {
    timeout -s KILL 60 ./host-silent ./icount -o counts "$4" >out 2>err
    equal "$1 without signals: status" $? "$2"
    equal "$1 without signals: instructions" "$(cat counts)" "$3"
}

# --- the real ones ----------------------------------------------------------------------------------

if [ -d "$shared" ]; then
    echo "Hello world 1" >hello
    mkdir real
    cp "$shared"/st/log_0.* real
    chmod -R u+w real
    for layout in direct compact; do
        check "st, $layout: made" "$pinball2elf" --kind replay --layout $layout --outdir st.$layout real/log_0
        st=st.$layout/log_0.replay.elfie
        plays "st, $layout" 14 hello $st
        counts "st, $layout" 14 3922 $st
        check "st, $layout: by patched instructions" grep -q 'exact; system calls are caught by patched' \
            <(ELFIE_VERBOSE=1 ./host-silent $st 2>&1)
    done
    check "st: make check-host HOST=gem5" make -f "$elfie_mk" ELFIE=real/log_0 KIND=replay check-host HOST=gem5
    # Left to the host it calls fstat, and gets another answer.
    ELFIE_REPLAY=off timeout 60 "$host" -v "$gem5" "$st" >out 2>err
    check "st, left to the host: calls fstat" grep -q '^region *fstat' err
    refuses "by dispatch, where nothing is dispatched" 125 'ELFIE_REPLAY_MEANS is one that needs it' \
        env ELFIE_REPLAY_MEANS=dispatch ./host-silent "$st"
    check "mt: made" "$pinball2elf" --kind replay --layout compact --outdir mt "$shared/mt/log_0"
    for mode in exact io strict; do
        refuses "mt, $mode: several threads" 125 'several threads cannot be ordered without' \
            env ELFIE_REPLAY=$mode ./host-silent mt/log_0.replay.elfie
    done
else
    skipped "real pinballs in the simulator" "needs ../shared/pinballs"
fi

# --- recorded here and now --------------------------------------------------------------------------

# Without AVX, which the simulator has no registers for, nor have emulators always.
take() {
    local name=$1 start=$2 length=$3
    shift 3
    timeout -s KILL 60 "$record" --baseline --start "$start" --length "$length" --output "$name/log" -- "$@" \
        >"$name.out" 2>"$name.err" </dev/null
    equal "$name: recorded" $? 0
    check "$name: made" "$pinball2elf" --kind replay --layout compact "$name/log"
    inscount=$(awk '/^inscount/ { print $2 }' "$name/log.0.result")
}
echo 'a few words, and a few words more' >words
# recorded NAME START COMMAND...: a region up to the end of the program.
names=()
recorded() {
    local name=$1 start=$2
    shift 2
    take "$name" "$start" end "$@"
    names+=("$name")
    plays "$name" 0 "$name.out" "$name/log.replay.elfie"
    counts "$name" 0 "$inscount" "$name/log.replay.elfie"
}
recorded bzip2 symbol:read:count2 bzip2 -c words
recorded date symbol:clock_gettime date +%s.%N
recorded ls symbol:write ls -l words
recorded calls symbol:region_start "$programs/calls" 10
rm -f words

seq 1 900 >numbers # which the program removes
take asks symbol:region_start 3000 "$programs/asks" numbers
refuses "a region that ends between system calls" 125 'does not end with a system call' \
    ./host-silent asks/log.replay.elfie
seq 1 900 >numbers
take tsc symbol:region_start end "$programs/asks" numbers
refuses "a region that reads the time stamp counter" 125 'what RDTSC or the like gave' \
    ./host-silent tsc/log.replay.elfie

# --- emulators --------------------------------------------------------------------------------------

# Runs a command; once more where the host's own memory, which lies at random, was in the way.
lucky() {
    local status _
    for _ in 1 2 3; do
        timeout -s KILL 60 "$@" >out 2>err
        status=$?
        grep -q 'the host has memory of its own there; try again' err || break
    done
    return $status
}
# As in the simulator, but there are signals.
emulates() {
    local what=$1 name
    shift
    for name in "${names[@]}"; do
        lucky "$@" "$name/log.replay.elfie"
        equal "$name in $what: status" $? 0
        check "$name in $what: output" cmp out "$name.out"
    done
    if [ -d "$shared" ]; then
        lucky "$@" st.compact/log_0.replay.elfie
        equal "st in $what: status" "$?$(cat err)" 14
        check "st in $what: output" cmp out hello
    fi
    check "date in $what: by patched instructions" grep -q 'by patched instructions' \
        <(ELFIE_VERBOSE=1 timeout -s KILL 60 "$@" date/log.replay.elfie 2>&1)
}
with_8_gb() { (ulimit -v 8000000 && exec "$@"); }
export -f with_8_gb
if has qemu-x86_64 qemu-user "replay of recorded regions in qemu"; then
    emulates qemu bash -c 'with_8_gb qemu-x86_64 "$@"' _
    for name in "${names[@]}"; do
        equal "$name in qemu: instructions" "$(with_8_gb "$top/test/qemu_count.py" "$name/log" "$name/log.replay.elfie")" \
            "$(awk '/^inscount/ { print $2 }' "$name/log.0.result")"
    done
    [ ! -d "$shared" ] ||
        equal "st in qemu: instructions" "$(with_8_gb "$top/test/qemu_count.py" real/log_0 st.compact/log_0.replay.elfie)" 3922
fi
# qemu has the trap flag: threads are stepped there, and each call is at its instruction.
if command -v qemu-x86_64 >/dev/null; then
    take turns symbol:region_start 20000:global "$programs/threads8-static"
    ELFIE_VERBOSE=1 lucky bash -c 'with_8_gb qemu-x86_64 "$@"' _ turns/log.replay.elfie
    equal "several threads in qemu: status" $? 0
    check "several threads in qemu: stepped" grep -q 'threads are stepped' err
    check "several threads in qemu: to the recorded end" grep -q 'the region is at its recorded end' err
fi
if has valgrind valgrind "replay of recorded regions in valgrind"; then
    emulates valgrind valgrind --tool=none --log-file=valgrind.log
    emulates memcheck valgrind --log-file=valgrind.log
    in_valgrind=(valgrind --tool=none --log-file=valgrind.log)
    if [ -d "$shared" ]; then
        refuses "several threads in valgrind" 125 'valgrind neither single-steps .*, and several threads' \
            "${in_valgrind[@]}" mt/log_0.replay.elfie
        equal "several threads in valgrind, unordered" \
            "$(ELFIE_REPLAY=io timeout 60 "${in_valgrind[@]}" mt/log_0.replay.elfie 2>err | tail -n 1)" "All threads joined"
    fi
    refuses "a region that ends between system calls, in valgrind" 125 'valgrind neither single-steps .*, and the region does not end' \
        "${in_valgrind[@]}" asks/log.replay.elfie
    refuses "a region that reads the time stamp counter, in valgrind" 125 'what RDTSC or the like gave' \
        "${in_valgrind[@]}" tsc/log.replay.elfie
fi
