# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Layouts of every shape, with pinballs made by mkpinball.py. The code in such a pinball looks at
# its pages by itself.

# shape NAME EXPECTED-OUTPUT PINBALL [OPTION...]: makes the ELFie, runs it, compares its state.
shape() {
    local name=$1 expected=$2 base=$3
    shift 3
    rm -rf out
    if ! "$pinball2elf" "$@" --outdir out "$base" 2>warnings; then
        failed "$name" "not made: $(cat warnings)"
        return
    fi
    elfie=out/$(basename "$base").basic.elfie
    equal "$name: runs" "$(timeout 30 "$elfie" 2>&1; echo "status $?")" "$expected"
    check "$name: state" "$state" "$base" "$elfie"
    check "$name: program headers" "$top/test/headers.py" "$elfie" 1170
}
file_size() { stat -c %s "$1"; }

"$mkpinball" holes holes --regions 458 --hole 3
for budget in 5 16 73 1170; do
    for layout in direct compact; do
        shape "458 regions, $budget headers, $layout" "458 regions ok
status 0" holes --max-headers $budget --layout $layout
        check "458 regions, $budget headers, $layout: budget" "$top/test/headers.py" "$elfie" $budget
    done
done
check "458 regions, default budget" "$pinball2elf" --outdir default holes
check "458 regions: the default fits old kernels" "$top/test/headers.py" default/holes.basic.elfie 73

"$mkpinball" pages low --at 0x10000
shape "pages at 0x10000" "1 pages ok
status 0" low
# Where the runtime and the staging area go by default: in the way of both, and around them.
"$mkpinball" pages inway --at 0x100000:16 --at 0x1f0000 --at 0x10000000:64
for layout in direct compact; do
    shape "pages where the runtime would go, $layout" "81 pages ok
status 0" inway --layout $layout
done
"$mkpinball" lowfull lowfull
shape "no gap below 2 GiB" "lowfull ok
status 0" lowfull

"$mkpinball" zeros zeros --mib 64
for layout in direct compact; do
    shape "64 MiB of zero pages, $layout" "64 MiB of zeros ok
status 0" zeros --layout $layout
    content=$(($(wc -c <out/zeros.elfie.d/pages.bin)))
    size=$(file_size "$elfie")
    if [ "$size" -lt $((content + 400000)) ]; then
        passed "64 MiB of zero pages, $layout: cost nothing ($content bytes of content, $size in all)"
    else
        failed "64 MiB of zero pages, $layout: file size" "$size for $content bytes of content"
    fi
done

for n in 1 2 8 64 500 1024; do
    "$mkpinball" threads threads$n -n $n --join
    shape "$n threads" "$n threads ok
status 0" threads$n
done
"$pinball2elf" --outdir out threads64
repeat "64 threads" 50 0 out/threads64.basic.elfie

"$mkpinball" vectors vectors
shape "x87, SSE and AVX state" "vectors ok
status 0" vectors
if grep -q avx512bw /proc/cpuinfo; then
    "$mkpinball" vectors vectors512 --avx512
    shape "AVX-512 state" "vectors ok
status 0" vectors512
else
    skipped "AVX-512 state" "needs a processor with AVX-512"
fi

for version in 2.6 2.11 2.16; do
    for compress in '' bz2 gz; do
        for names in lower upper; do
            "$mkpinball" exit form --version $version ${compress:+--compress $compress} --names $names --gap
            shape "format $version ${compress:-plain} $names-case names, a gap in the numbers" "synthetic ok
status 42" form
            rm -f form.*
        done
    done
done

"$mkpinball" exit thin --fat 0
shape "fat: 0" "synthetic ok
status 42" thin
check "fat: 0 warns" grep -q 'thin.global.log: warning: fat: 0' warnings

mkdir "a folder"
"$mkpinball" exit "a folder/p b"
shape "spaces in paths" "synthetic ok
status 42" "a folder/p b"

# Same input, same bytes; nothing of the place in them.
"$pinball2elf" --outdir once holes
"$pinball2elf" --outdir again holes
check "same input, same bytes" diff -r once again

# Only the memory for runs of pages may grow, not for pages.
if has /usr/bin/time time "memory does not grow with the image"; then
    for mib in 16 128; do
        "$mkpinball" big big$mib --mib $mib
        /usr/bin/time -f %M -o rss$mib "$pinball2elf" --emit-only --outdir big big$mib
        rm -f big$mib.text
    done
    if [ $(($(tail -n 1 rss128) - $(tail -n 1 rss16))) -lt 1024 ]; then
        passed "memory does not grow with the image: $(tail -n 1 rss16) KiB for 16 MiB, $(tail -n 1 rss128) KiB for 128 MiB"
    else
        failed "memory does not grow with the image" "$(tail -n 1 rss16) KiB for 16 MiB, $(tail -n 1 rss128) KiB for 128 MiB"
    fi
fi
