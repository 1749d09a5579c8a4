# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Threads that run freely by a hardware counter, which a tracer plays: as many instructions as were
# recorded, counted by the tracer; status 3 where the counter lies.

if [ ! -d "$shared" ]; then
    skipped "replay by a hardware counter" "needs ../shared/pinballs"
    return
fi
cc -std=gnu11 -O2 -Wall -Wextra -o fake-pmu "$top/test/fake-pmu.c" || failed "fake-pmu"

# counted ELFIE OPTION... SKID: runs it with that counter; leaves status, out, err, counts.
counted() {
    local elfie=$1 range
    shift
    range=$(nm "$elfie" | awk '$3 == "_start" { b = $1 } $3 == "elfie_runtime_end" { e = $1 } END { print b ":" e }')
    rm -f counts
    ELFIE_VERBOSE=1 timeout 100 ./fake-pmu -c counts -r "$range" "$@" "$elfie" >out 2>err </dev/null
    echo $? >status
}
ran() { awk '{ print $1 }' counts | paste -sd ' '; }
freely() { awk '{ all += $1; free += $2 } END { print int(100 * free / all) }' counts; }
overflows() { awk '$1 == "fake-pmu:" { print $2 }' err; }
# exact NAME COUNTS STATUS FREELY OVERFLOWS: what has just been counted; the last two are the least.
exact() {
    equal "$1: instructions" "$(ran)" "$2"
    equal "$1: status" "$(cat status)" "$3"
    check "$1: $(freely) % ran freely, not less than $4" test "$(freely)" -ge "$4"
    check "$1: $(overflows) overflows, not less than $5" test "$(overflows)" -ge "$5"
}
# lies NAME PATTERN ELFIE OPTION... SKID
lies() {
    local name=$1 pattern=$2
    shift 2
    counted "$@"
    equal "$name: status" "$(cat status)" 3
    check "$name: says '$pattern'" grep -q "leaves the recorded path: .*$pattern" err
}

# --- a real pinball ------------------------------------------------------------------------------

trials=8 # overflows before the region
mt=mt/log_0.replay.elfie
all="10887 6115 2721 3441 3436"
check "mt: made" "$pinball2elf" --kind replay --outdir mt "$shared/mt/log_0"
timeout 60 $mt >stepped
while read -r skid free least; do
    counted $mt "$skid"
    exact "mt, $skid late" "$all" 0 "$free" "$least"
    check "mt, $skid late: the output of one that is stepped" cmp stepped out
    check "mt, $skid late: says so" grep -q 'threads run by a hardware counter' err
done <<'END'
0 50 20
0 50 20
10 50 20
100 40 8
1000 30 8
END
for means in seccomp patch; do
    ELFIE_REPLAY_MEANS=$means counted $mt 3
    exact "mt by $means" "$all" 0 50 20
    check "mt by $means: the same output" cmp stepped out
done
ELFIE_COUNT_BY=signal counted $mt 3
exact "mt, ELFIE_COUNT_BY=signal" "$all" 0 50 20
ELFIE_COUNT_BY=step counted $mt 3
exact "mt, ELFIE_COUNT_BY=step" "$all" 0 0 0
check "mt, ELFIE_COUNT_BY=step: says so" grep -q 'threads are stepped' err
equal "mt, ELFIE_COUNT_BY=step: nothing ran freely, no overflows" "$(freely) $(overflows)" "0 0"
counted $mt -f 3
exact "mt, page faults are counted, too" "$all" 0 50 20

# --- counters that lie ---------------------------------------------------------------------------

# As long as the region has not begun, threads can still be stepped.
for lie in -l "-x 100:5000"; do
    # shellcheck disable=SC2086
    counted $mt -a 0 $lie 3
    exact "a counter that lies from the start ($lie)" "$all" 0 0 0
    equal "a counter that lies from the start ($lie): nothing ran freely" "$(freely)" 0
done
check "a counter that is useless: says so" grep -q 'the hardware counter does not stop a thread' err
for behind in 0 12; do
    lies "never again, behind $behind overflows" 'the hardware counter has not stopped it in time' \
        $mt -a $((trials + behind)) -l 3
    lies "later than ever, behind $behind" 'the hardware counter has not stopped it in time' \
        $mt -a $((trials + behind)) -s 500 3
    # Behind 0 it is taken away before it has counted anything, and threads are stepped.
    [ $behind -eq 0 ] || lies "taken away, behind $behind" 'somebody has taken the hardware counter away' \
        $mt -a $((trials + behind)) -t 3
    lies "5000 too many, behind $behind" 'the hardware counter has ' \
        $mt -a $((trials + behind)) -x 100:5000 3
    lies "one too many, behind $behind" 'the hardware counter has ' \
        $mt -a $((trials + behind)) -x 700:1 3
