# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Where regions start and end: counts, symbols, addresses, marks, warm-up, lists of regions; what is
# counted at these points; and what is refused.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

# value PINBALL KEY: what BASE.0.result says.
value() { awk -v key="$2:" '$1 == key { print $2 }' "$1.0.result"; }
first_pc() { awk '$2 == "init_pc:" { print $3 }' "$1.0.result"; }
run() { timeout 60 "$record" "$@" -- "$programs/steps" >/dev/null; }

# --- the same place by different names ----------------------------------------------------------

start=0x$(nm "$programs/steps" | awk '$3 == "region_start" { print $1 }')
run --control start:symbol:region_start --length 500 --output by/symbol
run --control "start:address:$start" --length 500 --output by/address
# How many instructions that is from the program's very beginning: where the first one of the region
# is, another recorder run finds it.
run --start icount:0 --control "stop:address:$start" --output by/before
before=$(value by/before inscount)
check "there are instructions before the start" test "$before" -gt 1000
run --control "start:icount:$before,stop:icount:$((before + 500))" --output by/icount
for name in address icount; do
    equal "start by $name: the same instruction" "$(first_pc by/$name)" "$(first_pc by/symbol)"
    equal "start by $name: the same end" "$(value by/$name ip_type:last_pc)" "$(value by/symbol ip_type:last_pc)"
    equal "start by $name: length" "$(value by/$name inscount)" 500
done
equal "the first instruction is the start" $(($(first_pc by/icount))) $((start))

# The copying instruction runs once in each round; it begins with f3 a4.
copy=0x$(objdump -d "$programs/steps" --disassemble=main | awk '/rep movs/ { sub(":", "", $1); print $1 }')
run --start symbol:region_start --control "stop:address:$copy:count3" --watch-addr "$copy" --output stop/log
check "stopped in front of the third copy" "$record" --replay-check stop/log
equal "two copies were made" "$(awk '/^Addr.*tid: 0/ { print $NF }' stop/log.event_icount.0.txt)" 2

run --start symbol:region_start --warmup 6000 --length 20000 --watch-addr "$copy" --output warm/log
equal "warm-up is counted before the length" "$(value warm/log inscount)" 26000
equal "events: start of the simulation" "$(grep '^Sim-Start tid' warm/log.event_icount.0.txt)" 'Sim-Start tid: 0 icount 6000'
equal "events: its end" "$(grep '^Sim-End tid' warm/log.event_icount.0.txt)" 'Sim-End tid: 0 icount 26000'
equal "events: marker lines" "$(grep -c '	Marker' warm/log.event_icount.0.txt)" 4

cat >ssc.c <<'END'
int main(void)
{
    for (volatile int i = 0; i < 10; i++)
        __asm__ volatile("movl $0x77, %%ebx; .byte 0x64, 0x67, 0x90" : : : "rbx");
    return 4;
}
END
cc -O1 -o ssc ssc.c
"$record" --start ssc:77:count4 --length end --output mark/log -- ./ssc
equal "SSC mark: recorded" $? 0
"$pinball2elf" mark/log
mark/log.basic.elfie
equal "SSC mark: status of the ELFie" $? 4

# --- lists of regions ---------------------------------------------------------------------------

printf '3 0\n1 1\n' >t.simpoints
printf '0.25 0\n0.75 1\n' >t.weights
run --regions t.simpoints --length 10000 --warmup 1500 --output list/prog
first=list/prog_t0r2_warmup1500_prolog0_region10000_epilog0_002_0-75000.0
second=list/prog_t0r1_warmup1500_prolog0_region10000_epilog0_001_0-25000.0
for base in $first $second; do
    equal "SimPoint: length of ${base#list/}" "$(value "$base" inscount)" 11500
    check "SimPoint: replayed" "$record" --replay-check "$base"
done
run --start icount:28500 --length 11500 --output list/alone
equal "SimPoint: the second is where it would be alone" "$(value $second ip_type:last_pc)" "$(value list/alone ip_type:last_pc)"

{
    echo '# comment,thread-id,region-id,...'
    echo "warm,0,1,$copy,steps,0x0,3,$copy,steps,0x0,4,1,9000,0.5,1.000,warmup"
    echo "cluster 0,0,1,$copy,steps,0x0,4,$copy,steps,0x0,6,2,15000,0.5,1.000,simulation"
    echo "cluster 1,0,2,$copy,steps,0x0,9,$copy,steps,0x0,11,2,12000,0.5,1.000,simulation"
} >regions.csv
run --regions regions.csv --output csv/prog
base=csv/prog_t0r1_warmup9000_prolog0_region15000_epilog0_001_0-50000.0
equal "CSV: warm-up and region" "$(value "$base" inscount)" 24000
equal "CSV: starts at its address" $(($(first_pc "$base"))) $((copy))
run --start symbol:region_start --control "stop:address:$copy:count9" --output csv/nine
run --start "address:$copy:count9" --length 12000 --output csv/alone
base=csv/prog_t0r2_warmup0_prolog0_region12000_epilog0_002_0-50000.0
equal "CSV: counted on behind the first region" \
    "$(value "$base" ip_type:last_pc) $(grep last_register "$base.0.result")" \
    "$(value csv/alone ip_type:last_pc) $(grep last_register csv/alone.0.result)"

