# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Threads that run freely from stop to stop of a schedule: the same calls with the same arguments, the
# same output, each stop reached where it was, and few debug exceptions.

if [ ! -d "$shared" ]; then
    skipped "schedule" "needs ../shared/pinballs"
    return
fi
cat >breakpoint.c <<'END'
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
    struct perf_event_attr a = {.type = PERF_TYPE_BREAKPOINT, .size = sizeof a, .bp_type = HW_BREAKPOINT_X,
                                .bp_addr = (unsigned long)main, .bp_len = sizeof(long),
                                .sample_period = 1, .exclude_kernel = 1, .exclude_hv = 1};
    return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) < 0;
}
END
gcc -o breakpoint breakpoint.c
if ! ./breakpoint; then
    skipped "schedule" "needs breakpoints by perf_event_open"
    return
fi

# stepped NAME, then scheduled NAME: makes the ELFie, and the calls that it makes, thread by thread.
build() { make -s -f "$elfie_mk" ELFIE="$1/log" KIND=replay; }
calls() {
    rm -f "$1/calls"
    ELFIE_REPLAY_LOG=$1/calls timeout -s KILL 60 "$1/log.replay.elfie" >"$1/out" 2>"$1/err" </dev/null
    echo "status $?" >>"$1/out"
    sort -s -k1,1n "$1/calls"
}
compare() {
    local name=$1 good=0 i
    check "$name: made" build "$name"
    check "$name: threads are stepped without a schedule" grep -q 'threads are stepped' \
        <(ELFIE_VERBOSE=1 timeout 60 "$name/log.replay.elfie" 2>&1)
    calls "$name" >"$name/calls.stepped"
    mv "$name/out" "$name/out.stepped"
    check "$name: make schedule" make -s -f "$elfie_mk" ELFIE="$name/log" schedule
    check "$name: a schedule" test -s "$name/log.schedule"
    cp "$name/log.schedule" "$name/first"
    check "$name: made with it" build "$name"
    check "$name: threads run from stop to stop" grep -q 'threads run from stop to stop' \
        <(ELFIE_VERBOSE=1 timeout 60 "$name/log.replay.elfie" 2>&1)
    calls "$name" >"$name/calls.scheduled"
    check "$name: the same calls" cmp "$name/calls.stepped" "$name/calls.scheduled"
    check "$name: the same output and status" cmp "$name/out.stepped" "$name/out"
    for ((i = 0; i < 30; i++)); do
        calls "$name" | cmp -s - "$name/calls.stepped" && cmp -s "$name/out" "$name/out.stepped" && good=$((good + 1))
    done
    equal "$name: again" "$good of 30" "30 of 30"
    check "$name: make schedule once more" make -s -f "$elfie_mk" ELFIE="$name/log" KIND=replay schedule
    check "$name: the same schedule" cmp <(sort "$name/first") <(sort "$name/log.schedule")
}

# rare NAME INSTRUCTIONS: one debug exception in 20 instructions at most, each of which costs as much
# as a step; test/bench-schedule has the times.
rare() {
    local exceptions
    exceptions=$(awk '{ sum += $4 } END { print sum + NR }' "$1/log.schedule")
    check "$1: $2 instructions, $exceptions debug exceptions" test $((exceptions * 20)) -lt "$2"
}

gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"

mkdir mt
for f in "$shared"/mt/log_0.*; do cp "$f" "mt/log${f##*log_0}"; done
chmod -R u+w mt
compare mt
build mt >/dev/null
for i in 1 2 3; do
    timeout -s KILL 60 ./icount -o counts mt/log.replay.elfie >out
    equal "mt: instructions, run $i" "$(paste -sd ' ' counts)" "10887 6115 2721 3441 3436"
done
cp -r mt bad

