# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Pinballs come from strangers: what is wrong in them must not crash the front-end, hang it, or leave
# anything behind. Also under the sanitizers, where the compiler has them.

fuzz=$top/test/fuzz.py
"$mkpinball" exit plain --version 2.6
"$mkpinball" threads several -n 3
"$mkpinball" exit packed --version 2.16 --names upper --compress gz
for base in plain several packed; do
    check "400 damaged copies of '$base'" "$fuzz" "$pinball2elf" $base 400
done

mkdir sanitized
cp "$top"/build/libelfie.a "$top"/build/basic.o "$top"/build/elfie.ld.in sanitized
if cc -std=c11 -D_GNU_SOURCE -DELFIE_VERSION='"0"' -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    "$top"/gen/*.c -o sanitized/pinball2elf -lexpat -lz -lbz2 -lZydis 2>cc.log; then
    for base in plain several packed; do
        check "150 damaged copies of '$base', sanitized" env ASAN_OPTIONS=detect_leaks=0 "$fuzz" sanitized/pinball2elf $base 150 2
    done
    for name in st mt; do
        [ ! -d "$shared" ] || check "real $name, sanitized" env ASAN_OPTIONS=detect_leaks=0 \
            sanitized/pinball2elf --scan --outdir real "$shared/$name/log_0"
    done
else
    skipped "sanitized front-end" "needs libasan and libubsan, which come with gcc: $(head -n 1 cc.log)"
fi
