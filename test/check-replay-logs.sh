# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Logs that are not what they should be: refused when the ELFie is made, with file and line, and
# nothing is left; only when replay is asked for.

if [ ! -d "$shared" ]; then
    skipped "bad logs" "needs ../shared/pinballs"
    return
fi
mkdir good
cp "$shared"/st/log_0.* good
mkdir good-mt
for f in "$shared"/mt/log_0.*; do
    case $f in
    *.bz2) bzip2 -dc "$f" >"good-mt/$(basename "$f" .bz2)" ;;
    *) cp "$f" good-mt ;;
    esac
done
chmod -R u+w good good-mt

# bad NAME PATTERN SCRIPT [PINBALL]: runs SCRIPT in a copy of the pinball, and converts.
bad() {
    local name=$1 pattern=$2
    rm -rf work && cp -r "${4-good}" work
    (cd work && eval "$3")
    refuses "$name" 1 "$pattern" "$pinball2elf" --kind replay work/log_0
    equal "$name: nothing is left" "$(cd work && find . -name '*.ld*' -o -name '*.elfie*' -o -name '*.tmp')" ""
    check "$name: without replay nobody asks" "$pinball2elf" work/log_0
}
# The same for what every ELFie needs.
worse() {
    rm -rf work && cp -r good work
    (cd work && eval "$3")
    refuses "$1" 1 "$2" "$pinball2elf" --kind replay work/log_0
}

reg=log_0.0.reg
sel=log_0.0.sel
lines=$(wc -l <good/$reg)
first=$(grep -n -m1 '^sc ' good/$reg | cut -d: -f1)

check "the good one" "$pinball2elf" --kind replay --outdir out good/log_0
check "the good one of several threads" "$pinball2elf" --kind replay --outdir out-mt good-mt/log_0

bad ".reg: no end_marker" "^work/$reg:$((lines - 1)): there is no end_marker" "sed -i '\$d' $reg"
bad ".reg: a record cut short" "^work/$reg:$((lines - 2)): a record is cut short: 1 of 2" "head -n $((lines - 2)) $reg >x; mv x $reg"
bad ".reg: no records at all" "^work/$reg:$((first - 1)): there is no end_marker" "sed -i '$first,\$d' $reg"
bad ".reg: a record at its predecessor's instruction" "^work/$reg:$((first + 3)): records in the wrong order" \
    "sed -i 's/^sc ;38 2/sc ;0 2/' $reg"
bad ".reg: an absolute number that falls" "^work/$reg:$((first + 3)): records in the wrong order: 'sc 990 2' behind instruction 997" \
    "sed -i 's/^sc ;38 2/sc 990 2/' $reg"
bad ".reg: numbers that overflow" "^work/$reg:$((first + 3)): records in the wrong order" \
    "sed -i 's/^sc ;38 2/sc ;18446744073709551615 2/' $reg"
bad ".reg: a record of no registers" "^work/$reg:$first: 0 registers in a record" "sed -i 's/^sc ;997 2/sc ;997 0/' $reg"
bad ".reg: a record of many registers" "^work/$reg:$first: 999999 registers in a record" "sed -i 's/^sc ;997 2/sc ;997 999999/' $reg"
bad ".reg: a record without rip" "^work/$reg:$((first + 1)): a record without rip" \
    "sed -i -e 's/^sc ;997 2/sc ;997 1/' -e '$((first + 2))d' $reg"
bad ".reg: a register twice" "^work/$reg:$((first + 2)): a register is there twice" \
    "sed -i '$((first + 2))s/.*/0 0/' $reg"
bad ".reg: no such register" "^work/$reg:$((first + 1)): register 4000 does not exist" "sed -i '$((first + 1))s/.*/4000 0/' $reg"
bad ".reg: a register that cannot be set" "^work/$reg:$((first + 1)): a record sets register mxcsr" "sed -i '$((first + 1))s/.*/98 0/' $reg"
bad ".reg: nine bytes of rax" "^work/$reg:$((first + 1)): not 1 to 8 bytes" "sed -i '$((first + 1))s/.*/0 112233445566778899/' $reg"
bad ".reg: rip in the kernel's half" "^work/$reg:$((first + 2)): rip is 0x8000000000000000" \
    "sed -i '$((first + 2))s/.*/68 0000000000000080/' $reg"
