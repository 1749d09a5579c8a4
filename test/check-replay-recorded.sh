# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Regions of programs that are recorded here and now, replayed where nothing is as it was: the files
# are gone, the directory and the user are others, the clock has moved on. The instructions, counted
# from outside, are those of the recording.

if ! "$record" --help | grep -q -- --length; then
    skipped "replay of recorded regions" "needs elfie-record with --length, to record a region"
    return
fi
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
gcc -std=c11 -D_GNU_SOURCE -O2 -o icount "$top/test/icount.c" || failed "icount builds"

# take NAME START LENGTH COMMAND...: records into NAME/, in a folder that goes away.
take() {
    local name=$1 start=$2 length=$3
    shift 3
    mkdir "$name"
    (cd original && timeout -s KILL 60 "$record" --start "$start" --length "$length" --output "$OLDPWD/$name/log" -- "$@") \
        >"$name/first" 2>"$name/first.err" </dev/null
    equal "$name: recorded" $? 0
    check "$name: made" "$pinball2elf" --kind replay "$name/log"
}

# same NAME WHAT COMMAND...: the ELFie, by COMMAND, runs the recorded number of instructions.
same() {
    local name=$1 what=$2
    shift 2
    rm -f "$name/counts"
    timeout -s KILL 60 "$@" ./icount -o "$name/counts" "$name/log.replay.elfie" >"$name/rest" 2>"$name/rest.err" </dev/null
    echo $? >"$name/status"
    equal "$name, $what: instructions" "$(cat "$name/counts")" "$(awk '/^inscount/ { print $2 }' "$name/log.0.result")"
}

# --- one that asks for all that changes -----------------------------------------------------------

for kind in asks asks-static; do
    mkdir original
    seq 1 900 >original/file
    take $kind symbol:region_start end "$programs/$kind" file
    rm -rf original
    for means in dispatch seccomp patch; do
        same $kind "by $means" env ELFIE_REPLAY_MEANS=$means
        equal "$kind, by $means: status" "$(cat $kind/status)" 42
        check "$kind, by $means: output" cmp $kind/first <(echo before; cat $kind/rest)
        equal "$kind, by $means: standard error" "$(cat $kind/rest.err)" error
    done
    chmod a+rx $kind/log.replay.elfie
    (cd / && as_user env -i /proc/self/fd/9 9<"$OLDPWD/$kind/log.replay.elfie") >$kind/rest 2>/dev/null
    equal "$kind, another user and directory: status" $? 42
    check "$kind, another user and directory: output" cmp $kind/first <(echo before; cat $kind/rest)
    setarch -R $kind/log.replay.elfie >$kind/rest 2>/dev/null
    check "$kind, without randomisation: output" cmp $kind/first <(echo before; cat $kind/rest)
    repeat "$kind" 20 42 $kind/log.replay.elfie
    check "$kind: --layout compact" "$pinball2elf" --kind replay --layout compact --outdir $kind/compact $kind/log
    $kind/compact/log.replay.elfie >$kind/rest 2>/dev/null
    check "$kind, compact: output" cmp $kind/first <(echo before; cat $kind/rest)
    repeat "$kind, left to the kernel it ends otherwise or prints something else" 1 1 \
        cmp -s $kind/first <(echo before; ELFIE_REPLAY=off timeout 20 $kind/log.replay.elfie 2>/dev/null)
done

# --- programs of the system -----------------------------------------------------------------------

mkdir original
seq 1 3000 >original/numbers
bzip2 -k original/numbers
echo 'int main(void) { return sizeof(long); }' >original/a.c
region() {
    local name=$1 start=$2 length=$3 program=$4
    if ! command -v "$program" >/dev/null; then
        skipped "$name" "needs $program"
        return
    fi
    take "${@:1}"
}
names=()
while read -r name start length command; do
    # shellcheck disable=SC2086
    region "$name" "$start" "$length" $command
    names+=("$name")
