# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# CPUID, RDRAND, RDSEED, RDPID and XGETBV: what they gave is in the log, and a replay gets it from there,
# however system calls come to the runtime and however threads are ordered.

if ! "$record" --help | grep -q -- --length; then
    skipped "CPUID and the like" "needs elfie-record with --length, to record a region"
    return
fi
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"
gcc -std=c11 -D_GNU_SOURCE -O2 -o fake-cpuid "$top/test/fake-cpuid.c" || failed "fake-cpuid builds"
"$programs/processor" code >/dev/null 2>&1
if [ $? -eq 77 ]; then
    skipped "CPUID and the like" "needs a processor with RDRAND and RDSEED"
    return
fi

# take NAME HOW [OPTION...]: records the region of the program that asks HOW into NAME/.
take() {
    mkdir "$1"
    timeout -s KILL 60 "$record" --start symbol:region_start --length end --compress none "${@:3}" \
        --output "$1/log" -- "$programs/processor" "$2" >"$1/first" 2>"$1/err" </dev/null
    equal "$1: recorded" $? 0
    equal "$1: no warning" "$(cat "$1/err")" ""
    check "$1: --replay-check" "$record" --replay-check="$1/log"
    check "$1: made" "$pinball2elf" --kind replay "$1/log"
}
# same NAME COMMAND...: prints what was printed when it was recorded, and ends as it did.
same() {
    local status
    timeout -s KILL 60 "${@:2}" >"$1/rest" 2>"$1/rest.err" </dev/null
    status=$?
    [ $status -eq 42 ] && cmp -s "$1/first" <(echo before; cat "$1/rest")
}
# differs NAME WHAT COMMAND...: the opposite.
differs() {
    if same "$1" "${@:3}"; then failed "$1, $2" "the same"; else passed "$1, $2"; fi
}
# counted NAME WHAT [OPTION]: the instructions of each thread, counted from outside.
counted() {
    timeout -s KILL 60 ./icount ${3:+"$3"} -o "$1/counts" "$1/log.replay.elfie" >/dev/null 2>&1 </dev/null
    equal "$1, $2: instructions" "$(paste -sd ' ' "$1/counts")" \
        "$(awk '/^inscount/ { print $2 }' "$1"/log.?.result | paste -sd ' ')"
}
again() {
    local good=0 i
    for ((i = 0; i < $3 && i - good < 3; i++)); do
        same "$1" "${@:4}" && good=$((good + 1))
    done
    equal "$1, $2: what was recorded" "$good of $3" "$3 of $3"
}

# --- one thread -----------------------------------------------------------------------------------

take plain plain --log-format=2.6
take short plain # values that repeat are left out of this format
cmp -s plain/first short/first && failed "random numbers are random"
for name in plain short; do
    for means in dispatch seccomp patch; do
        again $name "by $means" 10 env ELFIE_REPLAY_MEANS=$means $name/log.replay.elfie
        ELFIE_REPLAY_MEANS=$means counted $name "by $means"
    done
done
again plain "in mode strict" 3 env ELFIE_REPLAY=strict plain/log.replay.elfie
again plain "in mode io" 3 env ELFIE_REPLAY=io plain/log.replay.elfie
differs plain "left to the processor: other numbers" env ELFIE_REPLAY=off plain/log.replay.elfie
check "plain: --layout compact" "$pinball2elf" --kind replay --layout compact --outdir compact plain/log
again plain "compact" 3 compact/log.replay.elfie
check "plain: --roi-start simics:1" "$pinball2elf" --kind replay --roi-start simics:1 --outdir marked plain/log
again plain "behind a marker that is a CPUID" 3 marked/log.replay.elfie

take late late
for means in dispatch seccomp patch; do
    again late "by $means" 5 env ELFIE_REPLAY_MEANS=$means late/log.replay.elfie
done
counted late "code that comes in the region"

# A dynamic program from its first instruction: the C library chooses its functions by CPUID.
mkdir startup
timeout -s KILL 60 "$record" --start icount:0 --length end --compress none -o startup/log -- "$(type -P true)" 2>/dev/null
check "the C library's startup: --replay-check" "$record" --replay-check=startup/log
check "the C library's startup asks CPUID" grep -q '^rd ;[0-9]* 5$' startup/log.0.reg
check "the C library's startup: made" "$pinball2elf" --kind replay startup/log
repeat "the C library's startup" 5 0 startup/log.replay.elfie
counted startup "the C library's startup"

# --- what is in the log, not in the processor -----------------------------------------------------

cat >edit.py <<'END'
"""edit.py REG KIND N WHAT [VALUE]: changes the Nth record (from 1; 0: the last, -1: the one before) of a log of format 2.6. KIND: cpuid
or random; WHAT: flip (the lowest bit of rax), drop, rip, later (an instruction later), lose (a
register other than rip). Prints rax as it was, and as it is, or rip."""
import sys