done

# --- recorded programs ---------------------------------------------------------------------------

if ! "$record" --help | grep -q -- --length; then
    skipped "a counter for recorded programs" "needs elfie-record with --length"
    return
fi
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
recorded() { awk '/^inscount/ { print $2 }' "$1"/log.[0-9]*.result | paste -sd ' '; }
take() {
    local name=$1
    shift
    timeout -s KILL 60 "$record" --start symbol:region_start -o "$name/log" "$@" >/dev/null 2>&1 </dev/null
    check "$name: made" "$pinball2elf" --kind replay "$name/log"
}
calls() { sort -s -k1,1n calls; }
take threads8 --length 30000:global -- "$programs/threads8"
threads8=threads8/log.replay.elfie
ELFIE_REPLAY_LOG=calls timeout 60 $threads8 >/dev/null
calls >calls.stepped
for skid in 0 300; do
    ELFIE_REPLAY_LOG=calls counted $threads8 $skid
    exact "threads8, $skid late" "$(recorded threads8)" 0 40 20
    check "threads8, $skid late: the calls of one that is stepped" cmp <(calls) calls.stepped
done

# One that waits for another by looking at memory all the time: when it has run past its stop, only
# the other can find out.
cat >spin.c <<'END'
#include "region.h"
#include <pthread.h>
#include <stdio.h>
static volatile int turn, sum;
static void *run(void *argument)
{
    int self = argument != NULL;
    for (int i = 0; i < 8; i++) {
        while (turn % 2 != self)
            ;
        for (int j = 0; j < 300; j++)
            sum += j;
        turn++;
    }
    return NULL;
}
int main(void)
{
    pthread_t other;
    region_start();
    pthread_create(&other, NULL, run, &other);
    run(NULL);
    pthread_join(other, NULL);
    printf("%d\n", sum);
    return 7;
}
END
cc -O1 -static -pthread -I"$top/test/programs" -o spinning spin.c "$top/test/programs/region.c"
take spin --length end -- ./spinning
spin=spin/log.replay.elfie
for skid in 0 100; do
    counted $spin $skid
    exact "spin, $skid late" "$(recorded spin)" 7 40 12
    equal "spin, $skid late: output" "$(cat out)" 717600
done
for behind in 0 3; do
    lies "spin: never again, behind $behind" 'the hardware counter has not stopped it in time' \
        $spin -a $((trials + behind)) -l 3
done

# --- one thread that ends between two calls -------------------------------------------------------

# tail NAME LENGTH ROUNDS: a loop of ROUNDS, recorded for a little, to be run for LENGTH.
tail_of() {
    take "$1" --length 1000 -- "$programs/marks" 1 "$3"
    bunzip2 -f "$1"/log.0.*.bz2
    sed -i "s/^end_marker 1000/end_marker $2/; s/^inscount: 1000/inscount: $2/" "$1"/log.0.*
    check "$1: made, longer" "$pinball2elf" --kind replay "$1/log"
    # The tracer sees the region from its first call on.
    before=$(awk '$1 == "sc" { sub(";", "", $2); print $2 - 1; exit }' "$1/log.0.reg")
}
tail_of short 30000 9000
for options in 0 10 1000 "-f 0"; do
    # shellcheck disable=SC2086
    counted short/log.replay.elfie $options
    exact "a tail of 30,000, $options late" $((30000 - before)) 0 80 9
    check "a tail of 30,000, $options late: says where it is" grep -q 'at its recorded end, instruction 30000' err
done
lies "a tail: never again" 'the hardware counter has not stopped it in time' short/log.replay.elfie -a $trials -l 0
lies "a tail: two too many" 'the hardware counter has ' short/log.replay.elfie -a $trials -x 10000:1 0
tail_of long 1060000 9000000
check "a tail of more than is stepped, no counter: passes its end" grep -q 'has passed its recorded end' \
    <(ELFIE_VERBOSE=1 timeout 60 long/log.replay.elfie 2>&1)
counted long/log.replay.elfie 100
exact "a tail of more than is stepped, with one" $((1060000 - before)) 0 99 9
check "a tail of more than is stepped, with one: says where it is" \
    grep -q 'at its recorded end, instruction 1060000' err
