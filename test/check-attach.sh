# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Running processes: recorded while they compute, sleep, wait; they go on as if nothing had been, and
# the ELFie does and prints what they do after that instant.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

# await FILE TEXT: until a line TEXT is in FILE, for ten seconds at most.
await() {
    for ((i = 0; i < 200; i++)); do
        grep -qsx -- "$2" "$1" && return
        sleep 0.05
    done
    failed "'$2' in $1"
}

# begin NAME PROGRAM MODE: starts it in the background, as $process.
begin() {
    mkdir -p "$1"
    "$programs/$2" "$3" >"$1/output" 2>"$1/errors" &
    process=$!
    await "$1/output" ready
}

# finish NAME STATUS: the process ends by itself, undisturbed.
finish() {
    wait "$process"
    equal "$1: the process ends as ever" $? "$2"
}

for program in attached attached-static; do
    for mode in compute nanosleep poll threads; do
        name=$program-$mode
        case $name in attached-static-nanosleep | attached-static-poll) continue ;; esac
        begin $name $program $mode
        sleep 0.3
        check "$name: recorded" timeout 30 "$record" --pid "$process" --compress none -o $name/log
        finish $name 7
        check "$name: made" "$pinball2elf" $name/log
        timeout 30 $name/log.basic.elfie >$name/rest
        equal "$name: status of the ELFie" $? 7
        # What is in the buffer of the C library at that instant comes from both.
        check "$name: output" cmp <(sed 1d $name/output) $name/rest
        check "$name: there is some" test -s $name/rest
        check "$name: state at the first instructions" "$state" $name/log $name/log.basic.elfie
    done
done
equal "threads: nine of them" "$(find attached-threads -name 'log.*.reg' | wc -l)" 9
for ((i = 0; i < 5; i++)); do
    timeout 30 attached-threads/log.basic.elfie | cmp -s - attached-threads/rest && echo same
done >same
equal "threads: five runs" "$(wc -l <same)" 5

# A sleep that a stop has interrupted goes on as restart_syscall, which an ELFie could not.
for mode in nanosleep poll; do
    begin again-$mode attached $mode
    for ((i = 0; i < 3; i++)); do
        kill -STOP $process
        sleep 0.05
        kill -CONT $process
        sleep 0.05
    done
    check "$mode after a stop: recorded" timeout 30 "$record" --pid $process -o again-$mode/log
    finish "$mode after a stop" 7
    "$pinball2elf" again-$mode/log
    check "$mode after a stop: output" cmp <(sed 1d again-$mode/output) <(timeout 30 again-$mode/log.basic.elfie)
done

# One that is stopped stays so.
begin stopped attached nanosleep
kill -STOP $process
sleep 0.1
check "stopped: recorded" timeout 30 "$record" --pid $process -o stopped/log
equal "stopped: stays stopped" "$(sed 's/.*) //' /proc/$process/stat | cut -c 1)" T
kill -CONT $process
finish stopped 7
"$pinball2elf" stopped/log
check "stopped: output" cmp <(sed 1d stopped/output) <(timeout 30 stopped/log.basic.elfie)

# Signals that come while it is recorded are not lost. Real-time signals queue.
for mode in signals waiting; do
    begin $mode attached $mode
    (for ((i = 0; i < 300; i++)); do
        kill -RTMIN $process
        sleep 0.002
    done) &
    sender=$!
    for ((i = 0; i < 5; i++)); do
        timeout 30 "$record" --pid $process --compress none -o $mode/log 2>>$mode/warnings || failed "$mode: record"
    done
    wait $sender
    kill -TERM $process
    finish "$mode" 7
    equal "$mode: all arrive" "$(tail -n 1 $mode/output)" "signals: 300"
done

# Memory of the recorder, which must not grow with the program's: 300 MiB of which half are random.
if [ -x /usr/bin/time ]; then
    python3 -c 'import os, time
data = os.urandom(150 << 20) + bytes(range(256)) * (150 << 12)
print("ready", flush=True)
time.sleep(100)' >large &
    process=$!
    await large ready
    /usr/bin/time -f %M -o kib "$record" --pid $process --compress none -o large.d/log
    kill $process
    check "300 MiB: recorded" test "$(stat -c %s large.d/log.text)" -gt 400000000
    check "300 MiB: the recorder takes less than 64 ($(cat kib) KiB)" test "$(cat kib)" -lt 65536
    rm -rf large.d