path, kind, number, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
lines = open(path).read().splitlines()
size = {"cpuid": "5", "random": "3"}[kind]
heads = [i for i, line in enumerate(lines) if line.startswith("rd ;") and line.split()[2] == size
         and (kind == "cpuid" or "71" in [l.split()[0] for l in lines[i + 1:i + 4]])]
head = heads[number - 1]
next_head = next(i for i in range(head + 1, len(lines)) if lines[i][:3] in ("rd ", "sc ", "scs"))
body = range(head + 1, next_head)


def distance(i, by):
    word, after, count = lines[i].split()
    lines[i] = f"{word} ;{int(after[1:]) + by} {count}"


def hexadecimal(text):
    return bytes.fromhex(text)[::-1].hex().lstrip("0")


rax = next((i for i in body if lines[i].startswith("0 ")), None)
rip = next(i for i in body if lines[i].startswith("68 "))
if what == "flip":
    old = lines[rax].split()[1]
    new = f"{int(old[:2], 16) ^ 1:02x}{old[2:]}"
    lines[rax] = "0 " + new
    print(hexadecimal(old), hexadecimal(new))
elif what == "drop":
    distance(next_head, int(lines[head].split()[1][1:]))
    del lines[head:next_head]
elif what == "later":
    distance(head, 1)
    distance(next_head, -1)
elif what == "rip":
    lines[rip] = "68 " + (sys.argv[5] if len(sys.argv) > 5 else "d0034000")
elif what == "show":
    print(lines[rip].split()[1])
elif what == "lose":
    lose = next(i for i in body if lines[i].split()[0] == sys.argv[5])
    word, after, count = lines[head].split()
    lines[head] = f"{word} {after} {int(count) - 1}"
    del lines[lose]
    print(next_head - 1)
open(path, "w").write("\n".join(lines) + "\n")
END

