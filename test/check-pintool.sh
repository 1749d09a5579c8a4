# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The pintools without Intel SDE: built by their makefiles against a stand-in for the Pin API
# (test/pin), which plays them a program.

has g++ g++ "the pintools" || return

# A folder with what the makefiles use of a kit.
kit=$PWD/kit
mkdir -p kit/intel64 kit/pinkit/source/tools/Config kit/pinkit/sde-example/{include,lib/intel64} kit/pinkit/pinplay/{include,intel64}
g++ -std=c++17 -Wall -Wextra -O1 -c -I"$top/test/pin" -o kit/play.o "$top/test/pin/play.cpp"
for library in pinkit/pinplay/intel64/libpinplay pinkit/sde-example/lib/intel64/lib{sde,bz2,zlib}; do
    ar rc "kit/$library.a" 2>/dev/null
done
cat >kit/pinkit/source/tools/Config/makefile.config <<END
TOOLS_ROOT := \$(PIN_ROOT)/source/tools
OBJDIR := obj-\$(TARGET)/
PINTOOL_SUFFIX := .so
LINKER := g++
LINK_EXE := -o
COMP_OBJ := -c -o
TOOL_CXXFLAGS := -std=c++11 -fno-rtti -faligned-new -Wall -Wextra -Wno-cast-function-type -Werror -O2 -I$top/test/pin
TOOL_LDFLAGS :=
TOOL_LPATHS :=
TOOL_LIBS := $kit/play.o
END
touch kit/pinkit/source/tools/Config/makefile.default.rules
cp -R "$top/pintool" pintool

refuses "no SDE_BUILD_KIT" 2 'Set SDE_BUILD_KIT' env -u SDE_BUILD_KIT make -C pintool/EventCounter
refuses "not a kit" 2 'is not a kit of Intel SDE' make -C pintool/EventCounter SDE_BUILD_KIT=/nowhere
for tool in EventCounter PinballSYSState; do
    check "$tool is built" make -C pintool/$tool SDE_BUILD_KIT="$kit"
done
count=kit/intel64/sde-event-counter.so
sysstate=kit/intel64/sde-pinball-sysstate.so
[ -x $count ] && [ -x $sysstate ] || return

# EventCounter. Thread 0 runs 3 instructions and one with REP, thread 1 runs 2; then it goes on.
cat >counted <<'END'
event warmup-start 0
run 0 401000
run 0 401001
run 1 401000
event start 0
run 0 401002 rep 5
run 0 401000
event threadid 0
run 1 401000
run 2 401000
event stop 1
run 1 401003
run 0 401000
END
check "events: played" env PLAY=counted $count -thread_count 2 -prefix out -watch_addr 0x401000 -watch_addr 0x401002
cat >expected.0 <<'END'
Warmup-Start global_icount: 0
Warmup-Start tid: 0 icount 0
	Marker  401000  global_addrcount: 0
	Marker  401000 tid: 0 addrcount 0
	Marker  401002  global_addrcount: 0
	Marker  401002 tid: 0 addrcount 0
Sim-Start global_icount: 3
Sim-Start tid: 0 icount 2
	Marker  401000  global_addrcount: 2
	Marker  401000 tid: 0 addrcount 1
	Marker  401002  global_addrcount: 0
	Marker  401002 tid: 0 addrcount 0
Sim-End global_icount: 6
Sim-End tid: 0 icount 4
	Marker  401000  global_addrcount: 4
	Marker  401000 tid: 0 addrcount 2
	Marker  401002  global_addrcount: 5
	Marker  401002 tid: 0 addrcount 5
Fini  global_icount: 8
Fini  tid: 0 icount 5
Addr  401000  global_addrcount: 5
Addr  401000 tid: 0 addrcount 3
Addr  401002  global_addrcount: 5
Addr  401002 tid: 0 addrcount 5
END
check "events: thread 0" diff expected.0 out.event_icount.0.txt
equal "events: thread 1" "$(sed -n 's/^\([A-Za-z-]*\) *tid: 1 icount/\1/p' out.event_icount.1.txt | tr '\n' ' ')" \
    "Warmup-Start 0 Sim-Start 1 Sim-End 2 Fini 3 "
equal "events: no more threads than asked for" "$(echo out.event_icount.*)" "out.event_icount.0.txt out.event_icount.1.txt"
PLAY=counted $count -exit_on_stop -prefix stopped
equal "events: -exit_on_stop" "$(grep tid: stopped.event_icount.0.txt | tail -n 1)" "Fini  tid: 0 icount 4"
refuses "events: a folder that is not there" 1 'none/out: No such file' env PLAY=counted $count -prefix none/out

