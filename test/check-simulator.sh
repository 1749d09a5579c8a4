# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The startup confines itself to what a simulator has: test/host/ plays gem5's system-call
# emulation, with no /proc, no vdso, and nothing but the system calls and instructions of
# gem5.host. It single-steps the startup.

host=$top/build/elfie-host
gem5=$top/build/gem5.host

# plays NAME EXPECTED COMMAND...
plays() {
    local name=$1 expected=$2 good=0 i
    shift 2
    for ((i = 0; i < 5; i++)); do
        [ "$(timeout 60 "$@" 2>&1; echo "status $?")" = "$expected" ] && good=$((good + 1))
    done
    equal "$name, 5 runs" "$good of 5" "5 of 5"
}

for layout in direct compact; do
    "$pinball2elf" --layout $layout --outdir $layout "$top/examples/ST/pinball/st"
    "$pinball2elf" --layout $layout --outdir $layout "$top/examples/MT/pinball/mt"
    plays "ST, $layout" "$($layout/st.basic.elfie)
status 0" "$host" "$gem5" $layout/st.basic.elfie
    plays "MT, $layout" "$($layout/mt.basic.elfie)
status 0" "$host" "$gem5" $layout/mt.basic.elfie
    if [ -d "$shared" ]; then
        "$pinball2elf" --layout $layout --outdir $layout/real "$shared/st/log_0"
        plays "real st, $layout" "Hello world 1
status 14" "$host" "$gem5" $layout/real/log_0.basic.elfie
        "$pinball2elf" --layout $layout --outdir $layout/real "$shared/mt/log_0"
        for i in 1 2 3 4 5; do
            check "real mt, $layout, run $i" grep -q '^All threads joined' \
                <(timeout 60 "$host" "$gem5" $layout/real/log_0.basic.elfie)
        done
    else
        skipped "real pinballs, $layout" "needs ../shared/pinballs"
    fi
done

# A program that extends its heap inside the region, where the break cannot be set. Recorded
# without AVX, which the host has no registers for.
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
"$record" --baseline --start symbol:region_start -o plain/log -- "$programs/static" >plain.first
"$pinball2elf" plain/log
full=$("$programs/static")
plays "a heap that grows" "${full#"$(cat plain.first)"$'\n'}
status 7" "$host" "$gem5" plain/log.basic.elfie

# The host does say no.
sed 's/^\(allow .*\)futex/\1/; s/^otherwise.*/otherwise stop/' "$gem5" >nofutex.host
refuses "a host without futex" 3 'futex.*nofutex' "$host" nofutex.host compact/mt.basic.elfie
sed '$a lacks fxrstor*' "$gem5" >nofxrstor.host
refuses "a host without fxrstor" 3 'fxrstor' "$host" nofxrstor.host compact/st.basic.elfie
refuses "no host file" 125 'none.host' "$host" none.host compact/st.basic.elfie

cp -R "$top"/examples/ST/pinball/. .
check "make check-host HOST=gem5" make -f "$elfie_mk" ELFIE=st check-host HOST=gem5
check "make check-host with a file of one's own" make -f "$elfie_mk" ELFIE=st check-host HOST="$gem5"
refuses "make check-host on a lesser host" 2 'fxrstor' make -f "$elfie_mk" ELFIE=st check-host HOST=nofxrstor.host
