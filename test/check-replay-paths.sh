# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# A region that leaves the recorded path is seen at the first system call that shows it, and ends
# with status 3 and a report: thread, record, what is expected and what was found.

if [ ! -d "$shared" ]; then
    skipped "divergence" "needs ../shared/pinballs"
    return
fi
mkdir good
cp "$shared"/st/log_0.* good
chmod -R u+w good
reg=log_0.0.reg
first=$(grep -n -m1 '^sc ' good/$reg | cut -d: -f1)

# diverges NAME PATTERN SCRIPT: the ELFie of a copy with other logs.
diverges() {
    rm -rf work && cp -r good work
    (cd work && eval "$3")
    "$pinball2elf" --kind replay work/log_0 || failed "$1: made"
    refuses "$1" 3 "$2" timeout 20 work/log_0.replay.elfie
}

diverges "another instruction calls" 'thread 0 \(id [0-9]+\) leaves the recorded path: another instruction calls' \
    "sed -i '$((first + 5))s/.*/68 70650ae3ff7f/' $reg"
check "the report says which record" grep -q 'expected: record 2 of 3: a system call at instruction 1035, that returns to 0x7fffe30a6570' \
    <(work/log_0.replay.elfie 2>&1)
check "the report says what was found" grep -q 'found: system call 9, mmap, that returns to 0x7fffe30a656a, mmap+0xa in libc.so.6' \
    <(work/log_0.replay.elfie 2>&1)
check "the report as JSON" python3 -c '
import json, sys
r = json.loads(sys.argv[1])
assert r["thread"] == 0 and r["record"] == 2 and r["records"] == 3, r
assert r["expected_rip"] == "0x7fffe30a6570" and r["found_rip"] == "0x7fffe30a656a", r
assert r["found_call"] == 9 and r["found_name"] == "mmap" and r["expected_icount"] == 1035, r
' "$(ELFIE_REPORT=json work/log_0.replay.elfie 2>&1)"
equal "the report can be off" "$(ELFIE_REPORT=off work/log_0.replay.elfie 2>&1; echo "status $?")" "status 3"
equal "nothing behind it has run" "$(work/log_0.replay.elfie 2>/dev/null)" ""

diverges "a call that the log does not have" 'the log has no more records' \
    "sed -i -e '$((first + 6)),$((first + 8))d' $reg; sed -i 's/num_syscalls: 4/num_syscalls: 3/' log_0.0.result"
diverges "an RDTSC that does not come" 'the log has an RDTSC before the next call' \
    "sed -i '$((first + 3))i rd ;10 3\n0 01\n10 02\n68 d0034000' $reg; sed -i 's/^sc ;38 2/sc ;28 2/' $reg"
diverges "an end that comes too early" 'the thread ends before its log does' \
    "sed -i '$((first + 9))i sc ;10 2\n0 0\n68 40bf09e3ff7f' $reg; sed -i 's/num_syscalls: 4/num_syscalls: 5/' log_0.0.result"
# fstat's answer as for a terminal is not given: printf asks for a larger buffer, in the same calls.
# A failing mmap sends the program another way.
diverges "another answer, another way" 'leaves the recorded path' "sed -i '$((first + 4))s/.*/0 f4ffffffffffffff/' $reg"
diverges "memory over the runtime" 'the recorded memory is not where memory can be' \
    "sed -i '$((first + 4))s/.*/0 000010/' $reg"

# The calls come, and from the right places, but at other instructions: seen where they are counted.
mkdir mt
for f in "$shared"/mt/log_0.*; do
    case $f in
    *.bz2) bzip2 -dc "$f" >"mt/$(basename "$f" .bz2)" ;;
    *) cp "$f" mt ;;
    esac
done
chmod -R u+w mt
cp -r mt cycle
sed -i -e 's/^sc ;86 2/sc ;87 2/' -e 's/^sc ;75 2/sc ;74 2/' mt/$reg
"$pinball2elf" --kind replay mt/log_0
refuses "mt: another number of instructions" 3 'thread 0 .*the call comes at another instruction' timeout 20 mt/log_0.replay.elfie
check "mt: which number" grep -q 'found: .*, at instruction 86$' <(timeout 20 mt/log_0.replay.elfie 2>&1)

# Thread 2 waits for thread 0 at its instruction 22: an order that cannot be.
sed -i '1s/.*/27 2 2721/' cycle/log_0.0.race
"$pinball2elf" --kind replay cycle/log_0
refuses "mt: an order that has a cycle" 3 'the threads wait for each other' timeout 60 cycle/log_0.replay.elfie

# With counters, too: no report makes it good.
check "perf: made" "$pinball2elf" --kind perf --replay work/log_0
refuses "perf: another answer, another way" 3 'leaves the recorded path' timeout 20 work/log_0.perf.elfie
equal "perf: no end in the report" "$(grep -c '^Simulation end: not reached' log_0.0.perf.txt)" 1