# PinballSYSState. Memory is what a replay shows: the bytes of a read appear when they are looked at.
cat >calls <<'END'
memory 5000 data.txt\0
memory 5100 /abs/dir/file\0
memory 5200 /proc/self/maps\0
memory 5300 new\0
memory 5400 sub/../../out\0
memory 5500 /work/here\0
call 0 401000 12 0 0 0 0 = 6307840
run 0 401002
call 0 401000 39 0 0 0 0 = 4711
run 0 401002
call 0 401000 79 0x5500 100 0 0 = 11
run 0 401002
# a file under its name, read twice, with a seek
call 0 401000 257 -100 0x5000 0 0 = 7
run 0 401002
memory 6000 hello
call 0 401000 0 7 0x6000 0x20 0 = 5
run 0 401002
call 0 401000 8 7 3 1 0 = 8
run 0 401002
call 0 401000 0 7 0x6010 0x20 0 = 4
run 0 401002
memory 6010 late
run 0 402000 load 6010 2
run 0 402000 load 6012 2
call 0 401000 3 7 0 0 0 = 0
run 0 401002
# absolute, of the kernel, created, leading out
call 0 401000 2 0x5100 0 0 0 = 7
run 0 401002
memory 6100 ABSOLUTE
call 0 401000 17 7 0x6100 8 2 = 8
run 0 401002
call 0 401000 2 0x5200 0 0 0 = 8
run 0 401002
call 0 401000 2 0x5300 0xc1 0 0 = 9
run 0 401002
call 0 401000 2 0x5400 0 0 0 = 10
run 0 401002
# from before: a position that a seek tells, a duplicate, a failed read, two threads at once
call 0 401000 8 3 0 1 0 = 100
run 0 401002
call 0 401000 32 3 0 0 0 = 11
run 0 401002
call 0 401000 0 11 0x6200 4 0 = 4
call 1 501000 0 4 0x6300 4 0 = 3
memory 6200 from
run 0 401002
memory 6300 two
run 1 501002
run 0 402000 load 6200 4
call 0 401000 0 3 0x6200 4 0 = 3
memory 6200 own
run 0 401002
run 0 402000 store 6200 1
memory 6200 Xwn
run 0 402000 load 6200 3
call 0 401000 0 5 0x6200 4 0 = -9
run 0 401002
call 0 401000 1 1 0x6200 4 0 = 4
run 0 401002
call 0 401000 9 0 4096 3 0x22 = 139637976727552
run 0 401002
call 0 401000 12 0 0 0 0 = 6443008
run 0 401002
END
check "sysstate: played" env PLAY=calls $sysstate -sysstate:out B -sysstate:verbose
files() { (cd "$1" && find . -type f | LC_ALL=C sort | tr '\n' ' '); }
equal "sysstate: files" "$(files B.sysstate)" \
    "./BRK.log ./CWD.log ./FD.log ./MMAP.log ./PID.log ./abs/dir/file ./workdir/FD_3 ./workdir/FD_4 ./workdir/data.txt "
equal "sysstate: a file, with what was read when the program looked" "$(tr '\0' . <B.sysstate/workdir/data.txt)" "hello...late"
equal "sysstate: an absolute name, read at 2" "$(tr '\0' . <B.sysstate/abs/dir/file)" "..ABSOLUTE"
equal "sysstate: from before, from 100 on" "$(tail -c +101 B.sysstate/workdir/FD_3 | tr '\0' .) $(stat -c %s B.sysstate/workdir/FD_3)" "fromown 107"
equal "sysstate: of thread 1" "$(cat B.sysstate/workdir/FD_4)" two
equal "sysstate: FD.log" "$(grep -v '^#' B.sysstate/FD.log | sort | tr '\n' ' ')" "3 file 0x0 100 not known 4 file 0x0 0 not known "
equal "sysstate: BRK.log" "$(tr '\n' ' ' <B.sysstate/BRK.log)" "0x604000 0x625000 "
equal "sysstate: MMAP.log" "$(cat B.sysstate/MMAP.log)" "0x7f0000000000"
equal "sysstate: PID.log, CWD.log" "$(cat B.sysstate/PID.log B.sysstate/CWD.log | tr '\n' ' ')" "4711 /work/here "
refuses "sysstate: neither out nor in" 2 'one of -sysstate:out and -sysstate:in' env PLAY=calls $sysstate
touch file
refuses "sysstate: a place that cannot be written" 1 'file/B.sysstate: Not a directory' \
    env PLAY=calls $sysstate -sysstate:out file/B
equal "sysstate:in" "$(PLAY=calls $sysstate -sysstate:in B.sysstate | tr '\n' ' ')" \
    "call 257 gets B.sysstate/workdir/data.txt call 2 gets B.sysstate/abs/dir/file "