# Two regions of a program with threads, the second one in the midst of them.
work=0x$(nm "$programs/workers" | awk '$3 == "work" { print $1 }')
lock=0x$(objdump -d "$programs/workers" --disassemble=work | awk '/call.*mutex_lock/ { sub(":", "", $1); print $1; exit }')
{
    echo "a,global,1,$work,workers,0x0,2,$work,workers,0x0,3,1,3000,0.5,1.000,simulation"
    echo "b,global,2,$lock,workers,0x0,200,$lock,workers,0x0,300,1,20000,0.5,1.000,simulation"
} >threads.csv
timeout 60 "$record" --regions threads.csv --output threads/prog -- "$programs/workers" >/dev/null
for region in 1_warmup0_prolog0_region3000_epilog0_001 2_warmup0_prolog0_region20000_epilog0_002; do
    base=threads/prog_globalr${region}_0-50000.0
    check "threads, region ${region%%_*}: replayed" timeout 60 "$record" --replay-check "$base"
    length=${region#*region}
    equal "threads, region ${region%%_*}: counts add up" \
        "$(awk '$1 == "inscount:" { n += $2 } END { print n }' "$base".*.result)" "${length%%_*}"
    "$pinball2elf" "$base"
    repeat "threads, region ${region%%_*}: ELFie" 10 6 "$base.basic.elfie"
done

# --- what is refused ----------------------------------------------------------------------------

refuse() {
    local name=$1 status=$2 pattern=$3
    shift 3
    refuses "$name" "$status" "$pattern" timeout 60 "$record" --output none/log "$@"
}
refuse "a start that is never reached" 1 'before the start was reached: icount:9000000000: it ran [0-9]+ instr' \
    --start icount:9000000000 -- ./ssc
refuse "a program that exits inside the region: said" 0 'ended in the region, [0-9]+ instructions after the start' \
    --start symbol:main --length 100000000 -- ./ssc
check "... recorded" timeout 60 "$record" --replay-check none/log
refuse "a stop that is never reached: said" 0 'came to the end at 0x[0-9a-f]+ [0-9]+ times of 1000' \
    --start symbol:region_start --control "stop:address:$copy:count1000" -- "$programs/workers"
check "... recorded" timeout 60 "$record" --replay-check none/log
rm -rf none
refuse "a mark that is not there" 1 'no such mark' --start ssc:abcd -- ./ssc
refuse "stop:icount without start:icount" 2 'needs one' --control start:symbol:main,stop:icount:7 -- ./ssc
refuse "a stop before the start" 1 'not behind the start' --control start:icount:70,stop:icount:7 -- ./ssc
refuse "a length of nothing" 2 "'0' is not a number" --start symbol:main --length 0 -- ./ssc
refuse "warm-up without an end" 2 'need the region.s end' --start symbol:main --warmup 5 -- ./ssc
refuse "an address that is none" 2 'not an address' --start symbol:main --length 5 --watch-addr 12 -- ./ssc
refuse "a region list that is not there" 1 'no-list: cannot be read' --regions no-list --length 5 -- ./ssc
echo '5 x' >bad.simpoints
refuse "a bad list of slices" 1 'bad.simpoints:1: not the numbers' --regions bad.simpoints --length 5 -- ./ssc
echo '5 7' >lost.simpoints
echo '1 0' >lost.weights
refuse "a slice without a weight" 1 'no weight of cluster 7' --regions lost.simpoints --length 5 -- ./ssc
echo 'a,0,1,0x10' >short.csv
refuse "a short row" 1 'short.csv:1: fewer than 16 fields' --regions short.csv -- ./ssc
printf '1 0\n1 1\n' >twice.simpoints
cp t.weights twice.weights
refuse "regions that overlap" 1 'before the one before it ends' --regions twice.simpoints --length 5000 -- "$programs/steps"

cat >alarm.c <<'END'
#include <signal.h>
#include <unistd.h>
static void handle(int number) { (void)number; }
int main(void)
{
    signal(SIGUSR1, handle);
    kill(getpid(), SIGUSR1);
    execl("/bin/true", "true", (char *)0);
    return 0;
}
END
cc -O1 -o alarm alarm.c
refuse "a signal with a handler" 1 'got signal 10.*cannot be recorded' --start symbol:main --length end -- ./alarm
cat >exec.c <<'END'
#include <unistd.h>
int main(void) { return execl("/bin/true", "true", (char *)0); }
END
cc -O1 -o exec exec.c
refuse "another program in the region" 1 'executes another program' --start symbol:main --length end -- ./exec
"$record" --start symbol:region_start --length end --output none/log -- "$programs/steps" >/dev/null 2>killed.err &
recorder=$!
sleep 2
kill -KILL "$(cut -d" " -f1 "/proc/$recorder/task/$recorder/children")"
wait $recorder
equal "a program that is killed in the region" "$? $(cat killed.err)" \
    '1 elfie-record: the program was killed while it was recorded'
refuses "a replay check of nothing" 1 'not a pinball' "$record" --replay-check none/log
refuses "a replay check without logs" 1 'inscount|race|was not run' sh -c \
    "'$record' --start symbol:main --output state/log -- ./ssc && '$record' --replay-check state/log"
equal "nothing is left after errors, but whole pinballs" \
    "$(find none -type f | grep -v '_t0r1_')" ""
