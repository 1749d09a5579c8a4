# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The sysstate: a region that goes on reading and writing files which were open before it started,
# and opens others itself, does so in its ELFie, in another directory and without those it was
# recorded with.

make -C "$top/test/programs" BUILD="$programs" "$programs/files" >build.log 2>&1 || cat build.log
# What the caller of the tests has open would be handed to the ELFies.
for fd in $(seq 3 60); do eval "exec $fd>&-"; done

# files DIR: what the program needs in its working directory.
files() {
    mkdir -p "$1"
    seq 1000 2000 >"$1/first.txt"
    seq 3000 3100 >"$1/second.txt"
    echo "this is the text of the file both" >"$1/both.txt"
    echo line >"$1/log.txt"
}

recorded=$PWD/recorded absolute=$PWD/absolute/file.txt
mkdir absolute
seq 7000 7010 >"$absolute"
files recorded
(cd recorded && "$programs/files" "$absolute") >full 2>/dev/null
equal "original run" $? 9
files recorded
(cd recorded && "$record" --baseline --start symbol:region_start --output ../pb/log_0 -- "$programs/files" \
    "$absolute") >first 2>/dev/null
check "recorded" test -s pb/log_0.global.log
# The main thread's id is the process's.
pid=$(sed -n 's/^OSTid: *//p' pb/log_0.0.result)

# The sysstate, as it was when the region started.
sysstate=pb/log_0.sysstate
rm -rf $sysstate/workdir $sysstate/FD.log
mkdir -p "$sysstate/workdir" "$sysstate/${absolute%/*}"
for fd in 3 40; do cp recorded/first.txt $sysstate/workdir/FD_$fd; done
cp recorded/both.txt $sysstate/workdir/FD_5
ln $sysstate/workdir/FD_5 $sysstate/workdir/FD_41
cp recorded/log.txt $sysstate/workdir/FD_6
cp recorded/second.txt $sysstate/workdir
cp "$absolute" "$sysstate/$absolute"
echo "$recorded" >$sysstate/CWD.log
echo "$pid" >$sysstate/PID.log
echo 0x7e0000000000 >$sysstate/MMAP.log
cat >$sysstate/FD.log <<END
# FD KIND FLAGS OFFSET PATH
0 tty 0x8002 0 /dev/pts/0
1 file 0x8001 0 $recorded/output
2 tty 0x8002 0 /dev/pts/0
3 file 0x8000 1000 $recorded/first.txt
4 dup 0x8000 1000 3
5 file 0x8002 10 $recorded/both.txt
6 file 0x8401 12 $recorded/log.txt
7 dir 0x18000 0 $recorded
8 char 0x8000 0 /dev/zero
9 pipe 0x0 0 pipe:[1234]
10 pipe 0x1 0 pipe:[1234]
40 file 0x88000 77 $recorded/first.txt
41 file 0x8000 5 $recorded/both.txt
END
mv recorded gone

"$pinball2elf" pb/log_0 2>warnings
equal "made" $? 0
check "a pipe is named when it is made" grep -qE \
    'FD\.log:11: warning: descriptor 9 cannot be opened again \(pipe pipe:\[1234\]\)' warnings
check "absolute paths are named when it is made" grep -qF "the region opens 1 file by absolute path ($absolute)" warnings
equal "and nothing else" "$(grep -c . warnings)" 3
elfie=$PWD/pb/log_0.basic.elfie
mkdir elsewhere
cd elsewhere || exit

# The process id is another one unless that is asked for.
sed 's/^pid: .*/pid: another/; s/parent: .*/parent: another/' ../full >should
# like NAME FULL [VARIABLE=VALUE...]: the ELFie prints the rest of FULL.
like() {
    local name=$1 full=$2 status
    shift 2
    env "$@" timeout 60 "$elfie" >rest 2>messages
    status=$?
    check "$name: the bytes of the original run" cmp <(cat ../first rest) "$full"
    equal "$name: status" $status 9
}
sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