done <<END
bzip2 symbol:read:count2 10000 bzip2 -c numbers
bunzip2 symbol:read:count2 10000 bzip2 -dc numbers.bz2
gzip symbol:read:count2 10000 gzip -c numbers
awk symbol:read:count2 10000 awk {s+=\$1}END{print(s,srand())} numbers
perl symbol:read:count2 10000 perl -e print(time,\$\$)
python3 symbol:read:count5 10000 python3 -c print(1)
openssl symbol:read:count2 10000 openssl dgst -sha256 numbers
sqlite3 symbol:sqlite3_step:count1 10000 sqlite3 :memory: select(random())
cc1 symbol:read:count2 10000 $(gcc -print-prog-name=cc1) -quiet a.c -o a.s
ls symbol:write end ls -l
date symbol:clock_gettime end date +%s.%N
END
rm -rf original
for name in "${names[@]}"; do
    [ -e "$name/log.replay.elfie" ] && same "$name" "the files gone"
done

# --- another user, another directory, another day ---------------------------------------------------

# Where the other user may come in, which the folder of the tests is not.
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
chmod 755 "$elsewhere"
mkdir -m 777 "$elsewhere/out"
cp icount "$elsewhere"
names+=(asks)
for name in "${names[@]}"; do
    [ -e "$name/log.replay.elfie" ] && install -m 755 "$name/log.replay.elfie" "$elsewhere/$name"
done

# away WHAT COMMAND...: all ELFies by COMMAND, in a directory that is none of theirs.
away() {
    local what=$1 name
    shift
    for name in "${names[@]}"; do
        [ -e "$elsewhere/$name" ] || continue
        (cd / && timeout -s KILL 60 "$@" "$elsewhere/icount" -o "$elsewhere/out/$name" "$elsewhere/$name") \
            >"$name/rest" 2>/dev/null </dev/null
        echo $? >"$name/status"
        equal "$name, $what: instructions" "$(cat "$elsewhere/out/$name")" \
            "$(awk '/^inscount/ { print $2 }' "$name/log.0.result")"
    done
    equal "asks, $what: status" "$(cat asks/status)" 42
    check "asks, $what: output" cmp asks/first <(echo before; cat asks/rest)
    check "date, $what: the date of the recording" cmp date/first date/rest
}

# The clocks that count from the start of the machine go on by a year.
year_on=(unshare --time --monotonic 31536000 --boottime 31536000)
"${year_on[@]}" true 2>/dev/null || year_on=(unshare --user --map-root-user "${year_on[@]:1}")
as_another=(setpriv --reuid 65534 --regid 65534 --clear-groups env -i)
if ! "${year_on[@]}" true 2>/dev/null; then
    skipped "recorded regions with another monotonic clock" "not permitted here: ${year_on[*]}"
    year_on=(env)
fi
if [ "$(id -u)" -ne 0 ]; then
    skipped "recorded regions as another user" "only root can become another user"
    as_another=(env -i)
fi
away "another user, directory and monotonic clock" "${year_on[@]}" "${as_another[@]}"

# The date cannot be changed for one program alone, and libfaketime is for dynamic ones. But who asks no
# clock cannot see the date: a call that reads one is the end here, and the region has no vdso that it
# could ask instead. Not by seccomp: a tracer sees the calls before its filter does.
if has strace strace "recorded regions that ask no clock"; then
    asked=(strace -f -qq -o trace -e 'trace=%clock' -e 'inject=%clock:signal=KILL')
    for name in date asks asks-static; do
        [ -e "$name/log.replay.elfie" ] || continue
        for means in dispatch patch; do
            rm -f trace
            ELFIE_REPLAY_MEANS=$means "${asked[@]}" "$name/log.replay.elfie" >"$name/rest" 2>/dev/null
            equal "$name, by $means: asks no clock" "$(grep -vE -- '^[0-9]+ +(---|\+\+\+)' trace)" ""
            check "$name, by $means: prints the recorded time" cmp "$name/rest" <(grep -vx before "$name/first")
        done
    done
    { ELFIE_REPLAY=off "${asked[@]}" date/log.replay.elfie; } >/dev/null 2>&1
    check "date, left to the kernel: asks the clock" grep -q ' clock_gettime(CLOCK_REALTIME' trace
fi
if has gdb gdb "recorded regions without a vdso"; then
    for name in date asks; do
        [ -e "$name/log.replay.elfie" ] || continue
        DEBUGINFOD_URLS='' gdb -q -batch -ex 'break t0.jump' -ex run -ex 'info proc mappings' \
            "$name/log.replay.elfie" >maps 2>&1
        check "$name: seen at its start" grep -q '^Breakpoint 1, ' maps
        equal "$name: no vdso" "$(grep -cE 'vdso|vvar' maps)" 0
    done
fi
