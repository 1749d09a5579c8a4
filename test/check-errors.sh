# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Bad input, bad tools, bad disks: one clear line, status 1, and nothing left that a later make
# would take for good.

"$mkpinball" holes good --regions 3 --version 2.6
chmod 644 good.*

# bad NAME PATTERN SCRIPT: runs SCRIPT (in a copy of the pinball, called bad) and converts.
bad() {
    local name=$1 pattern=$2
    rm -rf work && mkdir work
    for f in good.*; do cp "$f" "work/bad${f#good}"; done
    (cd work && eval "$3")
    refuses "$name" 1 "$pattern" "$pinball2elf" work/bad
    [ "$(grep -c . <<<"$("$pinball2elf" work/bad 2>&1)")" -eq 1 ] || failed "$name: more than one line"
    local left
    left=$(cd work && find . -name '*.ld*' -o -name '*.elfie.d' -o -name '*.elfie*' -o -name '*.tmp' -o -name '*.S' -o -name '*.bin')
    equal "$name: nothing is left" "$left" ""
}

line=$(grep -n '^/' good.text | sed -n '2s/:.*//p') # where the second page starts
page=$(sed -n "${line}s/ .*//p" good.text)

bad "no global.log" '^work/bad\.global\.log: no such file' 'rm bad.global.log'
bad "no .text" '^work/bad\.text: no such file' 'rm bad.text'
bad "no .address" '^work/bad\.address: no such file' 'rm bad.address'
bad "a thread without .reg" '^work/bad\.0\.reg: no such file.*thread 0' 'rm bad.0.reg'
bad "a second thread without .reg" '^work/bad\.1\.reg: no such file.*thread 1' \
    'sed -i "s/^num_static_threads: .*/num_static_threads: 2/" bad.global.log'
bad "more threads alive than there are" 'num_dynamic_threads is 7, more than num_static_threads' \
    'sed -i "s/^num_dynamic_threads: .*/num_dynamic_threads: 7/" bad.global.log'
bad "too many threads" '^work/bad\.global\.log:[0-9]+: .*1025 threads' \
    'sed -i "s/^num_static_threads: .*/num_static_threads: 1025/" bad.global.log'
bad "arch: x86_32" '^work/bad\.global\.log:[0-9]+: arch is x86_32' \
    'sed -i "s/^arch: .*/arch: x86_32/" bad.global.log'
bad "version 3.0" '^work/bad\.global\.log:[0-9]+: log format version 3\.0' \
    'sed -i "s/^log format version: .*/log format version: 3.0/" bad.global.log'
bad "register table cut short" '^work/bad\.global\.log:[0-9]+: the table of registers is cut short' \
    'sed -i "/^rcx /,\$d" bad.global.log'
bad "register number twice" '^work/bad\.global\.log:[0-9]+: register number 0 is there twice' \
    'sed -i "s/^eax 1 4/eax 0 4/" bad.global.log'
bad "register of a megabyte" '^work/bad\.global\.log:[0-9]+: register of 1048576 bytes' \
    'sed -i "s/^eax 1 4/eax 1 1048576/" bad.global.log'

for file in global.log text address 0.reg; do
    bad "empty $file" "^work/bad\\.$file: " ": >bad.$file"
done
bad "truncated page" "^work/bad\\.text:$((line - 100)): page 0x[0-9a-f]+ is cut short: [0-9]+ of 512" \
    "sed -i $((line - 100)),$((line - 1))d bad.text"
bad "truncated last page" '^work/bad\.text:[0-9]+: page 0x[0-9a-f]+ is cut short: 511 of 512' \
    'sed -i "\$d" bad.text'
bad "a line too many" "^work/bad\\.text:$line: more than 512 values" \
    "sed -i '${line}i 0x1' bad.text"
bad "bad hex digit" "^work/bad\\.text:$((line + 3)): .*'0xz1'" "sed -i $((line + 3))s/.*/0xz1/ bad.text"
bad "more than 64 bits" "^work/bad\\.text:$((line + 3)): not a hexadecimal value of 64 bits" \
    "sed -i $((line + 3))s/.*/0x11112222333344445/ bad.text"
bad "junk behind a value" "^work/bad\\.text:$((line + 3)): ' 0x2' stands behind a value" \
    "sed -i '$((line + 3))s/.*/0x1 0x2/' bad.text"
bad "delta in format 2.6" "^work/bad\\.text:$((line + 3)): neither a page nor a value" \
    "sed -i '$((line + 3))s/.*/;1/' bad.text"
bad "page twice" "^work/bad\\.text:[0-9]+: page $(cut -c2- <<<"$page" | sed 's/0x0*/0x/') is there twice: first in line $line" \
    "sed -n '$line,$((line + 512))p' bad.text >again; cat again >>bad.text; rm again"
bad "unaligned page" "^work/bad\\.text:$line: page address 0x400008 is not a multiple of 4096" \
    "sed -i '${line}s|^.*|/0x400008 0 0|' bad.text"
