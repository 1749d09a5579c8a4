# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Perf ELFies: where they end, seen from outside and in the program's own memory, and what they say.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
cc=(cc -O2 -Wall -Wextra -ffreestanding -fno-stack-protector -I"$top/instrumentation" -c)
cc -O2 -Wall -Wextra -o step-to "$top/test/step-to.c" || failed "step-to"
address_of() { nm "$1" | awk -v name="$2" '$3 == name { print "0x" $1; exit }'; }

# --- a real pinball, without a hardware counter ----------------------------------------------

if [ -d "$shared/st" ]; then
    check "st: made" "$pinball2elf" --kind perf --outdir st "$shared/st/log_0"
    # A pipe: the program ends by itself, 3366 instructions in all, before its recorded end.
    st/log_0.perf.elfie | cat >out
    equal "st: status" "${PIPESTATUS[0]}" 0
    equal "st: output" "$(cat out)" "Hello world 1"
    equal "st: report: how it ended" "$(sed -n '/^Simulation/,/status/p' log_0.0.perf.txt)" \
        "$(printf 'Simulation end: not reached\n\tProgram-end-icount 3366\n\tProgram-end-status 14')"
    equal "st: report: its lines" "$(sed 's/[0-9][0-9]*$/N/; s/:[0-9n][0-9/a]* /:V /g' log_0.0.perf.txt)" \
        "ROI start: TSC N
Thread start: TSC N
------------------------------------------------
Simulation end: not reached
	Program-end-icount N
	Program-end-status N
hw_cpu_cycles:V hw_instructions:V sw_task_clock:V 
------------------------------------------------
Thread end: TSC N
ROI end: TSC N
hw_cpu_cycles:V hw_instructions:V sw_task_clock:V "
    if grep -q 'hw_instructions:0' log_0.0.perf.txt; then failed "st: no counter reads 0"; else passed "st: no counter reads 0"; fi
    equal "st: nothing else is left" "$(ls log_0.*)" "log_0.0.perf.txt"
    # Behind instruction 3000 of thread 0, by an edit of config.S.
    sed -i 's/ 3922, 0x0, 0 # thread 0/ 3000, 0x0, 0 # thread 0/' st/log_0.elfie.d/config.S
    check "st: config.S edited" "$pinball2elf" --kind perf --outdir st "$shared/st/log_0"
    st/log_0.perf.elfie | cat >out
    equal "st, edited: status" "${PIPESTATUS[0]}" 0
    equal "st, edited: the end" "$(grep -A1 '^Simulation end: TSC' log_0.0.perf.txt | tail -n 1)" \
        "$(printf '\tSim-end-icount 3000')"
    refuses "ELFIE_STEP_LIMIT" 3 'no hardware counter here.*3000 instructions.*ELFIE_STEP_LIMIT' \
        env ELFIE_STEP_LIMIT=2999 ELFIE_COUNT_BY=step st/log_0.perf.elfie
    rm -f log_0.*.perf.txt
    mkdir forbidden
    chmod 555 forbidden
    if [ "$(id -u)" -eq 0 ]; then chown 65534 forbidden; fi
    chmod -R a+rX st . 2>/dev/null
    (cd forbidden && refuses "an unwritable report directory" 125 "report '.*/forbidden/log_0.0.perf.txt' cannot be written" \
        as_user ../st/log_0.perf.elfie)
    for value in 0:0,2:1 0 0:10 1:11 '0:0,' 0:0,,0:1 x 0:x -1:0 0:99999999999999999999; do
        refuses "ELFIE_PERFLIST=$value" 125 "ELFIE_PERFLIST is '$value'" env ELFIE_PERFLIST=$value st/log_0.perf.elfie
    done
    refuses "ELFIE_COREBASE=x" 125 "ELFIE_COREBASE is 'x'" env ELFIE_COREBASE=x st/log_0.perf.elfie
    refuses "ELFIE_COREBASE of no core" 125 "ELFIE_COREBASE names a core" env ELFIE_COREBASE=8000 st/log_0.perf.elfie
    refuses "ELFIE_WARMUP=2" 125 "ELFIE_WARMUP is '2'" env ELFIE_WARMUP=2 st/log_0.perf.elfie
    refuses "ELFIE_PCCOUNT=yes" 125 "ELFIE_PCCOUNT is 'yes'" env ELFIE_PCCOUNT=yes st/log_0.perf.elfie
    refuses "ELFIE_STEP_LIMIT=" 125 "ELFIE_STEP_LIMIT is ''" env ELFIE_STEP_LIMIT= st/log_0.perf.elfie
    refuses "ELFIE_COUNT_BY=magic" 125 "ELFIE_COUNT_BY is 'magic'" env ELFIE_COUNT_BY=magic st/log_0.perf.elfie
    equal "no report of what did not run" "$(find . -name '*.perf.txt*')" ""
    ELFIE_COREBASE=0 ELFIE_PERFLIST=1:1,1:2,0:4 st/log_0.perf.elfie >out
    check "ELFIE_PERFLIST: these and no others, pinned" \
        grep -qE '^hw_branch_instructions:(n/a|[0-9]+) sw_task_clock:[0-9]+ sw_page_faults:[0-9]+ $' log_0.0.perf.txt
