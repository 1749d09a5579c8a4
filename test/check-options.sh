# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The command line: each option by what it does to the ELFie, or to its files.

# elf OPTION...: makes an ELFie anew, whatever was there.
elf() { "$pinball2elf" --regenerate "$@"; }
loads() { readelf -lW "$1" | awk '$1 == "LOAD" {print $3}'; }
has_load() { loads "$1" | grep -qx "0x$(printf %016x "$2")"; }
value_of() { nm "$1" | awk -v name="$2" '$3 == name {print $1}'; }
flags() { sed -n 's/^ *\.quad *\(0x[0-9a-f]*\) *# flags.*/\1/p' "$1.elfie.d/config.S"; }
bytes_of() { # of function $2 in ELFie $1
    gdb -batch -ex "disassemble /r '$2'" "$1" 2>/dev/null | sed -n 's/^ *0x[0-9a-f]* <[^>]*>:\t\([0-9a-f ]*\)\t.*/\1/p' | tr -d ' \n'
}
calls() { # CALL ELFIE [ARGUMENT...]: how often the process and its threads make system call CALL
    local call=$1
    shift
    timeout 10 strace -f -e trace="$call" -o trace "$@" >/dev/null 2>&1
    grep -cE "(^| )$call\(" trace
}

"$mkpinball" exit one
"$mkpinball" threads three -n 3 --at 0x30000000
one_says="synthetic ok"

# Files by name.
"$mkpinball" threads four -n 2
for f in global.log text address 0.reg 1.reg; do cp four.$f odd-$f; done
rm four.text four.0.reg four.1.reg four.address
refuses "files that are not there under their names" 1 'four\.0\.reg: no such file' elf four
check "-s, -m, -r: named" elf -s odd-0.reg -s odd-1.reg -m odd-text -r odd-address four
equal "it runs" "$(./four.basic.elfie)" "2 threads ok"
rm -r four.*
check "-d names the pinball, too" elf -d odd-global.log -s odd-0.reg -s odd-1.reg -m odd-text -r odd-address -x by-name.elfie
equal "it runs, too" "$(./by-name.elfie)" "2 threads ok"
check "the long names" elf --arch-desc=odd-global.log --arch-state odd-0.reg --arch-state odd-1.reg --mem odd-text --mem-layout odd-address -x by-name.elfie
bzip2 -k odd-text && bzip2 -k odd-0.reg
check "compressed ones" elf -d odd-global.log -s odd-0.reg.bz2 -s odd-1.reg -m odd-text.bz2 -r odd-address -x by-name.elfie
equal "and run" "$(./by-name.elfie)" "2 threads ok"
refuses "a named file that is not there" 1 '^none: no such file' elf -m none one
refuses "a named file that is a folder" 1 '^/: not a regular file' elf -r / one
refuses "no pinball" 2 'no pinball is named' elf -m odd-text

# Results by name.
check "-x" elf -x named.elfie one
equal "it runs" "$(./named.elfie)" "$one_says"
check "no other executable" test ! -e one.basic.elfie
rm one.ld
check "-o" elf -o all.o -T linker.script one
equal "a relocatable object" "$(readelf -h all.o | awk '/Type:/ {print $2}')" REL
# shellcheck disable=SC2046
check "it makes the ELFie, with the script of -T" ld $("$pinball2elf" --print-ldflags) -T linker.script all.o -o linked
equal "that runs" "$(./linked)" "$one_says"
check "-o alone makes no executable" test ! -e one.basic.elfie
check "-T is where the script is, and nowhere else" test ! -e one.ld
check "-S" elf -S contexts.S one
check "the contexts, as assembler" cmp contexts.S one.elfie.d/start.S
check "-S alone makes no executable" test ! -e one.basic.elfie
check "-S, -o and -x" elf -S contexts.S -o all.o -x all.elfie one
equal "all three" "$(find . -name 'all.*' -newer linked | sort | xargs)" "./all.elfie ./all.o"
sed -i 's/runtime : ORIGIN = 0x[0-9a-f]*/runtime : ORIGIN = 0x31400000/' linker.script
check "-T, the script edited" "$pinball2elf" --ld-script linker.script one
check "it is used as it is" has_load one.basic.elfie 0x31400000
refuses "and not overwritten" 1 'linker\.script: edited by hand.*linker\.script\.new' "$pinball2elf" -T linker.script --layout compact one
refuses "-x where nothing can be written" 1 '/none/x' elf -x /none/x one
refuses "--emit-only and -x" 2 'emit-only' elf --emit-only -x a one