bad "page not canonical" "^work/bad\\.text:$line: page address 0x[0-9a-f]+ is not canonical" \
    "sed -i '${line}s|^.*|/0x1234567890000000 0 0|' bad.text"
bad "page in the kernel" "^work/bad\\.text:$line: page address 0x[0-9a-f]+ is not in user space" \
    "sed -i '${line}s|^.*|/0xffff800000000000 0 0|' bad.text"
bad "NUL in the text" "^work/bad\\.text:$((line + 3)): a NUL byte" \
    "sed -i '$((line + 3))s/.*/0x1\\x00/' bad.text"
bad "line without end" "^work/bad\\.text:$((line + 3)): line of more than" \
    "sed -i '$((line + 3))r '<(head -c 300000 /dev/zero | tr '\\0' 0) bad.text; sed -i '$((line + 3)){N;s/\\n//}' bad.text"
bad "register that does not exist" '^work/bad\.0\.reg:2: register 4000 does not exist' \
    'sed -i "2s/^[0-9]*/4000/" bad.0.reg'
bad "register twice" '^work/bad\.0\.reg:3: register 0 \(rax\) is there twice' \
    'sed -i "3s/^[0-9]*/0/" bad.0.reg'
bad "register too large" '^work/bad\.0\.reg:2: register 0 \(rax\) is not 1 to 8 bytes' \
    'sed -i "2s/ .*/ 112233445566778899/" bad.0.reg'
bad "no rip" '^work/bad\.0\.reg: register rip is missing' \
    'sed -i -e "/^68 /d" -e "1s/.*/ic ;0 $(($(grep -c "^[0-9]" bad.0.reg) - 1))/" bad.0.reg'
bad "initial state cut short" '^work/bad\.0\.reg:10: ' 'sed -i "11,\$d" bad.0.reg'
bad "registers that are not announced" '^work/bad\.0\.reg:[0-9]+: more registers than the 40' \
    'sed -i "1s/.*/ic ;0 40/" bad.0.reg'
bad "rip where nothing was captured" 'thread 0 starts at 0x99990000, in a page that was not captured' \
    'sed -i "s/^68 .*/68 00009999/" bad.0.reg'
bad "register name twice" '^work/bad\.global\.log:[0-9]+: register rax is there twice' \
    'sed -i "s/^eax 1 4/RAX 1 4/" bad.global.log'
bad "label unknown" '^work/bad\.address:1: the label is neither' 'sed -i "1s/text\|data/what/" bad.address'
bad "XML not well-formed" '^work/bad\.procinfo\.xml:[0-9]+: not well-formed' \
    'echo "<proc-info><process></proc-info>" >bad.procinfo.xml'
bad "a module without a name" '^work/bad\.procinfo\.xml:2: a module has no attribute' \
    'printf "<proc-info>\n<module base=\"0x1000\" size=\"1\"/></proc-info>\n" >bad.procinfo.xml'
bad ".bz2 cut in half" '^work/bad\.text\.bz2:[0-9]+: the bzip2 file is cut short' \
    'bzip2 bad.text; truncate -s $(($(stat -c %s bad.text.bz2) / 2)) bad.text.bz2'
bad ".bz2 that is none" '^work/bad\.text\.bz2:1: the bzip2 file is damaged' \
    'rm bad.text; echo this is no bzip2 file at all >bad.text.bz2'
bad ".gz cut in half" '^work/bad\.text\.gz:[0-9]+: the gzip file is cut short' \
    'gzip bad.text; truncate -s $(($(stat -c %s bad.text.gz) / 2)) bad.text.gz'
bad "second member of a .gz damaged" '^work/bad\.text\.gz:[0-9]+: the gzip file is damaged' \
    'gzip bad.text; { cat bad.text.gz; echo this is no gzip member; } >again; mv again bad.text.gz'
bad "XML without an end to its levels" '^work/bad\.procinfo\.xml:1: more than 64 levels' \
    'printf "<a>%.0s" {1..100000} >bad.procinfo.xml'
bad "a FIFO in the place of a file" '^work/bad\.procinfo\.xml: not a regular file' \
    'rm -f bad.procinfo.xml; mkfifo bad.procinfo.xml'
bad "a folder in the place of a file" '^work/bad\.text: not a regular file' 'rm bad.text; mkdir bad.text'

# Tools and disks.
tool() {
    local name=$1 pattern=$2
    shift 2
    rm -rf out
    refuses "$name" 1 "$pattern" env "$@" "$pinball2elf" --outdir out good
    equal "$name: no ELFie and no temporary file is left" "$(find out -name '*.basic.elfie*' -o -name '*.tmp')" ""
}
tool "no as" 'no-such-as: not found or cannot be run; install GNU binutils' AS=no-such-as
tool "no ld" 'no-such-ld: not found or cannot be run; install GNU binutils' LD=no-such-ld
tool "as fails" 'out/good\.elfie\.d/start\.o: not made: false ended with status 1' AS=false
tool "ld fails" 'out/good\.basic\.elfie: not made: false ended with status 1' LD=false

