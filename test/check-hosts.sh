# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154,SC2016
# The same ELFies under everything that runs a static executable: limits, gdb, strace, perf,
# valgrind, qemu, without /proc, as an ordinary user in a namespace of its own, under seccomp. In
# both layouts, where a host does not need the compact one.

umask 022
export DEBUGINFOD_URLS=
declare -A status output elfie

# --- the ELFies, and what they say -----------------------------------------------------------

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
mkdir bin
cc -std=gnu11 -O2 -Wall -o bin/host-seccomp "$top/test/host-seccomp.c"
for name in host-wait host-x87; do
    cc -std=gnu11 -O2 -Wall -no-pie -fno-pie -static -pthread -o bin/$name "$top/test/$name.c" "$top/test/programs/region.c"
done

# made NAME PINBALL STATUS OUTPUT: both layouts. Beside the output is what stderr has to be: nothing.
made() {
    local name=$1 base=$2 layout
    status[$name]=$3
    output[$name]=$4
    for layout in direct compact; do
        check "$name, $layout: made" "$pinball2elf" --layout $layout --outdir "$name.$layout" "$base"
        elfie[$name.$layout]=$name.$layout/$(basename "$base").basic.elfie
    done
}

# recorded NAME PROGRAM RECORDER...: with --baseline, so that any x86-64 processor will do, except for
# `vectors`, which has all that this machine has in its registers.
recorded() {
    local name=$1 program=$2 full first
    shift 2
    full=$("$program"; echo "status $?")
    first=$("$@" --start symbol:region_start --output "$name/log_0" -- "$program"; echo .)
    full=${full#"${first%.}"}
    made "$name" "$name/log_0" "${full##*status }" "${full%status *}"
}

names=()
if [ -d "$shared" ]; then
    names=(st mt)
    made st "$shared/st/log_0" 14 "Hello world 1
"
    made mt "$shared/mt/log_0" 0 ""
else
    skipped "real pinballs under all hosts" "needs ../shared/pinballs"
fi
names+=(ST MT)
cp -R "$top"/examples/ST/pinball/. "$top"/examples/MT/pinball/. .
made ST st 0 "step 4: 120 primes
step 5: 119 primes
step 6: 114 primes
step 7: 117 primes
step 8: 107 primes
step 9: 110 primes
step 10: 112 primes
1229 primes below 10000
"
made MT mt 0 "thread 0: 1000
thread 1: 1000
thread 2: 1000
thread 3: 1000
all: 4000
"
for name in static pie exceptions threads8; do
    names+=("$name")
    recorded "$name" "$programs/$name" "$record" --baseline
done
# Its heap lies right above the program, below the break that an ELFie gets from the kernel: where
# prctl is not to be had, the program's brk() takes that one for a success.
names+=(lowheap)
recorded lowheap "$programs/static" setarch -R "$record" --baseline
names+=(vectors)
recorded vectors "$programs/vectors" "$record"
recorded deeprec "$programs/deeprec" "$record" --baseline
recorded host-x87 bin/host-x87 "$record" --baseline
# It waits for its input behind the start.
check "host-wait: recorded" "$record" --start symbol:region_start --output host-wait/log_0 -- bin/host-wait <<<r
made host-wait host-wait/log_0 6 "read 'x'
joined
"

# --- runs and their results ------------------------------------------------------------------

# right NAME STATUS: status and stdout (file `out`) are those of the rest of the program. The
# threads of pinball mt print in any order, and it has only counted lines.
right() {
    [ "$2" -eq "${status[$1]}" ] || return
    if [ "$1" = mt ]; then
        [ "$(grep -c visited out)" -eq 4 ] && [ "$(grep -c '^Joined [0-3]' out)" -eq 4 ] &&
            [ "$(tail -n 1 out)" = "All threads joined" ]
    else
        [ "$(cat out; echo .)" = "${output[$1]}." ]
    fi
}

# under HOST N NAME LAYOUT COMMAND...: N of N runs of the command with the ELFie as its last
# argument are right. Shows the first that is not.
under() {
    local host=$1 n=$2 name=$3 layout=$4 good=0 wrong='' i result unlucky=0
    shift 4
    for ((i = 0; i < n; i++)); do
        timeout -s KILL 60 "$@" "${elfie[$name.$layout]}" >out 2>err
        result=$?
        [ -f status ] && result=$(cat status) && rm status # host-status.sh
        if right "$name" $result; then
            good=$((good + 1))
        elif [ $result -eq 125 ] && [ $((++unlucky)) -le 3 ] &&
            grep -q 'the host has memory of its own there; try again' err; then
            i=$((i - 1)) # what the ELFie asks for: a host's own memory lies at random
        elif [ -z "$wrong" ]; then
            wrong=": status $result, '$(head -c 200 out)', '$(head -c 200 err)'"
        fi
    done 2>/dev/null
    if [ $good -eq "$n" ]; then
        passed "$host: $name, $layout, $n runs"
    else
        failed "$host: $name, $layout, $n runs" "$good of $n right$wrong"
    fi
}

# all HOST N COMMAND...: every pinball, both layouts.
all() {
    local host=$1 n=$2 name layout
    shift 2
    for name in "${names[@]}"; do
        for layout in direct compact; do
            under "$host" "$n" "$name" $layout "$@"
        done
    done
}

# must_refuse HOST NAME LAYOUT PATTERN COMMAND...: for a host that lacks what the checkpoint
# has: the ELFie says so in one line that matches, with status 124 and no other output. The
# command has to keep its own messages out of stderr.
must_refuse() {
    local host=$1 name=$2 layout=$3 pattern=$4 result
    shift 4
    timeout -s KILL 60 "$@" "${elfie[$name.$layout]}" >out 2>err
    result=$?
    if [ $result -eq 124 ] && [ ! -s out ] && [ "$(grep -c '' err)" -eq 1 ] && grep -qE -- "$pattern" err; then
        passed "$host: $name, $layout, is refused"
    else
        failed "$host: $name, $layout, is refused" "status $result, '$(head -c 200 out)', '$(head -c 200 err)'"
    fi
}

# emulator HOST N LAYOUTS COMMAND...: all pinballs under an emulator, which may lack AVX-512 and may
# keep fewer bits of floating-point state than a processor. What it has, the programs themselves
# say when they run under it.
emulator() {
    local host=$1 n=$2 layouts=$3 name layout
    shift 3
    for layout in $layouts; do
        for name in "${names[@]}"; do
            if [ "$name" = vectors ] && grep -q avx512bw /proc/cpuinfo &&
                [ "$("$@" "$programs/vectors" 2>/dev/null | head -n 1)" != "vectors: AVX-512" ]; then
                must_refuse "$host" vectors "$layout" 'AVX-?512' "$@"
            else
                under "$host" "$n" "$name" "$layout" "$@"
            fi
        done
        if "$@" bin/host-x87 >/dev/null 2>&1; then
            under "$host" 1 host-x87 "$layout" "$@"
        else
            must_refuse "$host" host-x87 "$layout" 'x87|MXCSR' "$@"
        fi
    done
}

# may HOST COMMAND...: false, with a skipped test, where this machine does not permit the host.
may() {
    local host=$1 said
    shift
    said=$("$@" 2>&1) && return
    skipped "$host" "not permitted here: $(grep -v '^$' <<<"$said" | head -n 1)"
    return 1
}

symbol() { nm "$1" | awk -v name="$2" '$3 == name { print "0x" $1; exit }'; }

# --- native ----------------------------------------------------------------------------------

unlimited_stack() { (ulimit -s unlimited && exec "$@"); }
small_stack() { (ulimit -s 64 && exec "$@"); }

all "native" 10 env
if [ -d "$shared" ]; then
    for layout in direct compact; do
        for name in st mt; do
            under "native" 200 $name $layout env
            under "setarch -R" 200 $name $layout setarch -R
        done
    done
fi
all "setarch -R" 10 setarch -R
export -f unlimited_stack small_stack
for name in "${names[@]}" deeprec; do
    for layout in direct compact; do
        if may "ulimit -s unlimited" unlimited_stack true; then
            under "ulimit -s unlimited" 10 "$name" $layout bash -c 'unlimited_stack "$@"' _
        fi
        under "ulimit -s 64" 10 "$name" $layout bash -c 'small_stack "$@"' _
    done
done

# --- gdb -------------------------------------------------------------------------------------

# The region's output on stdout, without what gdb says.
in_gdb() {
    local result
    gdb -q -batch -return-child-result -ex 'run >gdb.out' "$1" >&2 </dev/null
    result=$?
    cat gdb.out
    return $result
}
# gdb_says NAME PATTERN OPTION...: each option is a command of gdb, the last one its operand.
gdb_says() {
    local name=$1 pattern=$2 args=()
    shift 2
    while [ $# -gt 1 ]; do
        args+=(-ex "$1")
        shift
    done
    timeout -s KILL 20 gdb -q -batch "${args[@]}" "$1" >gdb.log 2>&1 </dev/null
    if grep -qE -- "$pattern" gdb.log; then
        passed "$name"
    else
        failed "$name" "no '$pattern' in '$(tail -n 5 gdb.log)'"
    fi
}

if has gdb gdb gdb && may gdb gdb -q -batch -return-child-result -ex run "$(type -P true)"; then
    export -f in_gdb
    all gdb 3 bash -c 'in_gdb "$@"' _

    # step() is called seven times from the start on.
    gdb_says "gdb: breakpoint before run, in a region at its own address" 'already hit 7 times' \
        "break *$(symbol "${elfie[ST.direct]}" t0.rip)" 'ignore 1 1000' 'run' 'info breakpoints' "${elfie[ST.direct]}"
    gdb_says "gdb: and its argument" '= 4$' \
        "break *$(symbol "${elfie[ST.direct]}" t0.rip)" 'run' "p \$rdi" "${elfie[ST.direct]}"
    gdb_says "gdb: and by the name of a function" '= 4$' 'break step' 'run' "p \$rdi" "${elfie[ST.direct]}"
    gdb_says "gdb: and with threads" 'hit Breakpoint 1, 0x0*'"$(printf %x "$(symbol "${elfie[MT.direct]}" t1.rip)")" \
        "break *$(symbol "${elfie[MT.direct]}" t1.rip)" 'run' "${elfie[MT.direct]}"

    # Moved: after the first stop in the startup code.
    for name in pie mt; do
        [ -n "${elfie[$name.compact]:-}" ] || continue
        rip=$(symbol "${elfie[$name.compact]}" t0.rip)
        gdb_says "gdb: $name, breakpoint in a moved region after one at t0.jump" "stopped at $rip" \
            'break t0.jump' 'run' "break *$rip" 'continue' "printf \"stopped at 0x%016lx\\n\", \$rip" "${elfie[$name.compact]}"
        gdb_says "gdb: $name, and on to its end" "= ${status[$name]}\$" \
            'starti' 'break t0.jump' 'continue' "break *$rip" 'continue' 'delete' 'continue' "p \$_exitcode" "${elfie[$name.compact]}"
    done
    if [ -d "$shared" ]; then
        # Its libc lies so high that it is moved in both layouts.
        gdb_says "gdb: st, a system call in its moved libc" 'libc at 0x' \
            'catch syscall write' 'run' "printf \"libc at 0x%lx\\n\", \$rip" "${elfie[st.direct]}"
        libc=$(sed -n 's/^libc at //p' gdb.log)
        gdb_says "gdb: st, breakpoint in its moved libc" "Breakpoint 2, 0x0*${libc#0x}" \
            'starti' 'break t0.jump' 'continue' "break *$libc" 'continue' "${elfie[st.direct]}"
    fi

    # A running one: attached to, with both of its threads in a system call; and its core file.
    mkfifo input
    here=$(symbol bin/host-wait host_wait_here)
    after=$(symbol bin/host-wait host_wait_after)
    for layout in direct compact; do
        waiting=${elfie[host-wait.$layout]}
        "$waiting" <input >out 2>err &
        pid=$!
        exec 9>input
        for ((i = 0; i < 100; i++)); do
            # 0 is read.
            [ "$(cut -d ' ' -f 1 /proc/$pid/syscall 2>/dev/null)" = 0 ] && break
            sleep 0.05
        done
        check "gdb, $layout: gcore" timeout -s KILL 60 gcore -o core.$layout $pid
        gdb_says "gdb, $layout: the core file's rip" "at 0x0*${here#0x0*}\$" \
            "core core.$layout.$pid" "printf \"at 0x%016lx\\n\", \$rip" "$waiting"
        gdb_says "gdb, $layout: the core file's symbols" 'host_wait_here' "core core.$layout.$pid" 'info threads' "$waiting"
        equal "gdb, $layout: the core file's threads" "$(grep -cE '^[* ] +[0-9]+ .*LWP' gdb.log)" 2
        gdb_says "gdb, $layout: the core file's memory" '= 0x6161616161616161' \
            "core core.$layout.$pid" "p/x *(long *)$(symbol bin/host-wait host_wait_mark)" "$waiting"
        gdb_says "gdb, $layout: attach" "at 0x0*${here#0x0*}\$" \
            "attach $pid" "printf \"at 0x%016lx\\n\", \$rip" 'detach' "$waiting"
        gdb_says "gdb, $layout: attach, breakpoint, hit" "at $after with x" \
            "attach $pid" "break *$after" 'shell echo x >input' 'continue' \
            "printf \"at 0x%016lx with %c\\n\", \$rip, \$rdi" 'delete' 'detach' "$waiting"
        exec 9>&-
        wait $pid
        result=$?
        if right host-wait $result; then
            passed "gdb, $layout: the program goes on after that"
        else
            failed "gdb, $layout: the program goes on after that" "status $result, '$(cat out err)'"
        fi
        rm -f core.$layout.$pid
    done
fi

# --- strace and perf -------------------------------------------------------------------------

if has strace strace "strace -f" && may "strace -f" strace -f -o /dev/null true; then
    all "strace -f" 3 strace -f -o trace
fi

if has perf linux-perf "perf stat" && may "perf stat" perf stat -e task-clock -o perf.log true; then
    all "perf stat" 3 perf stat -e task-clock -o perf.log "$top/test/host-status.sh"
    check "perf stat: counted something" grep -qE '[1-9].* task-clock' perf.log
fi
if has perf linux-perf "perf record" && may "perf record" perf record -q -e cpu-clock -o perf.data true; then
    all "perf record" 3 perf record -q -e cpu-clock -o perf.data "$top/test/host-status.sh"
    # What lies at its own address is attributed to the file.
    perf record -q -F 20000 -e cpu-clock -o perf.data "${elfie[static.direct]}" >out 2>perf.log
    samples=$(perf script -i perf.data -F ip,dso 2>/dev/null | grep -cE '^ +4[0-9a-f]{5} .*log_0\.basic\.elfie')
    if [ "$samples" -ge 10 ]; then
        passed "perf record: samples in the region"
    else
        failed "perf record: samples in the region" "$samples"
    fi
fi

# --- valgrind and qemu -----------------------------------------------------------------------

if has valgrind valgrind valgrind; then
    for tool in none memcheck callgrind lackey; do
        options=("--tool=$tool" --log-file=valgrind.log)
        [ $tool != callgrind ] || options+=(--callgrind-out-file=callgrind.out)
        emulator "valgrind $tool" 2 "direct compact" valgrind "${options[@]}"
    done
    if [ -d "$shared" ]; then
        under "valgrind none" 50 mt direct valgrind --tool=none --log-file=valgrind.log
    fi
    # The registers and pages of a checkpoint are initialised, and so is the startup's own data.
    for name in "${names[@]}"; do
        [ "$name" != vectors ] || continue
        timeout -s KILL 60 valgrind --log-file=valgrind.log "${elfie[$name.direct]}" >out 2>err
        said=$(sed -n 's/.*ERROR SUMMARY: \([0-9]* errors\).*/\1/p' valgrind.log)
        equal "valgrind memcheck: $name, no false alarm" "$said" "0 errors"
    done
fi

# Without randomisation valgrind's own stack lies where that of most programs has to go.
if [ -d "$shared" ] && command -v valgrind >/dev/null; then
    refuses "valgrind without randomisation: says that it has memory there" 125 \
        'the host has memory of its own there; try again, it may lie elsewhere' \
        setarch -R valgrind --tool=none --log-file=valgrind.log "${elfie[st.direct]}"
fi

with_8_gb() { (ulimit -v 8000000 && exec "$@"); }
export -f with_8_gb
if has qemu-x86_64 qemu-user qemu-x86_64; then
    emulator "qemu-x86_64" 3 compact bash -c 'with_8_gb qemu-x86_64 "$@"' _
    if [ -d "$shared" ]; then
        for name in st mt; do
            under "qemu-x86_64" 50 $name compact bash -c 'with_8_gb qemu-x86_64 "$@"' _
        done
    fi
    under "qemu-x86_64" 20 MT compact bash -c 'with_8_gb qemu-x86_64 "$@"' _
fi

# --- containers ------------------------------------------------------------------------------

# A folder with nothing but the ELFie: no /proc. Without randomisation the vdso lies where the
# stack of some pinballs goes.
mkdir root
if [ "$(id -u)" -eq 0 ]; then
    change_root=(chroot)
else
    change_root=(unshare -r chroot)
fi
in_root() { rm -f root/elfie && cp "${*: -1}" root/elfie && "${@:1:$#-1}" root /elfie; }
cp bin/host-x87 root/elfie
if may "chroot without /proc" "${change_root[@]}" root /elfie; then
    export -f in_root
    all "chroot without /proc" 5 bash -c 'in_root "$@"' _ "${change_root[@]}"
    all "chroot without /proc, setarch -R" 5 bash -c 'in_root "$@"' _ setarch -R "${change_root[@]}"
fi

as_other_user=()
[ "$(id -u)" -ne 0 ] || as_other_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
if [ ${#as_other_user[@]} -gt 0 ]; then
    all "ordinary user" 3 "${as_other_user[@]}"
fi
if has unshare util-linux "user namespace" && may "user namespace" "${as_other_user[@]}" unshare -Ur true; then
    all "user namespace" 5 "${as_other_user[@]}" unshare -Ur
fi

if may "seccomp" bin/host-seccomp true; then
    all "seccomp" 5 bin/host-seccomp
    all "seccomp, setarch -R" 5 setarch -R bin/host-seccomp
fi
