# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# B.sysstate/ as it is recorded: descriptors that are open before the region, the files behind them,
# working directory, break and process id.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

mkdir work
echo "first line of data" >work/data
echo "more" >work/more
echo "standard input" >input
(cd work && "$record" --start symbol:region_start -o ../pin/log -- "$programs/descriptors" \
    <../input >../output 2>../warnings)
equal "recorded" $? 0
log=pin/log.sysstate/FD.log
files=pin/log.sysstate/workdir
here=$(pwd -P)

# line NUMBER: its line in FD.log without the number.
line() { sed -n "s/^$1 //p" $log; }
equal "0: standard input" "$(line 0)" "file 0x8000 0 $here/input"
equal "1: standard output" "$(line 1)" "file 0x8001 0 $here/output"
equal "10: read in part, closed on exec" "$(line 10)" "file 0x88000 5 $here/work/data"
equal "11: to be appended to" "$(line 11)" "file 0x8402 0 $here/work/more"
equal "12: the same open file as 10" "$(line 12)" "dup 0x8000 5 10"
equal "13: the same file, opened again" "$(line 13)" "file 0x8000 9 $here/work/data"
equal "14: a directory" "$(line 14)" "dir 0x18000 0 $here/work"
check "15: a pipe" grep -qE '^15 pipe 0x0 0 pipe:\[[0-9]+\]$' $log
check "15: explained" grep -q '^# 15 is a pipe with 5 bytes in it' $log
check "16: its other end" grep -qE '^16 pipe 0x1 0 pipe:\[[0-9]+\]$' $log
check "17: a socket" grep -qE '^17 socket 0x2 0 socket:\[[0-9]+\]$' $log
check "17: explained" grep -q '^# 17 is a .*socket' $log
equal "18: a device" "$(line 18)" "char 0x8002 0 /dev/null"
check "19: something else" grep -qE '^19 other 0x[0-9a-f]+ 0 anon_inode:\[eventpoll\]$' $log
equal "20: of the kernel" "$(line 20)" "file 0x8000 0 /proc/self/maps"
equal "21: without a name" "$(line 21)" "file 0x8002 8 $here/work/gone (deleted)"
equal "22: a line break in the name: no line" "$(line 22)" ""
check "22: told" grep -q '^elfie-record: warning: descriptor 22: .* line break' warnings
check "the pipe: told" grep -q '^elfie-record: warning: descriptor 15 (pipe:.* a pipe with 5 bytes' warnings
equal "files: nothing is told" "$(grep -E 'descriptor (1[01234]|2[013]) ' warnings)" ""
equal "the form of each line" \
    "$(grep -vcE '^(#.*|[0-9]+ (file|dir|pipe|socket|tty|char|other|dup) 0x[0-9a-f]+ [0-9]+ .+)$' $log)" 0

equal "which contents" "$(cd $files && echo FD_*)" "FD_0 FD_1 FD_10 FD_11 FD_13 FD_2 FD_21 FD_23"
check "contents: 0" cmp input $files/FD_0
check "contents: 10" cmp work/data $files/FD_10
check "contents: 13 is the same file" test $files/FD_10 -ef $files/FD_13
check "contents: 11" cmp work/more $files/FD_11
equal "contents: 21, which has no name" "$(cat $files/FD_21)" nameless
equal "contents: 23, 64 GiB of hole" "$(stat -c %s $files/FD_23) $(tail -c 3 $files/FD_23)" "68719476736 end"
check "contents: 23 takes no room" test "$(stat -c %b $files/FD_23)" -lt 100

equal "CWD.log" "$(cat pin/log.sysstate/CWD.log)" "$here/work"
equal "PID.log" "$(cat pin/log.sysstate/PID.log)" "$(sed -n 's/^OSPid: //p' pin/log.global.log)"
equal "BRK.log: two addresses, equal at the start" \
    "$(grep -cE '^0x[0-9a-f]+$' pin/log.sysstate/BRK.log) $(uniq pin/log.sysstate/BRK.log | wc -l)" "2 1"