mkdir -m 555 readonly
cp good.* readonly/
chmod 555 readonly
refuses "no write permission" 1 'readonly/good\.elfie\.d: .*Permission denied' as_user "$pinball2elf" readonly/good
mkdir -m 777 elsewhere
check "a pinball in a read-only folder, with --outdir" as_user "$pinball2elf" --outdir elsewhere readonly/good
check "its ELFie runs" elsewhere/good.basic.elfie
chmod 000 good.text
refuses "no read permission" 1 'good\.text: Permission denied' as_user "$pinball2elf" --outdir elsewhere good
chmod 644 good.text

# A disk of 64 KiB, in a mount namespace of its own.
# shellcheck disable=SC2016
full='mount -t tmpfs -o size=64k none full && "$1" --outdir full '"$PWD"'/large; status=$?; find full -type f; exit $status'
"$mkpinball" big large --mib 1
mkdir full
if unshare -rm true 2>/dev/null; then
    refuses "no space left" 1 'full/large\.elfie\.d/pages\.bin: cannot be written: No space left' \
        unshare -rm bash -c "$full" _ "$pinball2elf"
    equal "no space left: nothing is left" "$(unshare -rm bash -c "$full" _ "$pinball2elf" 2>/dev/null)" ""
else
    skipped "no space left" "needs unshare -rm (user namespaces)"
fi

# What a stranger may have laid out beside his pinball, or called it.
rm -rf work && mkdir work && cp good.* work && echo precious >precious
mkdir elsewhere2 && ln -s ../elsewhere2 work/good.elfie.d
refuses "a link in the place of the folder" 1 'good\.elfie\.d: not a directory of its own' "$pinball2elf" work/good
rm work/good.elfie.d && mkdir work/good.elfie.d
for file in pages.bin start.S good.ld; do ln -sf "$PWD/precious" "work/good.elfie.d/$file"; done
check "links in the place of files" "$pinball2elf" work/good
equal "are replaced, not followed" "$(cat precious)" precious
(cd work && for f in good.*[!d]; do cp "$f" "@x${f#good}"; cp "$f" "./-x${f#good}"; done)
for name in @x -x; do
    check "a pinball called $name" bash -c "cd work && '$pinball2elf' -- $name && ./$name.basic.elfie"
done
for f in work/good.*[!d]; do cp "$f" "work/digest${f#work/good}"; done
sed -i 's/^app-command-line: .*/app-command-line: openssl digest 12345678/' work/digest.global.log
check "a command line with the word digest" "$pinball2elf" work/digest
check "a script made from it is fresh" "$pinball2elf" --max-headers 20 work/digest
check "standard error closed" bash -c "'$pinball2elf' --outdir closed good 2>&- && cmp closed/good.elfie.d/pages.bin work/good.elfie.d/pages.bin"
check "a name with an ending" "$pinball2elf" --outdir ending good.address
refuses "nothing for --outdir" 2 'outdir is empty' "$pinball2elf" --outdir '' good
refuses "a file size limit" 1 'File too large' bash -c "ulimit -f 4; '$pinball2elf' --outdir limited large"
equal "a file size limit: nothing is left" "$(find . -path './limited/*' -type f)" ""
printf '#!/bin/sh\nsleep 3\nexec as "$@"\n' >slow-as && chmod +x slow-as
AS=$PWD/slow-as "$pinball2elf" --outdir terminated good &
sleep 0.3
kill -TERM $!
wait $! 2>/dev/null
sleep 0.2
equal "killed while as runs: no temporary file" "$(find terminated -name '*.tmp')" ""

# Stopped half-way.
"$mkpinball" big slow --mib 8 --compress bz2
mkdir killed
"$pinball2elf" --outdir killed slow &
sleep 0.2
check "killed half-way: it was half-way" ls killed/slow.elfie.d/pages.bin.*.tmp
kill -TERM $!
wait $!
equal "killed half-way: status" $? 143
equal "killed half-way: nothing is left" "$(find killed -mindepth 1)" ""

# Usage.
refuses "no pinball" 2 "Try 'pinball2elf --help'" "$pinball2elf"
refuses "two pinballs" 2 'more than one' "$pinball2elf" good good
refuses "unknown option" 2 'unrecognized option' "$pinball2elf" --nonsense good
refuses "unknown kind" 2 "there is no kind 'x'" "$pinball2elf" --kind x good
refuses "budget too small" 2 'max-headers takes a number from 5 to 1170' "$pinball2elf" --max-headers 4 good
refuses "budget no number" 2 'max-headers takes a number' "$pinball2elf" --max-headers many good
refuses "unknown layout" 2 'direct or compact' "$pinball2elf" --layout round good
check "--help" grep -q '^Usage: pinball2elf' <("$pinball2elf" --help)
check "--version" grep -qE '^pinball2elf [0-9]+\.[0-9]+' <("$pinball2elf" --version)
refuses "--help to a full disk" 1 'No space left' bash -c '"$1" --help >/dev/full; exit $?' _ "$pinball2elf"