else
    skipped "perf ELFie of st" "needs $shared/st"
fi

# --- a loop of known length, by address and count --------------------------------------------

counters=$(address_of "$programs/marks" counters)
here=$(address_of "$programs/marks" mark_here)
"${cc[@]}" -DCOUNTERS="$counters" "$top/test/callbacks/read_counters.c"
for n in 1 2 8; do
    "$record" --start symbol:region_start -o marks$n/log -- "$programs/marks" $n 100000 >/dev/null
    for ((t = 0; t < n; t++)); do
        {
            printf 'Sim-Start tid: %d icount 5\n\tMarker %x tid: %d addrcount 100\n\tMarker %x tid: %d addrcount 100\n' \
                $t "$here" $t "$here" $t
            printf 'Sim-End tid: %d icount 999\n\tMarker %x tid: %d addrcount %d\n\tMarker %x tid: %d addrcount %d\n' \
                $t "$here" $t $((2000 + t)) "$here" $t $((2000 + t))
        } >marks$n/log.event_icount.$t.txt
    done
    check "marks $n: made" "$pinball2elf" --kind perf --perf-prefix m$n --warmup -e read_counters marks$n/log read_counters.o
    should=$(for ((t = 0; t < n; t++)); do echo $((2000 + t)); done | paste -sd' ')
    for by in event signal; do
        for i in 1 2 3; do
            is=$(ELFIE_COUNT_BY=$by ELFIE_PCCOUNT=1 timeout 60 marks$n/log.perf.elfie 2>&1)
            [ "$is" = "$should" ] || break
        done
        equal "marks $n: the program's own counters at the end, by $by, $i runs" "$is" "$should"
    done
    equal "marks $n: reports" "$(cat m$n.*.perf.txt | grep -cE 'Sim-end-PC:count 0x|Warmup-end-PC:count '"0x$(printf %x "$here")"':100$')" $((2 * n))
    rm -f m$n.*.perf.txt
    [ $n -eq 8 ] && continue
    is=$(ELFIE_COUNT_BY=step ELFIE_PCCOUNT=1 ELFIE_WARMUP=0 timeout 120 marks$n/log.perf.elfie 2>&1)
    equal "marks $n: by stepping" "$is" "$should"
    equal "marks $n: ELFIE_WARMUP=0" "$(cat m$n.*.perf.txt | grep -c Warmup)" 0
done
is=$(ELFIE_STEP_LIMIT=1000 ELFIE_COUNT_BY=step ELFIE_PCCOUNT=1 timeout 60 marks1/log.perf.elfie 2>&1)
equal "a step limit before the end: status" $? 3
check "a step limit before the end" grep -q 'not at its end after ELFIE_STEP_LIMIT (1000)' <<<"$is"

