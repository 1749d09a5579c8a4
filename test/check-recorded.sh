# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Programs that are recorded here and now, half-way through: the ELFie prints what the rest of the
# original run printed, to the byte, and its state at the first instructions is that of the pinball.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

round() {
    local name=$1 elfie=$1/log_0.basic.elfie status
    shift
    mkdir "$name"
    "$programs/$name" >"$name/full"
    status=$?
    "$record" --output "$name/log_0" "$@" -- "$programs/$name" >"$name/first"
    equal "$name: recorded" $? 0
    check "$name: made" "$pinball2elf" "$name/log_0"
    timeout 60 "$elfie" >"$name/rest"
    equal "$name: exit status" "$?" "$status"
    cat "$name/first" "$name/rest" >"$name/both"
    check "$name: the output of both parts is that of the whole" cmp "$name/full" "$name/both"
    check "$name: there is a rest" test -s "$name/rest"
    check "$name: state at the first instructions" "$state" "$name/log_0" "$elfie"
    check "$name: state without randomisation" "$state" --no-aslr "$name/log_0" "$elfie"
    repeat "$name" 20 "$status" "$elfie"
    check "$name, compact: made" "$pinball2elf" --layout compact --outdir "$name/compact" "$name/log_0"
    check "$name, compact: state" "$state" "$name/log_0" "$name/compact/log_0.basic.elfie"
    repeat "$name, compact" 10 "$status" "$name/compact/log_0.basic.elfie"
}

for name in plain static pie exceptions threads8 threads8-static vectors sse deeprec; do
    round $name --start symbol:region_start
done

# Forms of the files: both log formats, three ways to pack them.
for format in 2.6 2.11; do
    for compress in none bzip2 gzip; do
        "$record" --start symbol:region_start --log-format $format --compress $compress \
            --output form/log -- "$programs/static" >form.first
        "$pinball2elf" form/log
        form/log.basic.elfie >form.rest
        check "format $format, $compress" cmp <(cat form.first form.rest) static/full
    done
done

# Counted starts: by symbol and by address.
nm "$top/build/test-programs/static" | awk '$3 == "region_start" { print "0x" $1 }' >address
"$record" --start "address:$(cat address):count1" --output counted/log -- "$programs/static" >counted.first
"$pinball2elf" counted/log
check "start at an address" cmp <(cat counted.first <(counted/log.basic.elfie)) static/full

refuses "record: no such symbol" 1 'no_such_function' \
    "$record" --start symbol:no_such_function --output none/log -- "$programs/static"
refuses "record: the program ends before" 1 'before the start was reached' \
    "$record" --start symbol:region_start:count1000 --output none/log -- "$programs/static"
refuses "record: no program" 1 'no-such-program' \
    "$record" --start symbol:main --output none/log -- ./no-such-program
refuses "record: no start" 2 '--help' "$record" --output none/log -- "$programs/static"
equal "record: nothing is left after errors" "$(find none -type f 2>/dev/null)" ""
equal "record: the files claim no instruction count" "$(grep -l inscount static/log_0.*.result)" ""
