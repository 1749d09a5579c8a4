# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Exact replay of the real pinballs: the region takes the recorded path, counted from outside.

if [ ! -d "$shared" ]; then
    skipped "replay of real pinballs" "needs ../shared/pinballs"
    return
fi
gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"

# counted NAME COUNTS STATUS: what `count [OPTION] ELFIE` has seen by ptrace just before.
count() {
    timeout 60 ./icount -o counts "$@"
    echo $? >status
}
counted() {
    equal "$1: instructions" "$(paste -sd ' ' counts)" "$2"
    equal "$1: status" "$(cat status)" "$3"
}

for layout in direct compact; do
    check "st, $layout: made" "$pinball2elf" --kind replay --layout $layout --outdir "st.$layout" "$shared/st/log_0"
done
st=st.direct/log_0.replay.elfie
expected='0 5 fstat 0x0 injected
0 9 mmap 0x7fffdeeea000 executed
0 1 write 0xe executed
0 231 exit_group 0x0 executed'
all_means=(dispatch seccomp patch)
for means in "${all_means[@]}"; do
    export ELFIE_REPLAY_MEANS=$means
    count $st >out
    counted "st by $means, to a file" 3922 14
    equal "st by $means: output" "$(cat out)" "Hello world 1"
    count $st | cat >out
    counted "st by $means, to a pipe" 3922 14
    count $st >/dev/null
    counted "st by $means, to /dev/null" 3922 14
    count $st >&-
    counted "st by $means, standard output closed" 3922 14
    count $st | true
    counted "st by $means, to a pipe that nobody reads" 3922 14
    count st.compact/log_0.replay.elfie >/dev/null
    counted "st by $means, compact" 3922 14
    python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' ./icount -o counts $st >out
    equal "st by $means, to a terminal: status" $? 14
    equal "st by $means, to a terminal: instructions" "$(cat counts)" 3922
    equal "st by $means, to a terminal: output" "$(tr -d '\r' <out)" "Hello world 1"
    ELFIE_REPLAY_LOG=calls $st >/dev/null
    equal "st by $means: calls" "$(awk '{ print $1, $2, $3, $(NF-1), $NF }' calls)" "$expected"
    repeat "st by $means" 100 14 $st
    check "st by $means: says so" grep -q "system calls are caught by" <(ELFIE_VERBOSE=1 $st 2>&1)
done
unset ELFIE_REPLAY_MEANS
"$pinball2elf" --outdir st.basic "$shared/st/log_0"
count st.basic/log_0.basic.elfie | cat >out
counted "st without replay takes another path" 3366 14

# The program may not see that it is replayed, but its user may: what is off, is off.
ELFIE_REPLAY=off ELFIE_REPLAY_LOG=none $st >/dev/null
equal "st, ELFIE_REPLAY=off: status" $? 14
check "st, ELFIE_REPLAY=off: nothing is logged" test ! -e none
refuses "ELFIE_REPLAY=some" 125 "ELFIE_REPLAY is 'some', should be one of: exact strict io off" \
    env ELFIE_REPLAY=some $st
refuses "ELFIE_REPLAY_MEANS=magic" 125 "should be one of: any dispatch" env ELFIE_REPLAY_MEANS=magic $st
refuses "ELFIE_REPLAY_LOG cannot be written" 125 'cannot be written' env ELFIE_REPLAY_LOG=no/dir/x $st

# --- several threads ---------------------------------------------------------------------------