# A thread that waits for one that is at its end: that one goes on, and the report tells.
"$record" --start symbol:region_start -o late/log -- "$programs/marks" 2 1000 >/dev/null
end=$(address_of "$programs/marks" exit)
printf 'Sim-End tid: 0 icount 5\n\tMarker %x tid: 0 addrcount 1\n' "$end" >late/log.event_icount.0.txt
printf 'Sim-End tid: 1 icount 5\n\tMarker %x tid: 1 addrcount 3\n' "$here" >late/log.event_icount.1.txt
"$pinball2elf" --kind perf --perf-prefix late late/log
ELFIE_PCCOUNT=1 timeout 30 late/log.perf.elfie >out
equal "one waits for another that is at its end: status" $? 0
check "the report says who went on" grep -q '^Went on past its end' late.1.perf.txt
equal "and not that all did" "$(grep -c '^Went on past its end' late.0.perf.txt)" 0
equal "the last one to come ends the region: nothing behind its end is printed" "$(cat out)" ""

# --- instructions, against a tracer's steps --------------------------------------------------

"${cc[@]}" "$top/test/callbacks/print_registers.c"
cc -O2 -Wall -Wextra -o fake-pmu "$top/test/fake-pmu.c" || failed "fake-pmu"
steps() {
    local name=$1 entry skid
    shift
    check "$name: made" "$pinball2elf" --outdir steps "$name/log" print_registers.o
    "$pinball2elf" --outdir plain "$name/log"
    entry=0x$(nm plain/log.basic.elfie | awk '$3 == "t0.rip" { print $1 }')
    timeout 400 ./step-to "$entry" plain/log.basic.elfie "$@" >should
    for goal; do
        echo "$goal" >goal
        { setarch -R timeout 120 steps/log.basic.elfie >/dev/null; } 2>&1
    done >is
    equal "$name: as many as were asked for" "$(wc -l <is)" $#
    check "$name: the state behind each of $# numbers of instructions is a tracer's" cmp should is
    # One ends before a counter is worth it, the other takes too long where a tracer plays it.
    [ "$name" = real ] || [ "$name" = million ] && return
    # A hardware counter, played by a tracer, that stops late; but far enough away it is used.
    for skid in 0 1000; do
        for goal in 9 9000; do
            echo "$goal" >goal
            { setarch -R timeout 120 ./fake-pmu $skid steps/log.basic.elfie >/dev/null; } 2>counted
            setarch -R timeout 120 ./step-to "$entry" plain/log.basic.elfie "$goal" >should
            equal "$name: a counter that stops $skid late, $goal instructions" "$(head -n 1 counted)" "$(cat should)"
            equal "$name: its overflows" "$(tail -n 1 counted)" "fake-pmu: $((goal == 9000)) overflows"
        done
    done
    rm -rf steps plain
}
"$record" --start symbol:region_start -o static/log -- "$programs/static" >/dev/null
steps static 1 2 3 4 5 6 7 8 9 10 $(seq 17 37 1200) 10000 20000
steps marks1 1 10 100 1000 10000 100000
"$record" --start symbol:region_start -o million/log -- "$programs/marks" 1 300000 >/dev/null
steps million 1000000
if [ -d "$shared/st" ]; then
    cp -r "$shared/st" st2 && chmod -R u+w st2 && mkdir real && for f in st2/log_0.*; do mv "$f" real/log"${f#st2/log_0}"; done
    steps real $(seq 1 41 3300) 3365
fi

# --- what makes ends hard to find ------------------------------------------------------------

here=$(address_of "$programs/escapes" mark_here)
counters=$(address_of "$programs/escapes" counters)
"${cc[@]}" -DCOUNTERS="$counters" "$top/test/callbacks/read_counters.c"
for how in block jump fork; do
    "$record" --start symbol:region_start -o $how/log -- "$programs/escapes" $how >/dev/null
done
printf 'Sim-End tid: 0 icount 50000\n\tMarker %x tid: 0 addrcount 1000\n' "$here" >block/log.event_icount.0.txt
"$pinball2elf" --kind perf --perf-prefix block -e read_counters block/log read_counters.o
refuses "signals are blocked at the end: not taken for exact" 3 'had blocked the signal' \
    env ELFIE_PCCOUNT=1 timeout 60 block/log.perf.elfie
equal "and its report" "$(grep -c 'Simulation end: not reached' block.0.perf.txt)" 1
equal "signals are blocked, by stepping: exact" \
    "$(ELFIE_PCCOUNT=1 ELFIE_COUNT_BY=step timeout 60 block/log.perf.elfie 2>&1)" 1000
