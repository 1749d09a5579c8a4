# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Threads that are alive at the start, in whatever they wait for, and threads that the region makes:
# the ELFie prints what the rest of the original run printed, to the byte, and ends as it did.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
mkfifo pipe

# run COMMAND...: with a pipe as descriptor 0 that is open for reading and writing. 137: it hung.
run() {
    { timeout --signal=KILL 20 "$@" 0<>pipe; } 2>>messages
}

# runs NAME N STATUS FOLDER [COMMAND...]: the ELFie in FOLDER, by COMMAND, N times. Stops at the
# first run that is not like the original one.
runs() {
    local name=$1 n=$2 status=$3 folder=$4 actual i
    shift 4
    for ((i = 1; i <= n; i++)); do
        run "$@" "$folder/elfie" >"$folder/rest"
        actual=$?
        if [ "$actual" -ne "$status" ]; then
            failed "$name" \
                "run $i of $n: status $actual instead of $status; $(tail -n 2 "$folder/rest")"
            return
        fi
        if ! cat "$folder/first" "$folder/rest" | cmp -s - "$folder/full"; then
            failed "$name" \
                "run $i of $n: $(diff <(cat "$folder/first" "$folder/rest") "$folder/full")"
            return
        fi
    done
    passed "$name, $n runs"
}

# make_round STATUS PROGRAM [ARGUMENT...]: the original run ends with STATUS; its ELFie is in round/.
make_round() {
    local status=$1 name="${*:2}" folder=round
    shift
    rm -rf $folder messages
    mkdir $folder
    run "$programs/threads/$1" "${@:2}" >$folder/full
    equal "$name: original run" "$?" "$status"
    run "$record" --compress none --start symbol:region_start --output $folder/log -- \
        "$programs/threads/$1" "${@:2}" >$folder/first
    check "$name: made" "$pinball2elf" $folder/log
    mv $folder/log.basic.elfie $folder/elfie
}

# round N STATUS PROGRAM [ARGUMENT...]: the ELFie prints and ends like the original run, N times.
round() {
    local n=$1 status=$2
    shift 2
    make_round "$status" "$@"
    runs "$*" "$n" "$status" round
}

# limit STATUS LINE PROGRAM [ARGUMENT...]: what an ELFie cannot do, because its threads have new ids
# and the program's memory holds the recorded ones (README, Limits). It says so by this LINE of the
# program's, and ends.
limit() {
    local status=$1 line=$2 expected=$1 actual
    shift 2
    make_round "$status" "$@"
    run round/elfie >round/rest
    actual=$?
    if [ $actual -eq 137 ] || { [ $actual -ge 128 ] && [ "$actual" -ne "$expected" ]; }; then
        failed "limit: $*" "hangs or crashes: status $actual"
    else
        check "limit: $*: $line" grep -qxF -- "$line" round/rest
    fi
}

# How many, in all kinds of waiting.
for kind in '' -static; do
    round 20 3 crowd$kind 1
    for waits in hold contend wait futex timed sleep alarm nap read poll select compute pause; do
        round 3 3 crowd$kind 2 $waits
    done
    round 20 3 crowd$kind 8
    round 10 3 crowd$kind 8 join
    round 20 3 crowd$kind 64
    runs "crowd$kind 64 without randomisation" 5 3 round setarch -R
    "$pinball2elf" --layout compact --outdir round/compact round/log
    mv round/compact/log.basic.elfie round/elfie
    runs "crowd$kind 64, compact" 10 3 round
    round 3 3 crowd$kind 500
done

for kind in '' -static; do
    round 20 4 more$kind
    round 20 0 exits$kind initial
    round 20 9 exits$kind exit
    round 20 77 exits$kind joined
    round 10 143 exits$kind signal
    round 20 6 exits$kind group
done

# Signals: status 128 and the number of the signal where it is fatal, and 8 where it is not.
for kind in '' -static; do
    for who in initial other new; do
        round 5 138 signals$kind raise $who
        round 5 134 signals$kind abort $who
        round 5 8 signals$kind handled $who
    done
    round 5 138 signals$kind kill new
    round 5 8 signals$kind queue new
    round 5 8 signals$kind cancel new
    round 5 8 signals$kind names new
    for who in initial other; do
        limit 138 "pthread_kill: 3 (No such process)" signals$kind kill $who
        limit 8 "pthread_sigqueue: 3 (No such process)" signals$kind queue $who
        limit 8 "pthread_cancel: 3 (No such process)" signals$kind cancel $who
        limit 8 "pthread_getaffinity_np: 3 (No such process)" signals$kind names $who
    done
done

for kind in '' -static; do
    for what in recursive errorcheck adaptive rwlock robust-new; do
        round 5 11 mutexes$kind $what
    done
    # The kernel compares the owner with the thread that dies, or looks for it.
    for what in robust robust-late robust-initial inherit inherit-late inherit-new; do
        limit 11 "other: lock: 110 (Connection timed out)" mutexes$kind $what
    done
    for what in barrier semaphore specific c11 once rwlock spin shared processes; do
        round 10 12 sync$kind $what
    done
    round 20 13 standard$kind
done