else
    skipped "300 MiB" "needs /usr/bin/time (Debian package time)"
fi

# Refusals.
begin victim attached nanosleep
begin_victim=$process
refuses "no such process" 1 '^elfie-record: there is no process 4194303$' "$record" --pid 4194303 -o none/log
refuses "a number that is none" 2 "'12x' is not the id" "$record" --pid 12x -o none/log
refuses "--pid with a program" 2 'and no PROGRAM' "$record" --pid $begin_victim -o none/log -- true
refuses "--pid with --start" 2 'for a program that is started' "$record" --pid $begin_victim --start symbol:main
refuses "another user's process" 1 'belongs to user 0; .*/proc/sys/kernel/yama/ptrace_scope' \
    as_user "$record" --pid $begin_victim -o none/log
if has strace strace "traced already"; then
    strace -o /dev/null -p $begin_victim 2>/dev/null &
    sleep 0.5
    refuses "traced already" 1 "is traced already, by process $!" "$record" --pid $begin_victim -o none/log
    kill $!
    wait $! 2>/dev/null
    refuses "the recorder is traced itself" 1 'that is started here cannot be traced: .*/proc/sys/kernel/yama/ptrace_scope' \
        strace -f -o /dev/null "$record" --start symbol:region_start -o none/log -- "$programs/static"
fi
process=$begin_victim
finish "refused" 7

mkdir -m 777 user
if [ "$(id -u)" -eq 0 ]; then
    cp "$programs/attached-static" user/attached
    # shellcheck disable=SC2016
    (cd user && as_user sh -c 'echo $$ >process; exec ./attached protected >output 2>&1') &
    await user/output ready
    process=$(cat user/process)
    refuses "a process that protects itself" 1 'setuid program, or one that protects itself.*ptrace_scope' \
        as_user "$record" --pid "$process" -o user/none
    kill "$process"
    cp "$programs/static" user/setuid && chmod 4755 user/setuid
    refuses "a setuid program" 1 'a setuid program' as_user "$record" --start symbol:main -o user/none -- user/setuid
    cp "$programs/static" user/setgid && chmod 2755 user/setgid
    refuses "a setgid program" 1 'a setgid program' as_user "$record" --start symbol:main -o user/none -- user/setgid
else
    skipped "processes of other users" "needs root"
fi
equal "refusals leave nothing" "$(find user none -name '*.text*' -o -name '*.global.log' -o -name '.n*' 2>/dev/null)" ""

# 32 bits.
# shellcheck disable=SC2016
printf '.globl _start\n_start: mov $29,%%eax\nint $0x80\njmp _start\n' >small.s
if as --32 -o small.o small.s && ld -m elf_i386 -o small small.o && { ./small & } && sleep 0.1 && kill -0 $! 2>/dev/null; then
    refuses "a 32-bit process" 1 'does not run a 64-bit x86 program' "$record" --pid $! -o none/log
    kill $!
    refuses "a 32-bit program" 1 'not a 64-bit x86 program' "$record" --start address:0x1 -o none/log -- ./small
else
    skipped "a 32-bit process" "needs a kernel that runs 32-bit programs"
fi

# A disk of 64 KiB, in a mount namespace of its own, and the process with it: a user namespace may not
# trace what is outside of it.
# shellcheck disable=SC2016
full='mount -t tmpfs -o size=64k none full && { "$2" nanosleep >disk & } && sleep 0.3 &&
    "$1" --pid $! --compress none -o full/log; status=$?; find full -mindepth 1; wait $!; echo "status $?"; exit $status'
mkdir full
if unshare -rm true 2>/dev/null; then
    refuses "disk full" 1 'full/log\.text: cannot be written: No space left' \
        unshare -rm bash -c "$full" _ "$record" "$programs/attached"
    equal "disk full: nothing is left, and the process ends as ever" \
        "$(unshare -rm bash -c "$full" _ "$record" "$programs/attached" 2>/dev/null)" "status 7"
else
    skipped "disk full" "needs unshare -rm (user namespaces)"
fi

# The recorder dies: the process does not.
begin killed attached nanosleep
"$record" --pid $process -o killed/log 2>killed/errors &
sleep 0.02
kill -TERM $!
wait $! 2>/dev/null
finish "the recorder is killed" 7
begin killed9 attached compute
{ timeout -s KILL 0.05 "$record" --pid $process -o killed9/log; } 2>/dev/null
finish "the recorder is killed at once" 7
