# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Pinballs come from strangers: what is wrong in them must not crash the front-end, hang it, or leave
# anything behind. Also under the sanitizers, where the compiler has them.

fuzz=$top/test/fuzz.py
"$mkpinball" exit plain --version 2.6
"$mkpinball" threads several -n 3
"$mkpinball" exit packed --version 2.16 --names upper --compress gz
"$mkpinball" holes files --version 2.6
mkdir -p files.sysstate/workdir files.sysstate/usr/lib
echo content | tee files.sysstate/workdir/FD_{3,4,17} >files.sysstate/usr/lib/file
printf '0 tty 0x8002 0 /dev/pts/0\n3 file 0x8002 4 /a\n4 file 0x8401 0 /b\n5 dup 0x8002 4 3\n7 dir 0x18000 0 /c\n17 pipe 0x0 0 pipe:[1]\n' >files.sysstate/FD.log
echo /home/user >files.sysstate/CWD.log
echo 4711 >files.sysstate/PID.log
printf '0x7f0000000000\n0x7f0000002000\n' >files.sysstate/MMAP.log
printf '0x600000\n0x600000\n' >files.sysstate/BRK.log
for base in plain several packed files; do
    check "400 damaged copies of '$base'" "$fuzz" "$pinball2elf" $base 400
done

# The logs that a replay is made of, recorded here and now: threads that take turns, with a schedule,
# and one that makes system calls of many kinds.
replays=()
make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log
seq 1 900 >file
for base in turns asks; do
    what=(--length 30000:global --output turns -- "$programs/threads8-static")
    [ $base = turns ] || what=(--length end --output asks -- "$programs/asks-static" file)
    if "$record" --compress none --start symbol:region_start "${what[@]}" >record.log 2>&1 </dev/null; then
        replays+=("$base")
    else
        skipped "damaged logs of '$base'" "cannot be recorded here: $(tail -n 1 record.log)"
    fi
done
if ! make -s -f "$elfie_mk" ELFIE=turns schedule >schedule.log 2>&1; then
    skipped "damaged schedules" "none can be made here: $(tail -n 1 schedule.log)"
fi
make -s -f "$elfie_mk" ELFIE=turns KIND=replay clean-elfies
for base in "${replays[@]}"; do
    check "200 damaged logs of '$base'" "$fuzz" --replay "$pinball2elf" "$base" 200
done

mkdir sanitized
cp "$top"/build/libelfie.a "$top"/build/basic.o "$top"/build/elfie.ld.in sanitized
if cc -std=c11 -D_GNU_SOURCE -DELFIE_VERSION='"0"' -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    "$top"/gen/*.c -o sanitized/pinball2elf -lexpat -lz -lbz2 -lZydis 2>cc.log; then
    for base in plain several packed files; do
        check "150 damaged copies of '$base', sanitized" env ASAN_OPTIONS=detect_leaks=0 "$fuzz" sanitized/pinball2elf $base 150 2
    done
    for base in "${replays[@]}"; do
        check "150 damaged logs of '$base', sanitized" env ASAN_OPTIONS=detect_leaks=0 "$fuzz" --replay sanitized/pinball2elf "$base" 150 2
    done
    for name in st mt; do
        [ ! -d "$shared" ] || check "real $name, sanitized" env ASAN_OPTIONS=detect_leaks=0 \
            sanitized/pinball2elf --scan --outdir real "$shared/$name/log_0"
    done
else
    skipped "sanitized front-end" "needs libasan and libubsan, which come with gcc: $(head -n 1 cc.log)"
fi