# Threads.
for t in 0 1 2; do sed -i '/inscount/d' three.$t.result && echo "inscount: $((100 * t + 50))" >>three.$t.result; done
elf -i 100 --emit-only three
equal "-i: the threads that are long enough" "$(grep -oE '^t[0-9]+\.enter' three.elfie.d/start.S | xargs)" "t1.enter t2.enter"
elf --thread-min-icount 100 three
equal "they are started" "$(ELFIE_VERBOSE=1 timeout --signal=KILL 2 ./three.basic.elfie 2>&1 | grep -oE 'process .* threads|recorded for .*' | sed 's/process [0-9]*/process/' | sort | xargs)" \
    "process, 2 threads recorded for 150 instructions recorded for 250 instructions"
elf -i 0 three
equal "-i 0: all of them" "$(./three.basic.elfie)" "3 threads ok"
refuses "-i: none is long enough" 1 'three: no thread runs 1000 instructions' elf -i 1000 three

# Addresses.
"$mkpinball" pages two --at 0x10000000:2 --at 0x20000000
elf two
equal "all pages" "$(./two.basic.elfie)" "3 pages ok"
elf -u 20000000 two
equal "-u: what lies above is not there" "$(grep -oE '^  \.page\.[0-9a-f]+' two.ld | xargs)" ".page.400000 .page.10000000"
check "the region misses it" grep -q 'SIGSEGV' <(./two.basic.elfie 2>&1)
elf -u 0x10001000 --emit-only two
check "-u inside a region: cut" grep -qE '^  \.page\.10000000 .*1 page ' two.ld
elf --usr-space-top unlimited two
equal "-u unlimited" "$(./two.basic.elfie)" "3 pages ok"
refuses "-u: nothing is left below" 1 'no page lies below 0x1000' elf -u 1000 two
refuses "-u below the first instruction" 1 'thread 0 starts at 0x400000, in a page' sh -c "'$mkpinball' exit high --code-at 0x50000000 && sed -i 's/0x050000000/0x050000000/' high.text && '$mkpinball' pages mixed --at 0x100000 --code-at 0x400000 && '$pinball2elf' -u 200000 mixed"
elf -l 0x0 two
equal "-l 0: no page has a header" "$(loads two.basic.elfie | wc -l) $(has_load two.basic.elfie 0x10000000 && echo staging) $(grep -c 'QUAD(ADDR(.page' two.ld)" \
    "3  4"
equal "it runs" "$(./two.basic.elfie)" "3 pages ok"
elf --ld-break-addr 20000000 two
check "-l: below it, a header" has_load two.basic.elfie 0x10000000
check "-l: above it, none" sh -c "! readelf -lW two.basic.elfie | grep -q 'LOAD .*0x0*20000000'"
equal "it runs, too" "$(./two.basic.elfie)" "3 pages ok"
stack=0x7ffd0001d000 # its pages with content
elf two
check "stacks are moved" sh -c "! readelf -lW two.basic.elfie | grep -q 'LOAD .*0x0*${stack#0x}'"
elf --no-stack-remap two
check "--no-stack-remap: they have a header" has_load two.basic.elfie $stack
equal "and no room to grow" "$(grep -c 'room for the stack' two.ld)" 0
elf --no-stack-remap --stack-remap two
check "--stack-remap: moved" sh -c "! readelf -lW two.basic.elfie | grep -q 'LOAD .*0x0*${stack#0x}'"
elf --cbk-stack-size 65536 two
equal "--cbk-stack-size" "$((16#$(value_of two.basic.elfie elfie_callback_stack_size)))" 65536

# Protection. Only the code's page is executed.
for pinball in two three; do
    sed -i '/^0x0*400000 /!s/ text / data /' $pinball.address
