# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Regions that are run when they are recorded: logs, threads, and that the same recording gives the
# same pinball again.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

# --- logs ---------------------------------------------------------------------------------------

# Recorded up to the program's end, with what it prints: the logs replay it, and the ELFie, which
# makes its own system calls, ends in the same way.
logged() {
    local name=$1 status=$2 program=$3
    shift 3
    timeout 60 "$record" --length end --output "$name/log" "$@" -- "$programs/$program" >"$name.all" 2>"$name.err"
    equal "$name: recorded" $? 0
    check "$name: replayed" timeout 60 "$record" --replay-check "$name/log"
    "$pinball2elf" "$name/log"
    timeout 20 "$name/log.basic.elfie" >"$name.rest"
    equal "$name: status of the ELFie" $? "$status"
    check "$name: the rest of the output" sh -c "tail -c \$(stat -c %s $name.rest) $name.all | cmp - $name.rest"
    check "$name: there is a rest" test -s "$name.rest"
}

logged kernel_calls 6 kernel_calls --start symbol:region_start --verify
equal "kernel_calls: nothing was written that the table does not know" "$(grep -c 'not known' kernel_calls.err)" 0
logged workers 6 workers --start symbol:region_start
logged plain26 6 workers --start symbol:region_start --log-format 2.6 --compress none --quantum 100
logged gzip 6 workers --start symbol:region_start --compress gzip --quantum 5000
equal "workers: all threads are there" "$(find workers -name 'log.*.result' | wc -l)" 9
repeat "workers" 100 6 workers/log.basic.elfie

timeout 60 "$record" --start symbol:region_start --length 50000:global --output global/log -- "$programs/workers" >/dev/null
equal "threads: counts add up" "$(awk '$1 == "inscount:" { n += $2 } END { print n }' global/log.*.result)" 50000
check "threads, 50000 instructions: replayed" timeout 60 "$record" --replay-check global/log

# A log that is not true is found out.
broken() {
    local what=$1 file=$2 edit=$3
    rm -rf broken && mkdir broken && cp -r plain26/log.* broken
    sed -i "$edit" "broken/log.$file"
    check "changed: $what" test -n "$(cmp plain26/log."$file" broken/log."$file")"
    refuses "$what is noticed" 1 "${4:-thread}" timeout 60 "$record" --replay-check broken/log
}
broken "count" 0.result 's/^inscount: .*/inscount: 2000/'
broken "last register" 0.result 's/^last_register: rbx .*/last_register: rbx 0x1234/' 'rbx 0x.* instead of 0x1234'
broken "record" 1.reg '0,/^sc ;[0-9]*/s//sc ;5/'
broken "memory" 0.sel '/^\/./d'
broken "order" 3.race 's/^\([0-9]*\) [0-9] \([0-9]*\)$/\1 3 \2/;s/$/9999/' 'wait for each other|recorded course|ends with'

# --- the same again -----------------------------------------------------------------------------

# A PID namespace of its own and always the same processor: process ids and the processor's number
# (from CPUID) are in the program's memory. A namespace needs a right.
cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
rights=-p
unshare -pf true 2>/dev/null || rights=-Urp
# What a descriptor points to is part of a pinball, too: none of this suite's own output.
isolated() { taskset -c "$cpu" unshare $rights -f --mount-proc "$@" >/dev/null 2>&1; }
if isolated true; then
    # In main(): the dynamic linker, which comes before, keeps the time-stamp counter in registers.
    taskset -c "$cpu" "$record" --start icount:100000000 --length 1 --output never/never -- \
        "$programs/workers" >/dev/null 2>never.err
    start=$(sed -n 's/.*it ran \([0-9]*\) instructions.*/\1/p' never.err)
    start=$((start - 13000))
    for n in 1 2; do
        for program in workers steps; do
            isolated timeout 60 "$record" --stepped --start symbol:region_start --length 10000:global \
                --output "same$n/$program" -- "$programs/$program"
        done
        isolated timeout 60 "$record" --start symbol:region_start --length end \
            --output "same$n/run" -- "$programs/workers"
        isolated timeout 60 "$record" --start "icount:$start" --length 5000 --compress none \
            --output "same$n/icount" -- "$programs/workers"
    done
    check "the same recording twice: the same files" diff -r same1 same2
    equal "... of four pinballs" "$(find same1 -name '*.global.log' | wc -l)" 4
else
    skipped "the same recording twice" "needs the right to make a PID namespace"
fi