# A stop at another occurrence: the threads are not ordered there, and that shows.
awk '$1 == 0 && !done { $4 += 1000; done = 1 } { print }' mt/first >bad/log.schedule
check "a schedule with a wrong occurrence: made" build bad
refuses "a schedule with a wrong occurrence" 3 'leaves the recorded path' timeout 30 bad/log.replay.elfie
refuse() {
    eval "$3" <mt/first >bad/log.schedule
    refuses "$1" 1 "$2" "$pinball2elf" --kind replay bad/log
}
refuse "a schedule that is cut short" '^bad/log.schedule:[0-9]+: the schedule is cut short' 'head -n 100'
# shellcheck disable=SC2016
refuse "a stop too many" '^bad/log.schedule:[0-9]+: thread 0 has only' 'sed "\$i 0 99999 0x400000 1"'
# shellcheck disable=SC2016
refuse "a stop that is missing" '^bad/log.schedule:[0-9]+: no line for instruction [0-9]+ of thread' 'sed "$(awk "\$1 == 0 { n = NR } END { print n - 1 }" mt/first)d"'
refuse "stops in the wrong order" '^bad/log.schedule:[0-9]+: instruction [0-9]+ of thread 1 is behind' 'sed "/^1 /{h;p;x}"'
# shellcheck disable=SC2016
refuse "a schedule without its end" '^bad/log.schedule:[0-9]+: the schedule is cut short' 'sed "\$d"'
refuse "more behind the end" '^bad/log.schedule:[0-9]+: a line behind the end' 'cat - <(echo more)'
refuse "a schedule of something else" '^bad/log.schedule:1: not .schedule 0xDIGEST' 'sed "1s/.*/hello/"'
refuse "a line that is no stop" '^bad/log.schedule:2: not .THREAD INSTRUCTION' 'sed "2s/.*/hello/"'
refuse "an address of the kernel" '^bad/log.schedule:2: no thread, address or occurrence' \
    'sed "2s/0x[0-9a-f]*/0xffff800000000000/"'
sed '1s/0x.*/0x1234/' mt/first >bad/log.schedule
"$pinball2elf" --kind replay bad/log 2>bad/err
check "a schedule of another recording is said" grep -q '^bad/log.schedule:1: warning: made of another pinball, and not used' bad/err
check "... and not used" grep -q 'threads are stepped' <(ELFIE_VERBOSE=1 timeout 60 bad/log.replay.elfie 2>&1)

if ! "$record" --help | grep -q -- --length; then
    skipped "schedule of a recorded program" "needs elfie-record with --length"
    return
fi
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
timeout -s KILL 100 "$record" --start symbol:region_start --length 300000:global -o threads8/log \
    -- "$programs/threads8" >/dev/null 2>&1 </dev/null
compare threads8
rare threads8 300000
rm threads8/log.schedule
build threads8 >/dev/null
timeout -s INT 1 make -s -f "$elfie_mk" ELFIE=threads8/log schedule >/dev/null 2>&1
equal "a schedule that is broken off leaves nothing" "$(find threads8 -name 'log.schedule*')" ""

# A program that Debian ships: the ways to the stops lead out of its inner loops.
# counted NAME: the instructions of each thread, from outside, are the recorded ones.
counted() {
    rm -f "$1/counts"
    timeout -s KILL 120 ./icount -o "$1/counts" "$1/log.replay.elfie" >/dev/null 2>"$1/err" </dev/null
    equal "$1, $2: instructions" "$(paste -sd ' ' "$1/counts")" \
        "$(awk '/^inscount/ { print $2 }' "$1"/log.*.result | paste -sd ' ')"
}
awk 'BEGIN { srand(1); for (i = 0; i < 200000; i++) printf "%08x\n", int(rand() * 2147483647) }' >lines
timeout -s KILL 100 "$record" --start symbol:pthread_create --length 300000:global -o sort/log \
    -- sort --parallel=4 -S 64M lines >/dev/null 2>&1 </dev/null
check "sort --parallel: several threads" test -s sort/log.1.result
compare sort
counted sort "by schedule"
check "sort --parallel: stops on the way to stops" test "$(wc -l <sort/log.schedule)" -gt "$(for file in \
    sort/log.*.race.bz2; do bzcat "$file"; done | wc -l)"
rare sort 300000

# One thread that ends between calls, far behind the last one: not stepped by itself.
cat >matrix.c <<'END'
#include <stdio.h>
enum { SIZE = 80 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];
__attribute__((noinline)) void multiply(void)
{
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            for (int k = 0; k < SIZE; k++)
                c[i][j] += a[i][k] * b[k][j];
}
int main(void)
{
    for (int i = 0; i < SIZE * SIZE; i++)
        a[i / SIZE][i % SIZE] = b[i % SIZE][i / SIZE] = i;
    multiply();
    printf("%f %d\n", c[1][1], __builtin_ia32_rdtsc() > 0);
}
END
gcc -O1 -o matrix matrix.c
for length in 150000 1200000; do
    timeout -s KILL 100 "$record" --start symbol:multiply --length $length -o matrix-$length/log \
        -- ./matrix >/dev/null 2>&1 </dev/null
    check "matrix, $length: make schedule" make -s -f "$elfie_mk" ELFIE=matrix-$length/log schedule
    check "matrix, $length: made with it" build matrix-$length
    check "matrix, $length: comes to its end" grep -q "at its recorded end, instruction $length\$" \
        <(ELFIE_VERBOSE=1 timeout 60 matrix-$length/log.replay.elfie 2>&1)
    repeat "matrix, $length" 20 0 matrix-$length/log.replay.elfie