sums ../$sysstate >before
like "another directory" should
equal "nothing is said" "$(grep -c : messages)" 2 # the program's own: pipe and next
check "a pipe is neither written nor its number given away" grep -qx 'pipe: -1 9' messages
check "nor are numbers behind it" grep -qx 'next: 11' messages
like "a second time" should
check "the sysstate is as it was" cmp before <(sums ../$sysstate)
like "with ELFIE_VERBOSE=1" should ELFIE_VERBOSE=1
for said in 'descriptor 3: .*/workdir/FD_3, at 1000' 'descriptor 5: .*/workdir/FD_5, a private copy, at 10' \
    'descriptor 4: the same open file as descriptor 3' 'descriptor 9: pipe pipe:\[1234\], which cannot be opened again' \
    'descriptor 7: .*/workdir' 'descriptor 8: /dev/zero' 'working directory: .*/workdir'; do
    check "ELFIE_VERBOSE=1 says $said" grep -qE "^log_0: $said\$" messages
done
"$elfie" 10>handed >/dev/null 2>&1
equal "a pipe that the caller hands in" "$(cat handed)" x
check "another descriptor of a file sees what is written to it" grep -q '^other: is thchangedof the ' <(tr '\n' ' ' <rest | grep -o 'other: .*')
check "layout compact" "$pinball2elf" --layout compact --outdir ../compact ../pb/log_0
check "layout compact: the bytes" cmp <(cat ../first <(../compact/log_0.basic.elfie 2>/dev/null)) should
cmp -s <(cat ../first <(setarch -R "$elfie" 2>/dev/null)) should
equal "without randomisation" $? 0

if has qemu-x86_64 qemu-user "under qemu"; then
    # qemu's own O_LARGEFILE is not the kernel's.
    plain() { sed 's/flags 0x8\?0*/flags /'; }
    check "under qemu" cmp <(cat ../first <(ulimit -v 16000000; timeout 60 qemu-x86_64 ../compact/log_0.basic.elfie 2>/dev/null) | plain) <(plain <should)
fi

# What a callback writes by relative name is the caller's.
cat >callback.c <<'END'
#include "elfie.h"
#include "syscall.h"
void elfie_on_start(uint64_t num_threads, void *context);
void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount);
static void make(const char *name)
{
    long fd = elfie_syscall(__NR_open, name, 0101, 0644);
    elfie_syscall(__NR_close, fd);
}
void elfie_on_start(uint64_t num_threads, void *context)
{
    (void)num_threads, (void)context;
    make("of-process");
}
void *elfie_on_thread_start(uint64_t thread, void *context, uint64_t icount)
{
    (void)thread, (void)icount;
    make("of-thread");
    return context;
}
END
cc -std=gnu11 -O1 -ffreestanding -fno-stack-protector -fPIE -mgeneral-regs-only -I"$top/startup" -c callback.c
# shellcheck disable=SC2046 # several options
ld $("$pinball2elf" --print-ldflags) -T ../pb/log_0.ld -o callback.elfie \
    ../pb/log_0.elfie.d/{start,config,symbols,sysstate,pages}.o callback.o "$top/build/libelfie.a"
check "with callbacks: the bytes" cmp <(cat ../first <(./callback.elfie 2>/dev/null)) should
check "with callbacks: their files are here" ls of-process of-thread

# Where the sysstate is.
cp -a ../$sysstate copy
mv ../$sysstate ../hidden
refuses "a sysstate that is gone" 125 \
    "^log_0: no sysstate at .*/$sysstate \\(ELFIE_SYSSTATE=DIR says where it is\\): no such file; the region was not run\$" "$elfie"
equal "it says one line and runs nothing" "$("$elfie" 2>&1 | grep -c .)" 1
like "ELFIE_SYSSTATE=, absolute" should ELFIE_SYSSTATE="$PWD/copy"
like "ELFIE_SYSSTATE=, relative" should ELFIE_SYSSTATE=copy
refuses "ELFIE_SYSSTATE= is not there" 125 '^log_0: no sysstate at nowhere ' env ELFIE_SYSSTATE=nowhere "$elfie"
refuses "ELFIE_SYSSTATE= is too long" 125 "ELFIE_SYSSTATE is 'x.*', should be shorter" \
    env ELFIE_SYSSTATE="$(printf 'x%.0s' {1..4096})" "$elfie"