equal "no region, no MMAP.log" "$(find pin -name MMAP.log)" ""

# Terminals: script gives one.
if has script bsdutils "a terminal"; then
    script -qec "'$record' --start symbol:region_start -o tty/log -- '$programs/plain'" /dev/null </dev/null >/dev/null
    check "a terminal" grep -qE '^0 tty 0x[0-9a-f]+ 0 /dev/pts/[0-9]+$' tty/log.sysstate/FD.log
    check "a terminal: explained" grep -q '^# 0 is a terminal' tty/log.sysstate/FD.log
fi

# A file that cannot be read is told, and the pinball made without it.
if [ "$(id -u)" -eq 0 ]; then
    mkdir -m 777 user
    echo secret >secret && chmod 600 secret
    (cd user && as_user "$record" --start symbol:region_start -o log -- "$programs/plain" 5<../secret >out 2>warnings)
    check "unreadable: told" grep -q "secret: cannot be copied: Permission denied" user/warnings
    check "unreadable: the line is there" grep -q '^5 file 0x8000 0 /.*/secret$' user/log.sysstate/FD.log
    equal "unreadable: no contents" "$(find user -name FD_5)" ""
fi

# Room for the pinball, but not for a copy.
head -c 8000000 /dev/urandom >large
# shellcheck disable=SC2016
full='mount -t tmpfs -o size=4m none full && "$1" --start symbol:region_start -o full/log -- "$2" 5<large; status=$?; find full -mindepth 1; exit $status'
mkdir full
if unshare -rm true 2>/dev/null; then
    refuses "disk full" 1 '/large: cannot be written: No space left' \
        unshare -rm bash -c "$full" _ "$record" "$programs/static"
    equal "disk full: nothing is left" "$(unshare -rm bash -c "$full" _ "$record" "$programs/static" 2>/dev/null | grep full)" ""
else
    skipped "disk full" "needs unshare -rm (user namespaces)"
fi

# Files that a region opens, as the runner of a region tells of them: kept as they were at the first
# opening, under the name that an ELFie finds them by.
mapfile -t objects < <(find "$top"/build/record "$top"/build/common -name '*.o' ! -name main.o)
check "files of a region: the test is built" "${CC:-cc}" -std=gnu11 -Wall -Wextra -o region-files \
    "$top/test/region-files.c" "${objects[@]}" \
    -ldw -lelf -lz -lbz2 -pthread
mkdir -p region/sub region/out
echo "the beginning" >region/data
echo "in sub" >region/sub/data
echo "more in sub" >region/sub/more
echo "of out" >region/out/data
echo "by its absolute name" >region/absolute
echo "beside" >beside
(cd region && ../region-files "$here/opened/log" 2>../warnings)
equal "files of a region: status" $? 0
opened=opened/log.sysstate
equal "files of a region: which" "$(cd $opened && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
    "./MMAP.log .$here/beside .$here/region/absolute ./workdir/data ./workdir/out/data ./workdir/sub/data ./workdir/sub/more ./workdir/truncated "
equal "files of a region: as at the first opening" "$(cat $opened/workdir/data)" "the beginning"
equal "files of a region: relative to a directory" "$(cat $opened/workdir/sub/more)" "more in sub"
equal "files of a region: after chdir" "$(cat $opened/workdir/out/data)" "of out"
equal "files of a region: absolute" "$(cat "$opened$here/region/absolute")" "by its absolute name"
equal "files of a region: mapped" "$(tr '\n' ' ' <$opened/MMAP.log)" "0x7f0000000000 0x7f0000001000 "
equal "files of another region" "$(cd opened/another.sysstate && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
    "./MMAP.log ./workdir/data "
equal "files of a region: no warning" "$(cat warnings)" ""

# A pinball in place of an older one: the older one's files go.
"$record" --start symbol:region_start -o pin/log -- "$programs/static" </dev/null >/dev/null 2>&1
equal "replaced: no file of the older one" "$(find $files -name "FD_*")" ""