done
elf -C AX -D AW two
equal "-C, -D: headers" "$(readelf -lW two.basic.elfie | sed 's/R E/RE/; s/RW  /RW /' | awk '$1 == "LOAD" && $3 ~ /^0x0*(400000|10000000|20000000)$/ {print $7}' | xargs)" "RE RW RW"
equal "its code runs" "$(./two.basic.elfie)" "3 pages ok"
equal "moved pages have it, too" "$(grep -c 'QUAD(3) /\* rw- of stack of thread 0 \*/' two.ld)" 1
elf -D A three
check "-D A: memory that cannot be written" grep -q 'SIGSEGV' <(timeout 10 ./three.basic.elfie 2>&1)
elf -D axw -C WXA two
equal "letters in any order and case: as by default" "$(./two.basic.elfie) $(sed -n '/elfie_protections = /,/}/p' two.ld | grep -c 'QUAD(0x')" "3 pages ok 0"
refuses "a letter that is none" 2 "text-seg-flags takes letters" elf -C AR two
refuses "no A" 2 "has no A" elf -D W two

# Names of sections.
elf --text-seg-name .code --data-seg-name .memory two
equal "section names" "$(readelf -SW two.basic.elfie | grep -oE '\.(code|memory|page)\.[0-9a-f]+' | xargs)" \
    ".code.400000 .memory.10000000 .memory.20000000 .memory.7ffd0001d000"
equal "it runs" "$(./two.basic.elfie)" "3 pages ok"
refuses "a name that is none" 2 'data-seg-name takes a name' elf --data-seg-name 'a b' two

# The linker's options.
elf -Wl,-Map=map,--defsym,answer=42 two
check "-Wl: a map" grep -q 'elfie_start' map
equal "-Wl: a symbol" "$((16#$(value_of two.basic.elfie answer)))" 42
refuses "-W alone" 2 '\-Wl,OPTION' elf -Wall two
check "-V shows the commands" grep -qE '^ld .*-T two\.ld.* --defsym' <(elf -V -Wl,--defsym,a=1 two 2>&1)
check "-h" grep -q '^Usage: pinball2elf' <("$pinball2elf" -h)
for option in arch-desc arch-state mem mem-layout ld-script data-seg-flags text-seg-flags usr-space-top ld-break-addr \
    thread-min-icount process-cbk process-exit-cbk thread-cbk cbk-stack-size stack-remap startup modify-ldt futexes \
    monitor-thread roi-start magic2 data-seg-name text-seg-name verbose help; do
    grep -qE -- "--(no-|\[no-\])?$option\b" <("$pinball2elf" --help) || failed "--$option is in the help"
    grep -qE -- "\\\\-\\\\-(no\\\\-|\[no\\\\-\])?${option//-/\\\\-}\b" "$top/gen/pinball2elf.1" || failed "--$option is in the man page"
done

# The startup.
elf --no-startup --no-stack-remap one
equal "--no-startup: the region's first instruction" "$(readelf -h one.basic.elfie | awk '/Entry/ {print $4}')" 0x400000
equal "there is no runtime in it" "$(nm one.basic.elfie | grep -c elfie_start)" 0
printf '%s\n' '.globl _start' '_start: mov elfie_threads(%rip), %rax' 'jmp *%rax' '.section .note.GNU-stack' | as -o own.o -
elf --no-startup --no-stack-remap -x own.elfie one own.o
equal "a startup of one's own enters the context" "$(setarch -R ./own.elfie)" "$one_says"
elf --no-startup --startup one
equal "--startup" "$(./one.basic.elfie)" "$one_says"
refuses "--no-startup with markers" 2 'no-startup' elf --no-startup --roi-start ssc:1 one

# What the threads do before the region.
# waits: whether the startup uses futexes; those of the region lie in its page
waits() {
    calls futex ./three.basic.elfie >/dev/null
    if grep -E 'futex\(' trace | grep -qv 'futex(0x4000'; then echo yes; else echo no; fi
}