printf 'Sim-End tid: 0 icount 100000\n' >jump/log.event_icount.0.txt
"$pinball2elf" --kind perf --perf-prefix jump jump/log
refuses "a jump out of a signal handler loses the count" 3 'its end may have been passed' \
    env ELFIE_COUNT_BY=step timeout 60 jump/log.perf.elfie
for ((n = 1; n < 60; n++)); do
    printf 'Sim-End tid: 0 icount %d\n' $n >fork/log.event_icount.0.txt
    "$pinball2elf" --kind perf --perf-prefix fork --outdir fork/made --regenerate fork/log
    timeout 20 fork/made/log.perf.elfie >/dev/null
    grep -q 'Simulation end: TSC' fork.0.perf.txt || break
done
equal "an end behind each of the first instructions, fork among them" $n 60
env --ignore-signal=CHLD timeout 20 fork/made/log.perf.elfie >/dev/null
equal "a caller that ignores SIGCHLD" $? 0

"${cc[@]}" -o no_end.o -xc - <<'END'
#include "lte_perf.h"
lte_td_t elfie_on_thread_start(uint64_t tnum, void *context, uint64_t icount)
{
    (void)context;
    (void)icount;
    lte_pe_set_thread_end(tnum, 0);
    lte_pe_set_thread_end(tnum, 30);
    return lte_pe_set_thread_end(tnum, 40);
}
END
"$pinball2elf" --outdir no_end fork/log no_end.o
timeout 20 no_end/log.basic.elfie
equal "ends that are none, or two" $? 0

# --- the monitor -----------------------------------------------------------------------------

"${cc[@]}" -o say_exit.o -xc - <<'END'
#include "lte_perf.h"
void elfie_on_exit(void);
static void last(void) { lte_puts(2, "last\n"); }
static void first(void) { lte_puts(2, "first\n"); }
void elfie_on_exit(void)
{
    lte_puts(2, "exit\n");
    lte_atexit(last);
    lte_atexit(first);
}
END
check "an exit callback: made" "$pinball2elf" static/log say_exit.o
static/log.basic.elfie >out 2>messages
equal "a monitor passes on the status" $? "$("$programs/static" >full; echo $?)"
check "and the output" cmp <(tail -n "$(wc -l <out)" full) out
equal "the exit callback, then what it has registered" "$(paste -sd' ' messages)" "exit first last"

"$record" --start symbol:region_start -o long/log -- "$programs/marks" 1 100000000000 >/dev/null
"$pinball2elf" long/log say_exit.o
timeout --preserve-status --signal=TERM 1 long/log.basic.elfie 2>messages
equal "a signal to the monitor is the region's: status" $? 143
equal "a signal to the monitor: the exit callback" "$(head -n 1 messages)" exit
long/log.basic.elfie & monitor=$!
sleep 0.5
region=$(cat /proc/$monitor/task/$monitor/children)
check "the region is a process of its own" test -d "/proc/${region% }"
# As Ctrl-Z stops it: whoever waits for the monitor sees it stopped, and both go on again.
state() { awk '$1 == "State:" { print $2 }' "/proc/$1/status"; }
kill -STOP "${region% }"
sleep 0.3
equal "the monitor stops with its region" "$(state $monitor)" T
kill -CONT $monitor "${region% }"
sleep 0.3
equal "and goes on with it" "$(state $monitor) $(state "${region% }")" "S R"
kill -KILL $monitor
wait $monitor 2>/dev/null
sleep 0.3
# Gone, or not collected yet by whoever adopts it.
if grep -qsv '^State:.*zombie' <(grep -s '^State' "/proc/${region% }/status"); then
    failed "the region ends with its monitor"
else
    passed "the region ends with its monitor"
fi
cc -O1 -static -pthread -o fault "$top/test/programs/faults.c" "$top/test/programs/region.c"
"$record" --start symbol:region_start -o faults/log -- ./fault null >/dev/null
"$pinball2elf" faults/log say_exit.o
ELFIE_REPORT=off bash -c 'faults/log.basic.elfie; exit $?' 2>messages
equal "a monitor passes on the signal" $? 139
check "and calls the exit callback" grep -qx exit messages
