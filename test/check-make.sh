# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# elfie.mk as users have it, scripts, and what `make install` puts where.

pp=$top/examples
mk() { make --no-print-directory -f "$elfie_mk" "$@"; }
idle() { [ "$(mk "$@" 2>&1 | grep -cE '^  (EMIT|AS|LD)')" -eq 0 ]; }
times() { stat -c '%Y %n' "$1".*.elfie; }
copy() { cp -R "$pp"/ST/pinball/. "$pp"/MT/pinball/. . && mkdir -p sub && cp -R "$pp"/ST/pinball/. sub; }
copy

check "ELFIE=st" mk ELFIE=st
check "its ELFie runs" ./st.basic.elfie
check "twice: nothing is done" idle ELFIE=st
for file in st.text.bz2 st.0.reg.bz2 st.global.log st.address st.0.result st.procinfo.xml st.sysstate/BRK.log; do
    sleep 0.01
    touch $file
    equal "after a touch of $file everything is made anew" \
        "$(mk ELFIE=st | awk '{print $1}' | sort | xargs)" "AS AS AS AS AS EMIT LD"
    check "and then nothing is done" idle ELFIE=st
done
rm st.elfie.d/start.S
check "a generated file is gone" mk ELFIE=st
check "it is there again" test -s st.elfie.d/start.S
rm st.ld
check "the linker script is gone" mk ELFIE=st
check "it is there again" test -s st.ld

check "several, in subfolders too, -j8" mk -j8 ELFIE="st mt sub/st"
check "all three are there" ls st.basic.elfie mt.basic.elfie sub/st.basic.elfie
check "a name with an ending, and twice" idle ELFIE="st.global.log st mt.address"
check "all of them: nothing is done" idle ELFIE="st mt sub/st"
check "mt runs" ./mt.basic.elfie
rm ./*.elfie
check "no ELFIE: all pinballs of the folder" mk
check "both are there" ls st.basic.elfie mt.basic.elfie
mk V=1 ELFIE=st LAYOUT=compact >commands
check "V=1 shows the commands" grep -qE '^ld .*-T st\.ld' commands
check "LAYOUT=compact: made anew" grep -q 'compact layout' st.ld
check "LAYOUT=compact again: nothing is done" idle ELFIE=st LAYOUT=compact
mk ELFIE=st >/dev/null
refuses "a pinball that is not there" 2 'none\.global\.log: no such file' mk ELFIE=none
refuses "a kind that is not there" 2 "there is no kind 'none'; there is: basic" mk ELFIE=st KIND=none

# A script that has been edited: linked with, kept, and in the way when the pinball says otherwise.
cp st.basic.elfie unedited
sed -i 's/runtime : ORIGIN = 0x[0-9a-f]*/runtime : ORIGIN = 0x31400000/' st.ld
equal "edited script: only linked" "$(mk ELFIE=st | awk '{print $1}' | xargs)" "LD"
check "edited script: nothing is done twice" idle ELFIE=st
check "the runtime lies elsewhere" grep -q '0x31400000' <(readelf -hW st.basic.elfie)
check "it runs there" cmp <(./st.basic.elfie) <(./unedited)
touch st.text.bz2
check "the pinball was only touched: the edit stays" mk ELFIE=st
check "it is still in force" grep -q '0x31400000' <(readelf -hW st.basic.elfie)
cp st.ld edited
bunzip2 st.0.reg.bz2
rbx=$(awk '$1 == "rbx" {print $2}' st.global.log)
sed -i "s/^$rbx .*/$rbx 7856341200000000/" st.0.reg
refuses "pinball and script have changed: make stops" 2 'st\.ld: edited by hand.*st\.ld\.new.*regen' mk ELFIE=st
check "the edited script is untouched" cmp st.ld edited
check "the new one is beside it" grep -q 't0.rbx     = 0x0000000012345678;' st.ld.new
refuses "and make stops again" 2 'st\.ld: edited by hand' mk ELFIE=st
sed 's/runtime : ORIGIN = 0x[0-9a-f]*/runtime : ORIGIN = 0x31400000/' st.ld.new >st.ld && rm st.ld.new
check "the edit carried over: make goes on" mk ELFIE=st
check "it is in force" grep -q '0x31400000' <(readelf -hW st.basic.elfie)
check "then nothing is done" idle ELFIE=st
refuses "regen without names" 2 'make ELFIE=foo regen' mk regen
check "regen throws it away" mk ELFIE=st regen
check "the runtime is back" grep -qv '0x31400000' <(readelf -hW st.basic.elfie)
rm -rf ./* && copy

# A register changed in the script shows in what the ELFie does: step(4) becomes step(9).
mk ELFIE=st >/dev/null
sed -i 's/^t0.rdi .*/t0.rdi     = 0x0000000000000009;/' st.ld
mk ELFIE=st >/dev/null
equal "a register changed in the script" "$(./st.basic.elfie | head -n 1)" "step 9: 110 primes"