if has strace strace "system calls of the startup"; then
    elf three
    before="$(calls set_tid_address ./three.basic.elfie) $(calls set_robust_list ./three.basic.elfie) $(waits)"
    elf --no-futexes three
    equal "--no-futexes: neither tid words nor robust lists nor futexes" \
        "$before; $(calls set_tid_address ./three.basic.elfie) $(calls set_robust_list ./three.basic.elfie) $(waits)" "3 3 yes; 0 0 no"
    equal "it runs" "$(./three.basic.elfie)" "3 threads ok"
    elf --no-futexes --futexes three
    equal "--futexes" "$(calls set_tid_address ./three.basic.elfie)" 3
    equal "no LDT" "$(calls modify_ldt ./three.basic.elfie)" 0
    elf --modify-ldt three
    equal "--modify-ldt: an entry for each thread" "$(calls modify_ldt ./three.basic.elfie)" 3
    fs_base=$((16#$(value_of three.basic.elfie t1.fs_base)))
    # A line may be cut in two where threads interleave.
    equal "with its FS base" "$(grep -cE "entry_number=1, base_addr=$(printf '0x%x' "$fs_base")," trace) $(grep -cE 'modify_ldt.*= 0$' trace)" "1 3"
    equal "it runs, too" "$(./three.basic.elfie)" "3 threads ok"
    elf --modify-ldt --no-modify-ldt three
    equal "--no-modify-ldt" "$(calls modify_ldt ./three.basic.elfie)" 0
    clones=$(calls clone ./three.basic.elfie)
    elf --monitor-thread three
    equal "--monitor-thread: one process more" "$(calls clone ./three.basic.elfie)" $((clones + 1))
    equal "which passes the status on" "$(./three.basic.elfie) $?" "3 threads ok 0"
    elf --monitor-thread --no-monitor-thread three
    equal "--no-monitor-thread" "$(calls clone ./three.basic.elfie)" "$clones"
fi
refuses "--no-monitor-thread with -e" 2 'need the monitor' elf --no-monitor-thread -e f three

# Markers: bytes, and when they are executed.
ssc=bb11010000646790 simics=b8114701000fa2 sniper=b8010000006687db
for pinball in one three; do
    elf --roi-start ssc:0x111 --roi-start simics:1 --roi-start sniper:1 $pinball
    check "markers are executed, $pinball" timeout 30 "$top/test/markers.py" ./$pinball.basic.elfie $ssc $simics $sniper
    elf --roi-start Simics:0x1 --roi-start SSC:273 $pinball
    check "in the order in which they are named, $pinball" timeout 30 "$top/test/markers.py" ./$pinball.basic.elfie $simics $ssc
done
if has gdb gdb "markers to a decoder"; then
    elf --roi-start 1 one
    check "without a type: Sniper, SSC, Simics" grep -q "b8010000006687dbbb01000000646790b8114701000fa2" <(bytes_of one.basic.elfie t0.enter)
    elf --roi-start gem5:7 --magic2 gem5:7 one
    check "gem5: work begins" grep -q 'bf0700000031f60f045a00' <(bytes_of one.basic.elfie t0.enter)
    check "gem5: work ends" grep -q 'bf0700000031f60f045b00' <(bytes_of one.basic.elfie elfie_magic2)
    equal "which is illegal here" "$( (./one.basic.elfie; echo "status $?") 2>/dev/null)" "status 132"
    elf --magic2 2 one
    equal "--magic2 without a type: Simics" "$(bytes_of one.basic.elfie elfie_magic2)" 53b8114702000fa25bc3
    elf --magic2 ssc:0x222 --magic2 sniper:2 one
    equal "--magic2, other types" "$(bytes_of one.basic.elfie elfie_magic2)" 53bb22020000646790b8020000006687db5bc3
    elf three
    equal "without markers there is none" "$(bytes_of three.basic.elfie elfie_magic2) $(bytes_of three.basic.elfie t0.enter | grep -cE '1147....0fa2|646790|6687db')" "535bc3 0"
fi
elf --roi-start ssc:1 three
repeat "markers, 3 threads" 20 0 ./three.basic.elfie
for bad in "" ssc ssc: ssc:x qemu:1 simics:0x10000 ssc:0x100000000 :1; do
    refuses "marker '$bad'" 2 'takes \[TYPE:\]TAG' elf --roi-start "$bad" one
done

# Kinds.
elf --kind sim --message "  Hello: 'simulator'" three
check "sim: its markers" timeout 30 "$top/test/markers.py" ./three.sim.elfie $ssc $simics
equal "sim: its message" "$(./three.sim.elfie 2>&1 >/dev/null)" "three:   Hello: 'simulator'"
elf --kind sim --roi-start sniper:1 one
check "sim: other markers" timeout 30 "$top/test/markers.py" ./one.sim.elfie $sniper
elf --emit-only --kind perf --perf-prefix 'a "b"' --warmup one
equal "perf: monitor and warm-up" "$(flags one)" 0x11
check "perf: the prefix" grep -qF '.asciz   "a \042b\042"' one.elfie.d/config.S
refuses "no such kind" 2 "there is no kind 'none'" elf --kind none one
rm -f one.0.perf.txt
check "perf: a report" sh -c "'$pinball2elf' --regenerate --kind perf --perf-prefix named one && ./one.perf.elfie; test -s named.0.perf.txt"

# The end of the warm-up executes the second marker: its call goes to a function that says so.
cat >seen.c <<'END'
#include "lte_lc.h"
void __wrap_elfie_magic2(void);
void __wrap_elfie_magic2(void) { lte_puts(2, "second marker\n"); }
END
gcc -O2 -ffreestanding -fPIE -fno-stack-protector -I"$top/build/include" -c seen.c
printf '%s\n' "Sim-Start tid: 0 icount 2" "Sim-End tid: 0 icount 5" >one.event_icount.0.txt
elf --kind perf --warmup --magic2 simics:2 -Wl,--wrap=elfie_magic2 one seen.o
equal "perf: the second marker, where the warm-up ends" "$(./one.perf.elfie 2>&1 | grep -c 'second marker')" 1
equal "perf: none without a warm-up" "$(ELFIE_WARMUP=0 ./one.perf.elfie 2>&1 | grep -c 'second marker')" 0
rm one.event_icount.0.txt

# The scripts.
mkdir -p s/one.sysstate && cp one.* s/ 2>/dev/null
rm -rf s/*.elfie s/one.ld
check "pinball2elf.sim.sh" "$top/scripts/pinball2elf.sim.sh" s/one "foo bar"
equal "its message" "$(s/one.sysstate/one.sim.elfie 2>&1 >/dev/null | head -n 1)" "one: foo bar"
check "its markers" timeout 30 "$top/test/markers.py" s/one.sysstate/one.sim.elfie $ssc $simics
check "pinball2elf.perf.sh" env P2E_TEMP="$PWD/s/temp" "$top/scripts/pinball2elf.perf.sh" s/one pre
s/one.sysstate/one.perf.elfie >/dev/null 2>&1
check "its report" test -s pre.0.perf.txt
equal "without an event file no warm-up" "$(flags "$(echo s/temp/one.*)/one")" 0x5
rm -rf s/temp
printf '%s\n' "Sim-Start tid: 0 icount 2" "Sim-End tid: 0 icount 5" >s/one.event_icount.0.txt
check "pinball2elf.perf.sh with an event file" env P2E_TEMP="$PWD/s/temp" "$top/scripts/pinball2elf.perf.sh" s/one pre
equal "a warm-up" "$(flags "$(echo s/temp/one.*)/one")" 0x15
rm -rf s/temp
check "pinball2elf.perf.sh, USE_WARMUP 0" env P2E_TEMP="$PWD/s/temp" "$top/scripts/pinball2elf.perf.sh" s/one pre 0
equal "no warm-up" "$(flags "$(echo s/temp/one.*)/one")" 0x5
refuses "pinball2elf.perf.sh: USE_WARMUP" 2 "USE_WARMUP is 0 or 1" "$top/scripts/pinball2elf.perf.sh" s/one pre maybe
refuses "pinball2elf.perf.sh: usage" 2 '^Usage' "$top/scripts/pinball2elf.perf.sh" s/one
refuses "pinball2elf.sim.sh: usage" 2 '^Usage' "$top/scripts/pinball2elf.sim.sh"

# By make.
mk() { make --no-print-directory -f "$elfie_mk" ELFIE=one "$@"; }
rm -rf one.ld one.elfie.d ./*.elfie
check "make KIND=sim" mk KIND=sim MESSAGE="it's me"
equal "MESSAGE" "$(./one.sim.elfie 2>&1 >/dev/null)" "one: it's me"
equal "twice: nothing is done" "$(mk KIND=sim MESSAGE="it's me" | grep -cE '^  (EMIT|CC|AS|LD)')" 0
check "ROI_START, MAGIC2" mk ROI_START="sniper:1 ssc:0x111" MAGIC2=simics:2
check "they are executed" timeout 30 "$top/test/markers.py" ./one.basic.elfie $sniper $ssc
check "KIND=perf PERF_PREFIX WARMUP MONITOR OPTIONS" mk KIND=perf PERF_PREFIX="a b" WARMUP=1 MONITOR=1 OPTIONS=--no-futexes
equal "flags" "$(flags one)" 0x13
./one.perf.elfie >/dev/null 2>&1
check "its report" test -s "a b.0.perf.txt"