rm copy/workdir/FD_3
refuses "a file of it is gone" 125 \
    '^log_0: descriptor 3 cannot be opened as it was: copy/workdir/FD_3: no such file; the region was not run$' \
    env ELFIE_SYSSTATE=copy "$elfie"
cp ../hidden/workdir/FD_3 copy/workdir
chmod 000 copy/workdir/FD_3
refuses "a file of it cannot be read" 125 'descriptor 3 .*FD_3: permission denied' as_user env ELFIE_SYSSTATE=copy ../pb/log_0.basic.elfie
chmod 644 copy/workdir/FD_3
mv ../hidden ../$sysstate
# shellcheck disable=SC2016 # it is for the script
refuses "more descriptors than the limit" 125 'descriptor 40 cannot be .*beyond the limit \(ulimit -n\)' \
    bash -c 'ulimit -n 30; exec "$1"' _ "$elfie"

# Written for good, and standard output where it was.
ELFIE_SYSSTATE=copy ELFIE_SYSSTATE_WRITE=1 "$elfie" >/dev/null 2>&1
check "ELFIE_SYSSTATE_WRITE=1: written in place" grep -qx 'this is thchangedof the file both' copy/workdir/FD_5
equal "ELFIE_SYSSTATE_WRITE=1: appended" "$(tail -n 1 copy/workdir/FD_6)" after
like "a read-only sysstate" should ELFIE_SYSSTATE=../$sysstate
chmod -R a-w ../$sysstate
as_user env ELFIE_SYSSTATE=../$sysstate ../pb/log_0.basic.elfie >rest 2>messages
part() { sed '/^directory/q' "$@"; } # that user may not see the absolute path
check "a sysstate that cannot be written" cmp <(cat ../first rest | part) <(part should)
chmod -R u+w ../$sysstate
cp ../first copy/workdir/FD_1
sed -i "s/^1 file 0x8001 0/1 file 0x8001 $(stat -c %s ../first)/" ../$sysstate/FD.log
cp ../first ../$sysstate/workdir/FD_1
"$pinball2elf" ../pb/log_0 2>/dev/null
like "standard output is the caller's" should
ELFIE_STDIO=1 ELFIE_SYSSTATE=copy ELFIE_SYSSTATE_WRITE=1 "$elfie" >rest 2>/dev/null
equal "ELFIE_STDIO=1: the caller's is empty" "$(wc -c <rest)" 0
check "ELFIE_STDIO=1: goes on in the recorded one" grep -q '^kill: 0' copy/workdir/FD_1
check "ELFIE_STDIO=1: behind what was there" cmp -n "$(stat -c %s ../first)" ../first copy/workdir/FD_1

cp -a ../$sysstate/workdir/. copy/workdir
check "gem5 has the calls that this takes" grep -q 'runs on gem5' <(ELFIE_SYSSTATE=copy \
    ELFIE_SYSSTATE_WRITE=1 timeout 60 "$top/build/elfie-host" --check "$top/build/gem5.host" "$elfie" 2>&1)
check "the basic script" "$top/scripts/pinball2elf.basic.sh" ../pb/log_0
check "its ELFie, in the sysstate" cmp <(cat ../first <(../$sysstate/log_0.basic.elfie 2>/dev/null)) should
"$pinball2elf" ../pb/log_0 2>/dev/null