check "mt: made" "$pinball2elf" --kind replay --outdir mt "$shared/mt/log_0"
mt=mt/log_0.replay.elfie
# A hundred runs, each counted. A tracer and the threads that it follows get on best on one processor
# (measured: 0.8 s a run and not 1.0 s): there is a lane of runs for each.
mapfile -t processors < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:8], sep="\n")')
lanes=${#processors[@]}
lane() {
    local i bad=0
    for ((i = $1; i < 100 && bad < 3; i += lanes)); do
        taskset -c "${processors[$1]}" timeout 60 ./icount --traps -o counts.$i $mt >out.$i
        echo "status $?" >>counts.$i
        [ "$(paste -sd ' ' counts.$i)" = "10887 6115 2721 3441 3436 status 0" ] || bad=$((bad + 1))
    done
}
for ((l = 0; l < lanes; l++)); do lane $l & done
wait
for ((i = 0; i < 100; i++)); do paste -sd ' ' counts.$i; done | sort | uniq -c >counts.all
equal "mt, exact: instructions and status, 100 runs" "$(tr -s ' ' <counts.all)" " 100 10887 6115 2721 3441 3436 status 0"
good=0
for ((i = 0; i < 100; i++)); do
    cmp -s out.$i out.1 && good=$((good + 1))
done
equal "mt, exact: one output, 100 runs" "$good of 100" "100 of 100"
equal "mt, exact: joins" "$(grep -c '^Joined' out.1)" 4
equal "mt, exact: ends" "$(tail -n 1 out.1)" "All threads joined"
good=0
for ((i = 0; i < 30; i++)); do
    timeout 30 $mt | cmp -s - out.1 && good=$((good + 1))
done
equal "mt, exact: the same output without a tracer" "$good of 30" "30 of 30"
ELFIE_REPLAY_LOG=calls $mt >/dev/null
equal "mt, exact: calls" "$(awk '{ print $1 }' calls | sort | uniq -c | awk '{ print $1 }' | paste -sd ' ')" "20 8 8 11 11"
check "mt, exact: no futex is executed" test -z "$(grep 'futex.*executed' calls)"
repeat "mt, unordered" 100 0 env ELFIE_REPLAY=io $mt
refuses "mt, everything from the log and nothing ordered" 3 'leaves the recorded path' \
    env ELFIE_REPLAY=strict timeout 30 $mt

for means in seccomp patch; do
    ELFIE_REPLAY_MEANS=$means count --traps $mt >out
    counted "mt, exact, by $means" "10887 6115 2721 3441 3436" 0
    check "mt, exact, by $means: the same output" cmp out out.1
    repeat "mt, unordered, by $means" 30 0 env ELFIE_REPLAY=io ELFIE_REPLAY_MEANS=$means $mt
done
ELFIE_REPLAY=io count $st >out
counted "st, ELFIE_REPLAY=io" 3922 14

# --- hosts that lack something --------------------------------------------------------------------

gcc -std=gnu11 -O2 -o host-seccomp "$top/test/host-seccomp.c"
check "without dispatch: by seccomp" grep -q 'by a seccomp filter' <(ELFIE_VERBOSE=1 ./host-seccomp $st 2>&1)
./host-seccomp $st >out
equal "without dispatch: status" $? 14
equal "without dispatch: output" "$(cat out)" "Hello world 1"
refuses "RDTSC that is not caught" 125 'does not catch RDTSC' ./host-seccomp $mt
refuses "no dispatch, and none other wanted" 125 'by dispatch needs Linux 5.11' \
    env ELFIE_REPLAY_MEANS=dispatch ./host-seccomp $st
if has qemu-x86_64 qemu-user "replay in qemu"; then
    emulated() { (ulimit -v 8000000 && timeout 60 qemu-x86_64 "$@"); }
    emulated st.compact/log_0.replay.elfie >out
    equal "st in qemu: status" $? 14
    equal "st in qemu: output" "$(cat out)" "Hello world 1"
    check "st in qemu: by patched instructions" grep -q 'by patched instructions' \
        <(ELFIE_VERBOSE=1 emulated st.compact/log_0.replay.elfie 2>&1)
    check "mt in qemu, unordered: made" "$pinball2elf" --kind replay --layout compact --outdir mt.compact "$shared/mt/log_0"
    equal "mt in qemu, unordered" "$(ELFIE_REPLAY=io emulated mt.compact/log_0.replay.elfie 2>/dev/null | tail -n 1)" \
        "All threads joined"
fi

# --- a thin pinball: only the pages that the region touches ---------------------------------------

# Pages are left out half by half, as long as the region still ends as it should: what is left is what
# it touches, give or take some pages.
mkdir thin
cp "$shared"/st/log_0.* thin
chmod -R u+w thin
cat >thin.py <<'END'
import subprocess, sys

def runs(pages):
    with open("thin/log_0.text", "w") as out:
        for page in pages:
            out.writelines(page)
    made = subprocess.run([sys.argv[1], "--kind", "replay", "thin/log_0"], capture_output=True, check=False)
    if made.returncode:
        return False
    try:
        done = subprocess.run(["thin/log_0.replay.elfie"], capture_output=True, check=False, timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 14 and done.stdout == b"Hello world 1\n"

pages = []
with open("thin/log_0.text", encoding="ascii") as text:
    for line in text:
        if line[0] == "/":
            pages.append([])
        pages[-1].append(line)
size = len(pages) // 2
while size >= 8:
    at = 0
    while at < len(pages):
        without = pages[:at] + pages[at + size:]
        if runs(without):
            pages = without
        else:
            at += size
    size //= 2
print(len(pages), runs(pages))
END
sed -i 's/^fat: 1/fat: 0/' thin/log_0.global.log
read -r pages good < <(python3 thin.py "$pinball2elf")
equal "st, thin: runs" "$good" True
check "st, thin: $pages pages are left of 422" test "$pages" -lt 300
check "st, thin: it says so when it is made" grep -q 'fat: 0: only pages that the region touched' \
    <("$pinball2elf" --kind replay thin/log_0 2>&1)
count thin/log_0.replay.elfie | cat >out
counted "st, thin" 3922 14
