# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Core dumps, of the kernel and of gcore: the ELFie crashes at the same instruction with the same
# registers, or goes on as the process did.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
has gdb gdb "core dumps" || return

# What gdb prints of registers, without its own names for places. RF, in rflags, is the trap's.
# shellcheck disable=SC2016
registers=(-ex 'info registers rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip'
    -ex 'printf "flags %x\n", $eflags & 0xcd5' -ex 'info registers fs_base gs_base mxcsr st0 st7 ftag'
    -ex 'p $xmm0.v4_int32' -ex 'p $xmm7.v4_int32' -ex 'p $xmm15.v4_int32')
tidy() { grep -E '^(r[a-z0-9]+|flags|fs_base|gs_base|mxcsr|st[07]|ftag|\$[0-9]+) ' | awk '{ print $1, $2, $3 }
    /^\$/ { print }'; }
of_core() { gdb -nx -batch "${registers[@]}" "$1" "$2" 2>/dev/null | tidy; }
of_elfie() { timeout 60 gdb -nx -batch -ex run "${registers[@]}" "$1" 2>/dev/null </dev/null | tidy; }

# Without a core dump of their own, and without bash saying what became of them.
# shellcheck disable=SC2016
printf '#!/bin/bash\nulimit -c 0\n"$@"\nexit $?\n' >quiet
chmod +x quiet

# dump NAME PROGRAM MODE: the kernel's core of it, as NAME/core.
dump() {
    mkdir -p "$1"
    (cd "$1" && ulimit -c unlimited && "$programs/$2" "$3" >output 2>&1) 2>/dev/null
    find "$1" -name 'core*' ! -name core -exec mv {} "$1/core" \;
    [ -s "$1/core" ]
}

# crashes NAME: NAME/core becomes an ELFie that ends as the process did.
crashes() {
    check "$1: recorded" "$record" --core "$1/core" --compress none -o "$1/log"
    check "$1: made" "$pinball2elf" "$1/log"
    check "$1: state at the first instructions" "$state" "$1/log" "$1/log.basic.elfie"
    of_core "$programs/crash" "$1/core" >"$1/core.registers"
    of_elfie "$1/log.basic.elfie" >"$1/elfie.registers"
    check "$1: gdb shows registers" test "$(wc -l <"$1/core.registers")" -gt 25
    check "$1: the same registers" diff "$1/core.registers" "$1/elfie.registers"
}

if grep -q '^|' /proc/sys/kernel/core_pattern || ! dump registers crash registers; then
    skipped "the kernel's core dumps" "kernel.core_pattern hands them to a program, or to another folder"
else
    crashes registers
    repeat "registers: SIGSEGV" 10 139 ./quiet registers/log.basic.elfie
    check "registers: BRK.log is the break" grep -qE '^0x[0-9a-f]+000$' registers/log.sysstate/BRK.log
    equal "registers: process id" "$(cat registers/log.sysstate/PID.log)" "$(sed -n 's/^OSTid: //p' registers/log.0.result)"
    check "registers: names of functions" grep -q "name='crash_with_registers'" registers/log.procinfo.xml
    check "registers: libc is a module" grep -qE "path='.*/libc[.-]" registers/log.procinfo.xml

    dump thread crash thread
    check "thread: recorded" "$record" --core thread/core -o thread/log
    equal "thread: eight threads" "$(find thread -name 'log.*.reg*' | wc -l)" 8
    check "thread: made" "$pinball2elf" thread/log
    output=$(ulimit -c 0; timeout 30 thread/log.basic.elfie 2>&1)
    check "thread: crashes where it did" grep -q 'ends with SIGSEGV at .*crash_with_registers+' <<<"$output"

    dump abort crash abort
    "$record" --core abort/core -o abort/log && "$pinball2elf" abort/log
    repeat "abort: SIGABRT" 5 134 ./quiet abort/log.basic.elfie
    mv registers/core core
fi

# gcore of a process that goes on.
for mode in nanosleep compute threads; do
    mkdir $mode
    "$programs/attached" $mode >$mode/output &
    process=$!
    sleep 0.5
    gcore -o $mode/core $process >/dev/null 2>&1
    wait $process
    check "gcore, $mode: recorded" "$record" --core $mode/core.$process --log-format 2.6 -o $mode/log
    check "gcore, $mode: made" "$pinball2elf" $mode/log
    timeout 30 $mode/log.basic.elfie >$mode/rest
    equal "gcore, $mode: status" $? 7
    check "gcore, $mode: output" cmp <(sed 1d $mode/output) $mode/rest
    [ -s core ] || mv $mode/core.$process core
done

# Cores and files that do not fit.
bad() { refuses "$1" 1 "$2" "$record" --core "${3:-bad}" -o none/log "${@:4}"; }
bad "no file" '^elfie-record: nothing: cannot be read: No such file' nothing
bad "a folder" 'not a regular file' .
echo "no core" >bad
bad "not ELF" '^elfie-record: bad: not an ELF file'
bad "a program" 'crash: not a core dump' "$programs/crash"
head -c 100000 core >bad
bad "cut short" '^elfie-record: bad: cut short: memory at 0x[0-9a-f]+ should be in bytes'
head -c 1000 core >bad
bad "cut short in its headers" '^elfie-record: bad: '
cp core bad && printf '\003\000' | dd of=bad bs=1 seek=18 conv=notrunc 2>/dev/null
bad "of another processor" '^elfie-record: bad: not the core of a 64-bit x86 program'

# A program of its own, that is away, or changed.
mkdir own
cp "$programs/attached" own/program
own/program nanosleep >own/output &
process=$!
sleep 0.3
gcore -o own/core $process >/dev/null 2>&1
wait $process
mv own/program own/moved
bad "the program is away" 'own/program: cannot be read: No such file .* leaves its memory from 0x' own/core.$process
cp "$programs/crash" own/program
bad "another program in its place" 'own/program: not the file that own/core.* was made with' own/core.$process
mkdir -p "root$PWD/own"
mv own/moved "root$PWD/own/program"
sed -n 's/^Loading \(.*\)(0x.*/\1/p' nanosleep/log.0.result | grep -v /attached$ |
    while read -r library; do mkdir -p "root$(dirname "$library")" && cp -L "$library" "root$library"; done
check "--sysroot" "$record" --core own/core.$process --sysroot root -o own/log
"$pinball2elf" own/log
check "--sysroot: output" cmp <(sed 1d own/output) <(timeout 30 own/log.basic.elfie)
rm -rf none

# Bytes of headers and notes changed at random: a message or a pinball, but no crash.
python3 - "$record" core <<'END' >fuzzed
import random, subprocess, sys
record, core = sys.argv[1:]
data = open(core, "rb").read()
random.seed(1)
for i in range(150):
    changed = bytearray(data)
    for _ in range(random.choice((1, 4, 30))):
        changed[random.randrange(64 if i % 5 == 0 else 7000)] = random.choice((0, 1, 255, random.randrange(256)))
    open("fuzz", "wb").write(changed)
    status = subprocess.run(["timeout", "20", record, "--core", "fuzz", "--compress", "none", "-o", "fuzz.d/log"],
                            capture_output=True).returncode
    if status not in (0, 1):
        print(i, status)
END
equal "150 damaged cores: none crashes the recorder" "$(cat fuzzed)" ""
refuses "--core with a program" 2 'and no PROGRAM' "$record" --core core -- true
refuses "--core and --pid" 2 'one of them' "$record" --core core --pid 1
equal "nothing is left after errors" "$(find none 2>/dev/null)" ""