done
counted matrix-150000 "by schedule" # by ptrace: a minute for a million
rm matrix-1200000/log.schedule
check "matrix, without a schedule: made" build matrix-1200000
check "matrix, without a schedule: goes past its end" grep -q 'has passed its recorded end' \
    <(timeout 60 matrix-1200000/log.replay.elfie 2>&1)
cp -r matrix-150000 late
awk '$1 == 0 { last = NR } { line[NR] = $0 } END { sub(/[0-9]+$/, "1000000", line[last]); for (i = 1; i <= NR; i++) print line[i] }' \
    matrix-150000/log.schedule >late/log.schedule
build late >/dev/null
refuses "an end that is missed is seen at the next RDTSC" 3 'leaves the recorded path' timeout 60 late/log.replay.elfie
gzip late/log.schedule
build late >/dev/null
rm late/log.schedule.gz
build late >/dev/null
check "a packed schedule that is removed is gone" grep -q 'at its recorded end, instruction 150000$' \
    <(ELFIE_VERBOSE=1 timeout 60 late/log.replay.elfie 2>&1)
check "a new recording: made" timeout -s KILL 100 "$record" --start symbol:multiply --length 1000 -o matrix-150000/log -- ./matrix
check "a new recording has no schedule" test ! -e matrix-150000/log.schedule

# The last thread ends, and one that has come to its end rests; and a program's own status.
cat >ends.c <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *leave(void *nothing) { return nothing; }
static void *stay(void *nothing) { for (;;) ; return nothing; }
__attribute__((noinline)) void go(int stays)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stays ? stay : leave, NULL);
    pthread_detach(thread);
    for (volatile int i = 0; i < 2000; i++)
        ;
    _exit(3);
}
int main(int argc, char **argv) { (void)argv; go(argc > 1); }
END
gcc -O1 -static -o ends ends.c -pthread
ends() { timeout -s KILL 60 "$record" --start symbol:go --length "$1" -o "$2/log" -- ./ends "${@:3}" >/dev/null 2>&1 </dev/null; }
instructions() { sed -n 's/^inscount: //p' "$1/log.$2.result"; }
ends 12000:global ends-first
worker=$(instructions ends-first 1)
for turns in 1 2 3 4 5 6; do
    ends $((turns * 1000 + worker)):global ends-last
    [ "$(instructions ends-last 1)" != "$worker" ] || break
done
equal "the worker ends last" "$(instructions ends-last 0) $(instructions ends-last 1)" "$((turns * 1000)) $worker"
build ends-last >/dev/null
timeout 20 ends-last/log.replay.elfie
equal "the process ends with it" $? 0
ends end ends-status more
build ends-status >/dev/null
timeout 20 ends-status/log.replay.elfie
equal "status of exit_group" $? 3
check "status 3 is no reason to have no schedule" make -s -f "$elfie_mk" ELFIE=ends-status/log schedule
bunzip2 ends-status/log.0.race.bz2
rm ends-status/log.schedule
awk '/^[0-9]/ { numbers++ } { line[NR] = $0 } END { for (i = 1; i <= NR; i++) if (!(line[i] ~ /^[0-9]/ && ++n > numbers - 5)) print line[i] }' \
    ends-status/log.0.race >race && mv race ends-status/log.0.race
build ends-status >/dev/null
repeat "status of exit_group, whoever is last" 20 3 ends-status/log.replay.elfie
kill_it() {
    ends-status/log.replay.elfie &
    sleep 0.02
    kill -TRAP $!
    wait $!
}
good=0
for ((i = 0; i < 10; i++)); do
    kill_it 2>/dev/null
    [ $? -eq 3 ] && good=$((good + 1))
done
equal "a SIGTRAP from outside does not count" "$good of 10" "10 of 10"