# Absolute paths, process id, addresses.
mv "$absolute" moved
like "an absolute path that is not there" <(sed -e "s|^$absolute: 7000|&|" should | awk -v f="$absolute" '
    index($0, f ": stat") { print f ": stat -1 of 505"; next }
    index($0, f ": 7000") { print f ": errno 2"; skip = 9; next }
    /^child: / { sub(/child: 0/, "child: -1") }
    skip > 0 { skip--; next }
    skip == 0 && /^, at 50/ && seen++ >= 1 { next }
    { print }')
check "is named" grep -qF "log_0: the region opens $absolute, which is not on this machine (ELFIE_ROOT=" messages
sed '/: stat /s/of .*/of 505/' should >should.root
like "ELFIE_ROOT=" should.root ELFIE_ROOT="$PWD/../$sysstate"
equal "ELFIE_ROOT=: nothing is said" "$(grep -c log_0 messages)" 0
like "ELFIE_ROOT= relative" should.root ELFIE_ROOT=../$sysstate
refuses "ELFIE_ROOT= is not there" 125 '^log_0: ELFIE_ROOT=/nowhere: no such directory' env ELFIE_ROOT=/nowhere "$elfie"
mv moved "$absolute"
like "ELFIE_PID=recorded" ../full ELFIE_PID=recorded
"$pinball2elf" --monitor-thread --outdir ../monitored ../pb/log_0 2>/dev/null
elfie=../monitored/log_0.basic.elfie
like "monitored: as recorded" ../full ELFIE_PID=recorded ELFIE_ROOT=../$sysstate
like "monitored" should
elfie=$OLDPWD/pb/log_0.basic.elfie
refuses "ELFIE_PID=1" 125 "ELFIE_PID is '1', should be recorded" env ELFIE_PID=1 "$elfie"
like "ELFIE_MMAP=recorded" should ELFIE_MMAP=recorded
check "ELFIE_MMAP=recorded: the address" grep -qx 'mapped 0x7e0000000000' messages
like "all of them" ../full ELFIE_MMAP=recorded ELFIE_PID=recorded ELFIE_ROOT=../$sysstate ELFIE_COUNT_CALLS=1
cd .. || exit

# A working directory with nothing but the descriptors' files is none.
cp -a pb few
rm few/log_0.sysstate/workdir/second.txt
sed -i '/^7 dir/d' few/log_0.sysstate/FD.log
"$pinball2elf" few/log_0 2>/dev/null
mkdir here && echo here >here/second.txt
check "only FD_N in workdir: the caller's directory" grep -q '^second.txt: here$' <(cd here && ../few/log_0.basic.elfie 2>/dev/null)
sed -i '/^[0-9]* [a-z]* /{/^[012] /!d}' few/log_0.sysstate/FD.log
rm -r few/log_0.sysstate/workdir/FD_{3,5,6,40,41}
"$pinball2elf" few/log_0 2>/dev/null
mv few/log_0.sysstate few/gone
check "only descriptors 0 to 2: the sysstate is not needed" grep -q '^first: errno 9' <(few/log_0.basic.elfie 2>&1)

# Without FD.log: from the beginning, and written if the file can be.
cp -a pb old
rm old/log_0.sysstate/{FD.log,PID.log,MMAP.log} old/log_0.sysstate/workdir/FD_1
chmod 444 old/log_0.sysstate/workdir/FD_3
mv old/log_0.sysstate/workdir/FD_40 old/log_0.sysstate/workdir/FD_4
"$pinball2elf" old/log_0 2>/dev/null
old/log_0.basic.elfie >rest 2>/dev/null
equal "no FD.log: first" "$(grep -A 12 ^first: rest | tr '\n' ' ')" \
    "first: 1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 , at 60, flags 0x8000 0x0 "
equal "no FD.log: again" "$(grep -A 12 ^again: rest | tail -n 1)" ", at 60, flags 0x8002 0x0"
equal "no FD.log: own" "$(grep ^own: rest)" "own: errno 9, at -1, flags 0xffffffff 0xffffffff"
for variable in PID MMAP; do
    refuses "ELFIE_$variable=recorded without $variable.log" 125 "the pinball has no sysstate/$variable\\.log" \
        env ELFIE_$variable=recorded old/log_0.basic.elfie
done
# The recorded path in the place of workdir/.
mkdir -p "old/log_0.sysstate/${recorded%/*}"
mv old/log_0.sysstate/workdir "old/log_0.sysstate/$recorded"
cp $sysstate/FD.log old/log_0.sysstate
mv "old/log_0.sysstate/$recorded/FD_4" "old/log_0.sysstate/$recorded/FD_40"
"$pinball2elf" old/log_0 2>warnings
old/log_0.basic.elfie >rest 2>/dev/null
check "files under the path of CWD.log" cmp <(cat first rest) elsewhere/should
check "are no absolute paths" grep -qF "1 file by absolute path ($absolute)" warnings

# make: an edited table is linked, a changed sysstate is read again.
mk() { make --no-print-directory -f "$elfie_mk" ELFIE=pb/log_0 2>/dev/null | awk '/^  (EMIT|AS|LD)/ {print $1}' | sort | xargs; }
equal "make" "$(mk)" "AS AS AS AS AS AS EMIT LD"
sed -i 's/\(quad *3, *0, *0, *\)1000/\11205/' pb/log_0.elfie.d/sysstate.S
equal "an edited sysstate.S is linked" "$(mk)" "AS LD"
check "and in force" grep -q '^first: 1241$' <(pb/log_0.basic.elfie 2>/dev/null)
cp pb/log_0.basic.elfie $sysstate/
for file in FD.log workdir/FD_3 CWD.log PID.log "$absolute"; do
    sleep 0.01
    touch "$sysstate/$file"
    equal "after a touch of $file everything is made anew" "$(mk)" "AS AS AS AS AS AS EMIT LD"
done
equal "then nothing is done, with an ELFie in the sysstate" "$(mk)" ""

# Nothing to restore: no system call, and the ELFie does not know where it was made.
"$mkpinball" holes good --regions 3 --version 2.6
"$pinball2elf" good
mkdir good.sysstate
printf '0 tty 0x2 0 /dev/pts/0\n1 pipe 0x1 0 pipe:[1]\n2 tty 0x2 0 /dev/pts/0\n' >good.sysstate/FD.log
if has strace strace "system calls"; then
    calls() { strace -f -o calls "$1" >/dev/null 2>&1; grep -c '(' calls; }
    without=$(calls ./good.basic.elfie)
    "$pinball2elf" good
    equal "standard descriptors only: no system call more" "$(calls ./good.basic.elfie)" "$without"
fi
check "and no path of this machine" test "$(grep -c good.sysstate good.elfie.d/sysstate.S)" -eq 0

# Many of them.
seq -f '%.0f pipe 0x0 0 pipe:[1]' 3 3000 >good.sysstate/FD.log
equal "many descriptors: not a warning for each" "$("$pinball2elf" good 2>&1 | grep -c .)" 17
equal "the last one counts them" "$("$pinball2elf" good 2>&1 | tail -n 1)" \
    "good.sysstate/FD.log: warning: and 2982 descriptors more of these two kinds"
# shellcheck disable=SC2016 # it is for the script
check "many descriptors: the ELFie runs" bash -c 'ulimit -n 3010 && ./good.basic.elfie'

# bad NAME PATTERN SCRIPT: SCRIPT makes the sysstate of the pinball `bad`.
bad() {
    local name=$1 pattern=$2
    rm -rf work && mkdir -p work/bad.sysstate/workdir
    for f in good.*[!ed]; do [ -f "$f" ] && cp "$f" "work/bad${f#good}"; done
    rm -f work/bad.*.elfie work/bad.ld
    (cd work/bad.sysstate && eval "$3")
    refuses "$name" 1 "$pattern" "$pinball2elf" work/bad
    equal "$name: nothing is left" "$(find work -name '*.ld*' -o -name '*.elfie*' -o -name '*.tmp')" ""
}
fd() { bad "FD.log: $1" "^work/bad\\.sysstate/FD\\.log:$2" "printf '%b' '$3' >FD.log"; }
fd "no number" "2: not the number of a descriptor: 'x file" '3 file 0x0 0 /x\nx file 0x0 0 /x\n'
fd "a negative number" "1: not the number of a descriptor" '-3 file 0x0 0 /x\n'
fd "a number too large" "1: descriptor 1048576: more than" '1048576 file 0x0 0 /x\n'
fd "no such kind" "1: no kind of a descriptor: 'fil'" '3 fil 0x0 0 /x\n'
fd "no kind" "1: no kind of a descriptor: ''" '3 \n'
fd "no flags" "1: no flags 0x" '3 file 0 0 /x\n'
fd "flags that are none" "1: not the flags of an open file: 0x80000000" '3 file 0x80000000 0 /x\n'
fd "access mode 3" "1: not the flags of an open file: 0x3" '3 file 0x3 0 /x\n'
fd "no offset" "1: no offset behind" '3 file 0x0 x /x\n'
fd "an offset too large" "1: offset 9223372036854775808: more" '3 file 0x0 9223372036854775808 /x\n'
fd "an offset beyond 64 bits" "1: no offset behind" '3 file 0x0 99999999999999999999 /x\n'
fd "no path" "1: not an absolute path, and there is no FD_3: ''" '3 file 0x0 0\n'
fd "a relative path" "1: not an absolute path, and there is no FD_3: 'x'" '3 file 0x0 0 x\n'
fd "a path too long" "1: path of 5000 bytes" "3 file 0x0 0 /$(printf 'x%.0s' {1..4999})\n"
fd "a descriptor twice" "3: descriptor 3 is there twice: first in line 1" '3 char 0x0 0 /x\n\n3 char 0x0 0 /x\n'
fd "a dup of nothing" "1: descriptor 4 is a dup of 3, which is not there" '4 dup 0x0 0 3\n'
fd "a dup of a dup" "1: descriptor 4 is a dup of 5, which is a dup itself" '4 dup 0x0 0 5\n5 dup 0x0 0 4\n'
fd "a dup of a path" "1: a dup names another descriptor, not '/x'" '4 dup 0x0 0 /x\n'
fd "a NUL" "1: a NUL byte" '3 file\x00 0x0 0 /x\n'
bad "FD_3 is a folder" '^work/bad\.sysstate/workdir/FD_3: not a regular file' 'mkdir workdir/FD_3; echo "3 file 0x0 0 /x" >FD.log'
bad "CWD.log: empty" '^work/bad\.sysstate/CWD\.log: the file is empty' ': >CWD.log'
bad "CWD.log: relative" "^work/bad\\.sysstate/CWD\\.log:1: not an absolute path without '\\.\\.': 'x'" 'echo x >CWD.log'
bad "CWD.log: upwards" "CWD\\.log:1: not an absolute path without" 'echo /x/../../y >CWD.log'
bad "CWD.log: two lines" "CWD\\.log:2: a second line, '/y', where one" 'printf "/x\n/y\n" >CWD.log'
bad "CWD.log: too long" 'CWD\.log:1: path of 5000 bytes' 'printf "/%04999d\n" 0 >CWD.log'
bad "MMAP.log: no address" "MMAP\\.log:2: not an address: 'x'" 'printf "0x1000\nx\n" >MMAP.log'
bad "MMAP.log: not a page" 'MMAP\.log:1: not an address that mmap gives: 0x1001' 'echo 0x1001 >MMAP.log'
bad "MMAP.log: the kernel's" 'MMAP\.log:1: not an address that mmap gives: 0xfffffffffffff000' 'echo 0xfffffffffffff000 >MMAP.log'
bad "PID.log: no number" "PID\\.log:1: not a process id: '0x10'" 'echo 0x10 >PID.log'
bad "PID.log: 0" "PID\\.log:1: not a process id: '0'" 'echo 0 >PID.log'
bad "PID.log: too large" "PID\\.log:1: not a process id: '4194305'" 'echo 4194305 >PID.log'
bad "workdir is a file" '^work/bad\.sysstate/workdir: not a directory' 'rmdir workdir; echo >workdir'
