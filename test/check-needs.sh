# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Which processor an ELFie needs: in the linker script, in the note, and checked at startup.

note() { readelf -nW "$1" | sed -n 's/.*Packaging Metadata: //p'; }
tool=$("$pinball2elf" --version)
for pair in st:x86-64-v1 mt:x86-64-v1; do
    name=${pair%:*}
    "$pinball2elf" --outdir example "$top/examples/${name^^}/pinball/$name"
    check "$name needs ${pair#*:}" grep -qF '"needs":"'"${pair#*:}"'"' <(readelf -nW "example/$name.basic.elfie")
    check "$name says so in the linker script" grep -qF "level ${pair#*:}." "example/$name.ld"
done
"$mkpinball" vectors vectors
"$mkpinball" vectors vectors512 --avx512
"$pinball2elf" vectors
"$pinball2elf" vectors512
check "AVX state needs x86-64-v3" grep -qF '"needs":"x86-64-v3"' <(readelf -nW vectors.basic.elfie)
check "AVX-512 state needs x86-64-v4" grep -qF '"needs":"x86-64-v4"' <(readelf -nW vectors512.basic.elfie)
if has qemu-x86_64 qemu-user "a processor that lacks registers"; then
    for pair in vectors:AVX vectors512:AVX; do
        name=${pair%:*}
        "$pinball2elf" --layout compact --outdir compact $name
        refuses "$name on a processor without AVX" 124 \
            "^$name: the checkpoint has live registers of ${pair#*:}, and this processor or host does not have it; the region was not run \(elfie-record --baseline " \
            qemu-x86_64 -cpu qemu64 compact/$name.basic.elfie
    done
    refuses "AVX-512 state on a processor without it" 124 'live registers of AVX512F' \
        qemu-x86_64 -cpu max compact/vectors512.basic.elfie
fi

# What the code needs: glibc's printf reaches wcsnlen, which was bound to its AVX2 variant on the
# machine of the recording. It is not executed.
instructions=$(sed -n 's/^inscount: //p' "$top/examples/ST/pinball/st.0.result")
mkdir scanned
"$pinball2elf" --layout compact --scan --outdir scanned "$top/examples/ST/pinball/st"
equal "--scan: note" "$(note scanned/st.basic.elfie)" \
    "{\"type\":\"elfie\",\"tool\":\"$tool\",\"pinball\":\"st\",\"threads\":1,\"instructions\":$instructions,\"needs\":\"x86-64-v1\",\"code_needs\":\"x86-64-v3\"}"
check "--scan: linker script" grep -qE 'Its code, [0-9]{4,} instructions that can be$' scanned/st.ld
equal "no --scan: note" "$(note example/st.basic.elfie)" \
    "{\"type\":\"elfie\",\"tool\":\"$tool\",\"pinball\":\"st\",\"threads\":1,\"instructions\":$instructions,\"needs\":\"x86-64-v1\"}"
equal "--scan --verbose names the first instruction" \
    "$("$pinball2elf" --scan -V --emit-only --outdir scanned "$top/examples/ST/pinball/st" 2>&1 | grep -c 'code needs AVX2, first seen at 0x4')" 1
if has qemu-x86_64 qemu-user "code for another processor"; then
    refuses "code for another processor" 124 \
        '^st: the region can reach instructions of AVX, .*ELFIE_IGNORE_CPU=1 runs it all the same' \
        qemu-x86_64 -cpu qemu64 scanned/st.basic.elfie
    equal "and all the same" "$(ELFIE_IGNORE_CPU=1 qemu-x86_64 -cpu qemu64 scanned/st.basic.elfie | tail -n 1)" "1229 primes below 10000"
fi

# AMX: nearly no processor has it, so the generated code is looked at.
cp "$top"/examples/ST/pinball/st.[!s]* .
bunzip2 st.0.reg.bz2
sed -i '/^sc/,$d' st.0.reg # the start is enough
count=$(awk -F': *' '$1 == "num_reg_descs" { print $2 }' st.global.log)
listed=$(awk 'NR == 1 { print $3 }' st.0.reg)
byte() { printf "$1%.0s" $(seq "$2"); }
{ echo "TILECFG 3000 64"; for n in 0 1 2 3 4 5 6 7; do echo "TMM$n $((3001 + n)) 1024"; done; } >tiles
awk -v more=9 -v count="$count" '
    /^num_reg_descs:/ { print "num_reg_descs: " count + more; table = 1; next }
    table && NF == 3 && !done { while ((getline line < "tiles") > 0) print line; done = 1 }
    { print }' st.global.log >st.new && mv st.new st.global.log
# Palette 1; tile 0 has 16 rows of 64 bytes, tile 3 has 4 rows of 16.
cfg=01$(byte 00 15)4000$(byte 0000 2)1000$(byte 0000 12)10$(byte 00 2)04$(byte 00 12)
awk -v n="$((listed + 3))" -v cfg="$cfg" -v tile="$(byte a5 1024)" '
    NR == 1 { print "ic ;0 " n; next }
    { print }
    END { print "3000 " cfg; print "3001 " tile; print "3004 " tile }' st.0.reg >st.new && mv st.new st.0.reg
check "AMX: made" "$pinball2elf" --outdir amx st
equal "AMX: instructions" "$(objdump -d --disassemble=t0.enter amx/st.elfie.d/start.o |
    grep -oE 'ldtilecfg|tileloadd.*%tmm[0-9]|mov +\$0x40,%ecx' | sed 's/ \+/ /g' | xargs -d '\n')" \
    "ldtilecfg mov \$0x40,%ecx tileloadd (%rax,%rcx,1),%tmm0 mov \$0x40,%ecx tileloadd (%rax,%rcx,1),%tmm3"
check "AMX: what it needs" grep -qF '"needs":"x86-64-v1 AMX_TILE"' <(readelf -nW amx/st.basic.elfie)
if grep -q amx_tile /proc/cpuinfo; then
    check "AMX: state" "$state" st amx/st.basic.elfie
else
    refuses "AMX on a processor without it" 124 'live registers of AMX_TILE' amx/st.basic.elfie
fi
sed -i 's/^3000 01/3000 02/' st.0.reg
refuses "AMX: a configuration that does not exist" 1 'st\.0\.reg: tilecfg is not a configuration of palette 1' \
    "$pinball2elf" --outdir amx st
