# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# What an ELFie says when its region leaves the path, word for word, and that it ends as it would
# have ended without a word.

cc -O1 -g -static -pthread -o faults "$top/test/programs/faults.c" "$top/test/programs/region.c"

# make_faults HOW: records the program that will leave its path in this way.
make_faults() {
    "$record" --start symbol:region_start --output "$1" -- ./faults "$1" && "$pinball2elf" "$1"
}
# Numbers that differ from run to run, out of a report: the thread's id.
report() { sed 's/(id [0-9]*)/(id N)/'; }
symbol() { nm faults | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
tail_of() { printf '  system calls of this thread so far: not counted (ELFIE_COUNT_CALLS=1 counts them)'; }

for how in null ud2 divide wild raise abort protected handled write read calls both altstack; do
    make_faults $how
done
fault() { gdb -batch -ex run -ex 'printf "0x%lx\n", $pc' "./$1.basic.elfie" 2>/dev/null | tail -n 1; }
offset() { printf '0x%x' $(($1 - $(symbol leave_path))); }

if has gdb gdb "null pointer: report"; then
    rip=$(fault null)
    equal "null pointer: report" "$(./null.basic.elfie 2>&1 | report)" "null: thread 0 (id N) ends with SIGSEGV at $rip, leave_path+$(offset "$rip") in faults
null:   it writes 0x0
null:   captured below: nothing
null:   captured above: 0x400000 to $(sed -n 's/.*QUAD(0x0*\(4[0-9a-f]*\)) \/\* faults.*/0x\1/p' null.ld | tail -n 1) (faults), 0x400000 bytes away
null: $(tail_of)
null:   likely: a null pointer: an error of the program, or a system call before it came back otherwise than recorded"
    rip=$(fault ud2)
    equal "ud2: report" "$(./ud2.basic.elfie 2>&1 | report)" "ud2: thread 0 (id N) ends with SIGILL at $rip, leave_path+$(offset "$rip") in faults
ud2: $(tail_of)
ud2:   likely: the program's own trap, ud2: it has found something wrong"
    rip=$(fault divide)
    equal "division by zero: report" "$(./divide.basic.elfie 2>&1 | report)" "divide: thread 0 (id N) ends with SIGFPE at $rip, leave_path+$(offset "$rip") in faults
divide: $(tail_of)
divide:   likely: the program divides by zero or overflows; with the recorded answers of its system calls it did not"

    # A page that was not captured.
    page=$(symbol lost_page)
    for how in write read; do
        for f in $how.*; do [ -f "$f" ] && cp "$f" "thin$how${f#"$how"}"; done
        rm -f "thin$how".text.bz2 "thin$how".ld
        "$top/test/drop_page.py" $how thin$how "$page"
        "$pinball2elf" thin$how
    done
    rip=$(fault thinwrite)
    end=$(printf '0x%x' $((page + 0x1000)))
    above=$(awk -v end="$end" '/QUAD\(0x[0-9a-f]*\) QUAD\(0x[0-9a-f]*\) \/\*/ { print }' thinwrite.ld |
        sed -n "s/.*QUAD(0x0*${end#0x}) QUAD(0x0*\([0-9a-f]*\)).*/0x\1/p")
    equal "not captured: report" "$(./thinwrite.basic.elfie 2>&1 | report)" "thinwrite: thread 0 (id N) ends with SIGSEGV at $rip, leave_path+$(offset "$rip") in faults
thinwrite:   it writes $(printf '0x%x' $((page + 8)))
thinwrite:   captured below: 0x400000 to $(printf '0x%x' $((page))) (faults), 0x9 bytes away
thinwrite:   captured above: $end to $above (faults), 0xff8 bytes away
thinwrite: $(tail_of)
thinwrite:   likely: this page was not captured"
    json=$(ELFIE_REPORT=json ./thinread.basic.elfie 2>&1)
    check "not captured: JSON" python3 -c '
import json, sys
r = json.loads(sys.argv[1])
page = int(sys.argv[2], 0)
assert r["elfie"] == "thinread" and r["thread"] == 0 and r["signal"] == "SIGSEGV", r
assert int(r["address"], 0) == page + 16 and r["access"] == "reads", r
assert int(r["captured_below"][1], 0) == page and int(r["captured_above"][0], 0) == page + 4096, r
assert r["symbol"] == "leave_path" and r["module"] == "faults" and r["system_calls"] is None, r
assert r["likely"] == "this page was not captured", r' "$json" "$page"
    equal "not captured, with a zero page: goes on" "$(ELFIE_DEMAND_ZERO=1 ./thinread.basic.elfie 2>message; echo "status $?")" "0
went on
status 3"
    check "the zero page is named" grep -qE \
        "^thinread: thread 0 \(id [0-9]+\) reads a page that was not captured, at 0x[0-9a-f]+, leave_path\+0x[0-9a-f]+ in faults: zero page 1 of 1 at $(printf '0x%x' $((page)))$" message

    # A core file, from the kernel, where the pattern is a plain name.
    if [[ $(cat /proc/sys/kernel/core_pattern) != core* ]]; then
        skipped "core file" "needs a core_pattern of 'core'"
    else
        mkdir cores
        { (cd cores && ulimit -c unlimited && ../thinwrite.basic.elfie); } 2>/dev/null
        core=$(ls cores/core*)
        equal "core file: rip" "$(gdb -batch -ex 'printf "0x%lx\n", $pc' thinwrite.basic.elfie "$core" 2>/dev/null | tail -n 1)" "$rip"
        check "core file: the function" grep -q 'leave_path' \
            <(gdb -batch -ex 'info symbol $pc' thinwrite.basic.elfie "$core" 2>/dev/null)
    fi
fi

# System calls are counted when one asks for it. strace counts them too: what comes behind the
# startup's last call, up to the fault.
if has strace strace "system calls so far"; then
    { strace -o trace ./calls.basic.elfie; } 2>/dev/null
    calls=$(awk '/^sigaltstack/ { on = 1; next } /^--- SIGSEGV/ { exit } on && /^[a-z]/ { n++ } END { print n }' trace)
    equal "system calls so far: $calls" "$(ELFIE_COUNT_CALLS=1 ./calls.basic.elfie 2>&1 | sed -n 's/.*calls of this thread so far: //p')" "$calls"
    equal "system calls so far, JSON" "$(ELFIE_REPORT=json ELFIE_COUNT_CALLS=1 ./calls.basic.elfie 2>&1 | grep -o '"system_calls":[0-9]*')" \
        "\"system_calls\":$calls"
fi
"$pinball2elf" --outdir threads "$top/examples/MT/pinball/mt"
for i in 1 2 3 4 5; do
    equal "threads run while their system calls are counted, run $i" "$(ELFIE_COUNT_CALLS=1 threads/mt.basic.elfie | tail -n 1)" "all: 4000"
done

# Two threads that fault together: one whole report, and the counts of the one that reports.
good=0
for i in $(seq 100); do
    { ELFIE_COUNT_CALLS=1 ./both.basic.elfie >message 2>&1; } 2>/dev/null
    if [ "$(wc -l <message)" -eq 6 ] && grep -qxE 'both: thread [01] \(id [0-9]+\) ends with SIGSEGV at .*' message &&
        grep -qx 'both:   system calls of this thread so far: 5' message && tail -n 1 message | grep -q 'likely: '; then
        good=$((good + 1))
    fi
done
equal "two threads fault together: one whole report, 100 runs" "$good of 100" "100 of 100"

check "a signal stack of the program's own: the thread is known" grep -q '^altstack: thread 0 (id' <(./altstack.basic.elfie 2>&1)
check "a signal stack of the program's own: calls are counted" grep -qx 'altstack:   system calls of this thread so far: 1' \
    <(ELFIE_COUNT_CALLS=1 ./altstack.basic.elfie 2>&1)
blocked='import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execv(sys.argv[1], sys.argv[1:])'
check "signals that the caller has blocked: report" grep -qx 'calls:   system calls of this thread so far: [0-9]*' \
    <(ELFIE_COUNT_CALLS=1 python3 -c "$blocked" ./calls.basic.elfie 2>&1)
for f in null.*; do [ -f "$f" ] && cp "$f" "a\"b${f#null}"; done
rm -f 'a"b.ld'
"$pinball2elf" 'a"b'
check "a name with a quote: JSON" python3 -c 'import json, sys; assert json.loads(sys.argv[1])["elfie"] == "a\"b"' \
    "$(ELFIE_REPORT=json './a"b.basic.elfie' 2>&1)"
refuses "no memory for the moves" 125 'cannot map 0x[0-9a-f]+ to 0x[0-9a-f]+: no memory, or a limit' \
    bash -c 'ulimit -v 9000; ./null.basic.elfie'

# Status and output are those of the program.
for pair in null:139 ud2:132 divide:136 wild:139 raise:139 abort:134 protected:139 thinwrite:139; do
    { ./${pair%:*}.basic.elfie; } >/dev/null 2>&1
    equal "${pair%:*}: status" $? "${pair#*:}"
    { ELFIE_REPORT=off ./${pair%:*}.basic.elfie 2>message; } >/dev/null 2>&1
    equal "${pair%:*}, no report: status" $? "${pair#*:}"
    equal "${pair%:*}, no report: nothing is said" "$(cat message)" ""
done
equal "raise is the program's own business: no report" "$(./raise.basic.elfie 2>&1)" ""
equal "abort too" "$(./abort.basic.elfie 2>&1)" ""
equal "a handler of its own comes first" "$(./handled.basic.elfie 2>&1; echo "status $?")" "own handler
status 9"
check "wild pointer: the reason" grep -q 'likely: an address that no program can have' <(./wild.basic.elfie 2>&1)
check "protected page: the reason" grep -q 'likely: the program has protected this page itself' <(./protected.basic.elfie 2>&1)

for pair in ELFIE_REPORT=loud ELFIE_DEMAND_ZERO=many ELFIE_DEMAND_ZERO= ELFIE_DEMAND_ZERO=-1; do
    refuses "$pair" 125 "^null: ${pair%%=*} is '${pair#*=}', should be " env "$pair" ./null.basic.elfie
done
