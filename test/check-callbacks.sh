# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Users' own callbacks: under other names, out of several objects and a library, by the command line
# and by make; what they leave in registers is gone when the region starts.

cp "$top"/test/callbacks/* .
"$mkpinball" threads three -n 3
compile() { gcc -O2 -Wall -Wextra -ffreestanding -fPIE -fno-stack-protector -fcf-protection=none -I"$top/build/include" "$@"; }
check "callbacks compile without a warning" compile -Werror -c own.c
compile -c helper.c
compile -c library.c -o library.o && mkdir lib && ar rcs lib/libmine.a library.o

should="own begin: threads 3
own thread 0
own thread 1
own thread 2
own end: callbacks 4"
said() { "$@" 2>&1 >/dev/null | sort | sed 's/^own begin/ &/; s/^own end/~&/' | LC_ALL=C sort | sed 's/^[ ~]//'; }

check "own names, two objects, a library" "$pinball2elf" -p own_begin -t own_thread -e own_end \
    three own.o helper.o -Llib -lmine
equal "all are called" "$(said ./three.basic.elfie)" "$should"
equal "the region runs" "$(./three.basic.elfie 2>/dev/null)" "3 threads ok"
check "long names of the options, the library as a file" "$pinball2elf" --process-cbk own_begin \
    --thread-cbk own_thread --process-exit-cbk=own_end -x long.elfie own.o helper.o lib/libmine.a three
equal "all are called, again" "$(said ./long.elfie)" "$should"
refuses "a callback that is not there" 1 "undefined reference to .nobody'" "$pinball2elf" --regenerate -p nobody three
refuses "a library that is not there" 1 'cannot find -lmine' "$pinball2elf" --regenerate three -lmine
refuses "a name that is none" 2 '--thread-cbk takes a name' "$pinball2elf" -t 'a;b' three
equal "-e implies the monitor" "$("$pinball2elf" --regenerate --emit-only -e own_end three &&
    grep -c '\* 0x01: a monitor' three.elfie.d/config.S)" 1

# By make; without -e, elfie_on_exit is called if there is one.
mk() { make --no-print-directory -f "$elfie_mk" ELFIE=three "$@"; }
rm -rf three.elfie.d three.ld ./*.o ./*.elfie
own=(CALLBACKS="own.c helper.c" PROCESS_CBK=own_begin THREAD_CBK=own_thread EXIT_CBK=own_end LDLIBS="-Llib -lmine")
check "make CALLBACKS" mk "${own[@]}"
equal "all are called, by make" "$(said ./three.basic.elfie)" "$should"
equal "twice: nothing is done" "$(mk "${own[@]}" | grep -cE '^  (EMIT|CC|AS|LD)')" 0
sleep 0.01
touch helper.h
equal "a header of the callbacks is new" "$(mk "${own[@]}" | awk '{print $1}' | sort | xargs)" "CC CC LD"
sed -i 's/own begin:/my begin:/' own.c
equal "a callback is new" "$(mk "${own[@]}" | awk '{print $1}' | sort | xargs)" "CC LD"
check "it is in the ELFie" grep -q '^my begin' <(./three.basic.elfie 2>&1)
check "no callbacks any more" mk
equal "then they are gone" "$(./three.basic.elfie 2>&1)" "3 threads ok"
touch own.c
refuses "a callback with an error" 2 'none\.h: No such file' mk CALLBACKS=own.c CALLBACK_CFLAGS="-include none.h"
check "an object of one's own" mk CALLBACKS=helper.callback.o
check "clean-elfies" mk "${own[@]}" clean-elfies
check "it takes the objects of the sources" test ! -e own.callback.o

# config.S is read by people, and edited: callbacks change places with a line of it.
mk "${own[@]}" >/dev/null
sed -i 's/\.quad    own_begin  /.quad    other_begin/' three.elfie.d/config.S
sed 's/own_begin/other_begin/; s/my begin:/other begin:/' own.c >other.c
cat >>other.c <<'END'
void own_begin(uint64_t num_threads, void *context);
void own_begin(uint64_t num_threads, void *context) { (void)num_threads; (void)context; }
END
other=(CALLBACKS="other.c helper.c" "${own[@]:1}")
check "config.S edited: only compiled, assembled and linked" mk "${other[@]}"
check "it is in force" grep -q '^other begin: threads 3' <(./three.basic.elfie 2>&1)
touch three.address
check "the pinball was only touched: the edit stays" mk "${other[@]}"
check "it is still in force" grep -q '^other begin: threads 3' <(./three.basic.elfie 2>&1)
cp three.elfie.d/config.S edited
refuses "other options: make stops" 2 'three\.elfie\.d/config\.S: edited by hand.*config\.S\.new.*regen' mk "${other[@]}" OPTIONS=--no-futexes
check "the edited file is untouched" cmp three.elfie.d/config.S edited
check "clean-elfies leaves it" mk "${other[@]}" clean-elfies
check "it is there" cmp three.elfie.d/config.S edited
check "regen throws it away" mk "${other[@]}" regen
check "own_begin is back" grep -q 'quad    own_begin' three.elfie.d/config.S
rm -rf three.elfie.d three.ld

# Vector registers.
"$mkpinball" exit plain
for features in '' avx avx512f; do
    if [ -n "$features" ] && ! grep -qw "$features" /proc/cpuinfo; then
        skipped "vector registers, $features" "needs a processor with $features"
        continue
    fi
    compile ${features:+-m$features} -c dirty.c
    for pinball in plain three; do
        "$pinball2elf" --regenerate $pinball dirty.o
        check "dirty registers, ${features:-sse}, $pinball: the region starts with clean ones" \
            timeout 60 "$state" $pinball ./$pinball.basic.elfie
    done
done
# The test sees dirty ones where nothing clears them.
flags=$(sed -n 's/^ *\.quad *\(0x[0-9a-f]*\) *# flags.*/\1/p' plain.elfie.d/config.S)
if grep -qw avx /proc/cpuinfo; then
    compile -mavx -c dirty.c
    sed -i "s/^\( *\.quad *\)$flags /\1$(printf '0x%x' $((flags & ~8))) /" plain.elfie.d/config.S
    "$pinball2elf" plain dirty.o
    refuses "without that they would be dirty" 1 '' timeout 60 "$state" plain ./plain.basic.elfie
    "$pinball2elf" --regenerate plain dirty.o
fi

# The second marker, called.
compile -c magic.c
for marker in simics:2 ssc:0x222 sniper:2; do
    "$pinball2elf" --regenerate --magic2 $marker plain magic.o
    equal "elfie_magic2, $marker" "$(./plain.basic.elfie 2>&1 | head -n 1)" kept
done