# edited KIND N WHAT...: the ELFie of a copy of the pinball with an edited log.
edit() {
    rm -rf work && cp -r "${from-plain}" work && rm -rf work/*.elfie* work/*.ld
    python3 edit.py work/log.0.reg "$@"
}
while read -r kind number line; do
    read -r old new <<<"$(edit "$kind" "$number" flip)"
    check "a changed value of $kind: made" "$pinball2elf" --kind replay work/log
    timeout 20 work/log.replay.elfie >work/rest
    equal "a changed value of $kind: status" $? 42
    check "a changed value of $kind is what the program gets, and nothing else" \
        cmp <(echo before; grep -v ^sum work/rest) <(sed -e "0,/^$line $old/s//$line $new/" -e '/^sum/d' plain/first)
    check "it was another one" grep -q "^$line $old" plain/first
done <<END
cpuid 2 cpuid 1.0
random 1 rdrand rax
END

# diverges NAME PATTERN KIND N WHAT...
diverges() {
    local name=$1 pattern=$2
    edit "${@:3}"
    "$pinball2elf" --kind replay work/log || failed "$name: made"
    refuses "$name" 3 "$pattern" timeout 20 work/log.replay.elfie
}
diverges "a CPUID without its record" 'a CPUID that the log does not have here' cpuid 2 drop
diverges "an RDRAND without its record" 'an RDRAND, RDSEED, RDPID or XGETBV that the log does not have here' random -1 drop
diverges "an RDRAND at another address" 'an RDRAND, RDSEED, RDPID or XGETBV at another address' \
    random 1 rip "$(edit random 2 show)"
check "the report says what was expected" grep -qE 'expected: record [0-9]+ of [0-9]+: an RDRAND, RDSEED, RDPID or XGETBV at' \
    <(work/log.replay.elfie 2>&1)

refuse() {
    edit "${@:3}" >line
    refuses "$1" 1 "^work/log.0.reg:$(cat line; [ -s line ] || echo '[0-9]+'): $2" "$pinball2elf" --kind replay work/log
    equal "$1: nothing is left" "$(find work -name '*.ld*' -o -name '*.elfie*' -o -name '*.tmp')" ""
}
refuse "a record of CPUID where none is" 'there is no CPUID, RDRAND, RDSEED, RDPID, XGETBV or RDTSC before 0x402010' cpuid 3 rip 102040
refuse "a record of RDRAND where none is" 'there is no CPUID, RDRAND, RDSEED, RDPID, XGETBV or RDTSC before 0x402010' random 3 rip 102040
refuse "a record of RDRAND before all memory" 'rip is 2: no instruction is before it' random 3 rip 02
refuse "a record of CPUID without rbx" 'a record without rbx' cpuid 1 lose 15
refuse "a record of RDRAND that sets nothing" 'a record without a register that the instruction sets' random 1 lose 0

# --- CPUID faulting -------------------------------------------------------------------------------

# Code that prints a sum of itself shows whether it was changed.
take code code --log-format=2.6
differs code "patched: it shows" code/log.replay.elfie
equal "code: patched, it is only the sum" \
    "$(diff code/first <(echo before; code/log.replay.elfie) | grep -c '^[<>] [^c]')" 0
check "code: CPUID faulting leaves it alone" same code ./fake-cpuid code/log.replay.elfie
equal "code: each CPUID was a fault" "$(grep fake-cpuid code/rest.err)" "fake-cpuid: 1 faults"
check "code: verbose" grep -q 'CPUID faults' <(ELFIE_VERBOSE=1 ./fake-cpuid code/log.replay.elfie 2>&1)
check "late: CPUID faulting" same late ./fake-cpuid late/log.replay.elfie
equal "late: each CPUID was a fault" "$(grep fake-cpuid late/rest.err)" "fake-cpuid: 5 faults"
from=code edit cpuid 1 drop
check "a log without a CPUID: made" "$pinball2elf" --kind replay work/log
# (Otherwise, where leaf 1 has the number of another core: its status does not matter.)
timeout 60 ./fake-cpuid work/log.replay.elfie >work/rest 2>work/rest.err
equal "a log without a CPUID: the processor answers" "$(grep fake-cpuid work/rest.err)" "fake-cpuid: 0 faults"
check "code: --roi-start simics:1" "$pinball2elf" --kind replay --roi-start simics:1 --outdir marked code/log
./fake-cpuid marked/log.replay.elfie >marked/out 2>marked/err
equal "a marker that is a CPUID does not fault" "$? $(tail -n 1 marked/err)" "42 fake-cpuid: 0 faults"

# A CPUID that the log does not have, where others have none either: only faulting shows it.
take late-plain late --log-format=2.6
from=late-plain edit cpuid 1 drop
check "one CPUID of three less: made" "$pinball2elf" --kind replay work/log
refuses "one CPUID of three less: seen by faulting" 3 'a CPUID that the log does not have here' \
    ./fake-cpuid work/log.replay.elfie

# --- a fault of the region's own ------------------------------------------------------------------

take trap trap
for tracer in "" ./fake-cpuid; do
    ELFIE_REPLAY=strict $tracer trap/log.replay.elfie >trap/rest 2>trap/rest.err
    equal "${tracer:-patched}: the region's own ud2 ends it" $? 132
    check "${tracer:-patched}: and is reported" grep -q 'ends with SIGILL at 0x[0-9a-f]*, main' trap/rest.err
    check "${tracer:-patched}: as what it is" grep -q "likely: the program's own trap, ud2" trap/rest.err
done 2>/dev/null
check "trap: what was printed before" cmp trap/first <(echo before; cat trap/rest)

# --- several threads ------------------------------------------------------------------------------

take threads threads
again threads stepped 3 threads/log.replay.elfie
counted threads stepped --traps
ELFIE_REPLAY=io timeout 20 threads/log.replay.elfie >threads/rest
equal "threads, in mode io: status" $? 42
check "threads, in mode io: the recorded values, in any order" \
    cmp <(sort threads/first) <(sort <(echo before; cat threads/rest))
from=threads edit cpuid 1 show >/dev/null 2>&1 # a copy
rm -rf later && mv work later
python3 - later/log.0.reg <<'END'
import re, sys
text = open(sys.argv[1]).read()
text, n = re.subn(r"(rd ;)(\d+)( 5\n(?:\d.*\n){5}\w+ ;)(\d+)",
                  lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}{int(m[4]) - 1}", text, count=1)
assert n
open(sys.argv[1], "w").write(text)
END
"$pinball2elf" --kind replay later/log
refuses "threads, stepped: another number of instructions" 3 'a CPUID at another instruction' timeout 30 later/log.replay.elfie
check "threads: make schedule" make -s -f "$elfie_mk" ELFIE=threads/log schedule
check "threads: made with it" make -s -f "$elfie_mk" ELFIE=threads/log KIND=replay
if grep -q 'run from stop to stop' <(ELFIE_VERBOSE=1 threads/log.replay.elfie 2>&1); then
    for means in dispatch seccomp patch; do
        again threads "scheduled, by $means" 10 env ELFIE_REPLAY_MEANS=$means threads/log.replay.elfie
    done
    counted threads scheduled
    check "threads: scheduled, CPUID faulting" same threads ./fake-cpuid threads/log.replay.elfie
    equal "threads: each CPUID was a fault" "$(grep fake-cpuid threads/rest.err)" "fake-cpuid: 6 faults"
else
    skipped "threads: scheduled" "needs breakpoints by perf_event_open"
fi