# Failures leave nothing that the next make would take for good.
rm -rf ./* && copy
refuses "as fails" 2 'Error' mk ELFIE=st AS=false
refuses "ld fails" 2 'Error' mk ELFIE=st LD=false
check "no ELFie after that" test ! -e st.basic.elfie
equal "no temporary file after that" "$(find . -name '*.tmp')" ""
check "the next make mends it" mk ELFIE=st
check "clean-elfies" mk ELFIE=st clean-elfies
check "it leaves the linker script" test -e st.ld
check "and no ELFie" test ! -e st.basic.elfie

# Scripts.
rm -rf ./* && copy
cp "$pp"/MT/pinball/mt.0.reg.bz2 .
check "pinball2elf.basic.sh" "$top/scripts/pinball2elf.basic.sh" st
check "the ELFie is in the sysstate folder" test -x st.sysstate/st.basic.elfie
rm -r sub/st.sysstate
check "pinball2elf.basic.sh without sysstate" "$top/scripts/pinball2elf.basic.sh" sub/st
check "the ELFie is beside the pinball" sub/st.basic.elfie
rm -rf sub && mkdir sub && cp "$pp"/ST/pinball/st.* sub 2>/dev/null
check "P2E_TEMP" env P2E_TEMP="$PWD/temp" "$top/scripts/pinball2elf.basic.sh" sub/st
equal "P2E_TEMP: only the ELFie is beside the pinball" "$(find sub -name '*.ld' -o -name '*.elfie*')" "sub/st.basic.elfie"
refuses "pinball2elf.basic.sh: no such pinball" 1 'none\.global\.log' "$top/scripts/pinball2elf.basic.sh" none
refuses "pinball2elf.basic.sh: usage" 2 '^Usage' "$top/scripts/pinball2elf.basic.sh"
equal "pinball.entry-addr.sh" "$("$top/scripts/pinball.entry-addr.sh" st)" \
    "Thread: 0 Entry Address: 0x$(nm -C "$(ls sub/st.basic.elfie)" | awk '/ t0.rip$/ {sub(/^0+/, "", $1); print $1}')"
check "pinball.entry-addr.sh, thread 3" grep -qE '^Thread: 3 Entry Address: 0x4[0-9a-f]+$' \
    <("$top/scripts/pinball.entry-addr.sh" mt 3)
refuses "pinball.entry-addr.sh: no such thread" 1 'mt\.7\.reg: no such file' "$top/scripts/pinball.entry-addr.sh" mt 7

# Installed, a region directory's Makefile is one line.
rm -rf ./* && copy
check "make install" make -C "$top" install PREFIX=/opt/p2e DESTDIR="$PWD/root"
home=$PWD/root/opt/p2e
equal "installed files" "$(cd "$home" && find . -type f | sort | xargs)" \
    "./bin/elfie-host ./bin/elfie-record ./bin/pinball.entry-addr.sh ./bin/pinball2elf ./bin/pinball2elf.basic.sh ./include/elfie.mk ./lib/pinball2elf/basic.o ./lib/pinball2elf/elfie.ld.in ./lib/pinball2elf/gem5.host ./lib/pinball2elf/libelfie.a ./share/man/man1/elfie-record.1 ./share/man/man1/pinball2elf.1"
echo 'include elfie.mk' >Makefile
check "include elfie.mk" make -I "$home/include" ELFIE="st mt"
check "its ELFie runs" ./st.basic.elfie
check "installed pinball2elf.basic.sh" "$home/bin/pinball2elf.basic.sh" sub/st
check "make uninstall" make -C "$top" uninstall PREFIX=/opt/p2e DESTDIR="$PWD/root"
equal "nothing is left of it" "$(find root -type f)" ""