bad ".reg: a clone without its record" "^work/$reg:$((first + 1)): no 'sc' behind a 'scs'" "sed -i '${first}i scs 3\nscs 3' $reg"
bad ".reg: the end before the last record" "^work/$reg:$lines: the region ends at instruction 2000, before the last record, at 2247" \
    "sed -i 's/^end_marker .*/end_marker 2000 0/' $reg"
bad ".reg: something behind the end" "^work/$reg:$((lines + 1)): a line behind the end_marker" "echo 'sc ;1 2' >>$reg"
bad ".reg: a line of something else" "^work/$reg:$first: neither a record" "sed -i '${first}i hello' $reg"

bad ".sel: none" "^work/$sel: no such file" "rm $sel"
bad ".sel: empty" "^work/$sel: the log is cut short" ": >$sel"
bad ".sel: no end_marker" "^work/$sel:3: the log is cut short" "sed -i '\$d' $sel"
bad ".sel: another end than .reg's" "^work/$sel:4: the region ends at instruction 4000 here, and at 3922" \
    "sed -i 's/^end_marker.*/end_marker 4000 0/' $sel"
bad ".sel: values in the wrong order" "^work/$sel:2: values in the wrong order: for instruction 1000 behind 1005" \
    "sed -i '2s/;4/1000/' $sel"
bad ".sel: behind the end" "^work/$sel:4: the region ends at instruction 3922, before the last record, at 99999" \
    "sed -i '3s/;11/99999/' $sel"
bad ".sel: a value of 0 bytes" "^work/$sel:1: a value of 0 bytes" "sed -i '1s/ 4 / 0 /' $sel"
bad ".sel: a value of 4096 bytes" "^work/$sel:1: a value of 4096 bytes" "sed -i '1s/ 4 / 4096 /' $sel"
bad ".sel: a value of 65 bits in 8" "^work/$sel:1: not a value and an address" "sed -i '1s/0x2190/0x12345678123456781/' $sel"
bad ".sel: an address of the kernel" "^work/$sel:1: 4 bytes at 0xffff800000000000: not in a user" \
    "sed -i '1s/0x7fffffffcbe8/0xffff800000000000/' $sel"
bad ".sel: an address over the end" "^work/$sel:1: 4 bytes at 0xfffffffffffffffe: not in a user" \
    "sed -i '1s/0x7fffffffcbe8/0xfffffffffffffffe/' $sel"
bad ".sel: an address outside the image" "^work/$sel:1: 4 bytes at 0x123456000: that is outside the image" \
    "sed -i '1s/0x7fffffffcbe8/0x123456000/' $sel"
bad ".sel: a step outside the image" "^work/$sel:2: 8 bytes at 0x[0-9a-f]*: that is outside the image" \
    "sed -i '2s/;16/;-99999999999/' $sel"
bad ".sel: begins with what repeats" "^work/$sel:1: '/y' takes the size of the line before" "sed -i '1,2d' $sel"
bad ".sel: begins with a step" "^work/$sel:1: not a value and an address" "sed -i '1s/0x2190/;5/' $sel"
bad ".sel: a line of something else" "^work/$sel:2: neither a value" "sed -i '2i hello' $sel"

race=log_0.0.race
bad ".race: none" "^work/$race: no such file" "rm $race" good-mt
bad ".race: a thread that is not there" "^work/$race:1: thread 0 waits for thread 5, of 5" "sed -i '1s/.*/27 5 8/' $race" good-mt
bad ".race: itself" "^work/$race:1: thread 0 waits for thread 0" "sed -i '1s/.*/27 0 8/' $race" good-mt
bad ".race: the wrong order" "^work/$race:2: lines in the wrong order: instruction 26 behind 27" \
    "sed -i '2s/38/26/' $race" good-mt
bad ".race: over the end" "^work/$race:1: instruction 9999 of thread 2: the thread has 2721" "sed -i '1s/ 8\$/ 9999/' $race" good-mt
bad ".race: two numbers" "^work/$race:1: not 'INSTRUCTION THREAD INSTRUCTION'" "sed -i '1s/.*/27 2/' $race" good-mt
worse ".reg: no initial state" "^work/$reg:1: the initial state" "sed -i 1d $reg"
