# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# A start at an instruction number, by a hardware counter: played by a library that is loaded into the
# recorder, for machines without one. The pinball is that of a recorder that steps all the way.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
cc -O2 -Wall -Wextra -fPIC -shared -o fake-counter.so "$top/test/fake-counter.c" -ldl || failed "fake-counter.so"
PATH_OF_SKID=$PWD/skid
with_skid() {
    echo "$1" >skid
    LD_PRELOAD=$PWD/fake-counter.so FAKE_SKID=$PATH_OF_SKID timeout 100 "$record" -v --compress none \
        --start icount:60000 --length 1000 -o "$1/log" -- "$programs/steps" >/dev/null 2>"$1.messages"
}
with_skid none
check "without a counter the start is stepped to" grep -q ': 60000 instructions' none.messages
for skid in 0 700 9999; do
    with_skid $skid
    check "a counter that stops $skid late: it is used" \
        grep -q ": $((50000 + skid)) instructions by the hardware counter" $skid.messages
    # Not .text, which has random bytes of the C library.
    for file in 0.reg 0.sel 0.result; do
        check "a counter that stops $skid late: .$file is the same" cmp <(grep -v OSTid none/log.$file) <(grep -v OSTid $skid/log.$file)
    done
done
with_skid 20000
check "a counter that goes too far is not believed" grep -q 'cannot be relied on' 20000.messages
check "and no pinball is left" test ! -e 20000/log.global.log
LD_PRELOAD=$PWD/fake-counter.so FAKE_SKID=$PATH_OF_SKID timeout 100 "$record" --start icount:6000000000 \
    -o ends/log -- /bin/true >/dev/null 2>messages
equal "a program that ends before: status" $? 1
check "a program that ends before says how far it came" grep -qE 'ended before the start was reached.*ran [0-9]{5,} instructions' messages
