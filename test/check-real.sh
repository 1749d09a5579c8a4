# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# The real pinballs of ../shared/pinballs, recorded with PinPlay in 2017 and 2021.

st() {
    [ "$("$@" 2>&1; echo "status $?")" = "Hello world 1
status 14" ]
}
mt() {
    local out status
    out=$("$@" 2>&1)
    status=$?
    [ $status -eq 0 ] && [ "$(grep -c visited <<<"$out")" -eq 4 ] &&
        [ "$(grep -c '^Joined' <<<"$out")" -eq 4 ] && [ "$(grep -c '^All threads joined' <<<"$out")" -eq 1 ]
}

# runs NAME N WHAT COMMAND...
runs() {
    local name=$1 n=$2 what=$3 good=0 i
    shift 3
    for ((i = 0; i < n && i - good < 3; i++)); do
        "$what" timeout 30 "$@" && good=$((good + 1))
    done
    equal "$name, $n runs" "$good of $n" "$n of $n"
}

if [ ! -d "$shared" ]; then
    skipped "real pinballs" "needs ../shared/pinballs"
    return
fi
for what in st mt; do
    for layout in direct compact; do
        elfie=$what.$layout/log_0.basic.elfie
        check "$what, $layout: made" "$pinball2elf" --layout $layout --outdir $what.$layout "$shared/$what/log_0"
        runs "$what, $layout: output and status" 100 $what "$elfie"
        runs "$what, $layout: under setarch -R" 100 $what setarch -R "$elfie"
        check "$what, $layout: state at the first instructions" "$state" "$shared/$what/log_0" "$elfie"
        check "$what, $layout: the same without randomisation" "$state" --no-aslr "$shared/$what/log_0" "$elfie"
        check "$what, $layout: program headers" "$top/test/headers.py" "$elfie" 73
    done
done

if has strace strace "st: system calls before the first instruction"; then
    # Up to the last call of the startup; execve is not its own. At most 20 calls, and two a move.
    strace -o trace st.direct/log_0.basic.elfie >/dev/null
    sed -n '2,/^sigaltstack/p' trace >startup
    moves=$(awk '/elfie_moves = /{on=1} on && /QUAD\(0\) QUAD\(0\) QUAD\(0\)/{exit} on && /QUAD/{n++} END{print n}' st.direct/log_0.ld)
    calls=$(grep -vcE '^(mmap|mremap)' startup)
    for_moves=$(grep -cE '^(mmap|mremap)' startup)
    if [ "$calls" -le 20 ] && [ "$calls" -ge 5 ] && [ "$for_moves" -le $((2 * moves)) ] && [ "$for_moves" -ge $((moves / 2)) ]; then
        passed "st: $calls system calls, and $for_moves for $moves moves, before the first instruction"
    else
        failed "st: system calls before the first instruction" "$calls, and $for_moves for $moves moves"
    fi
fi

refuses "sse42: has no .text" 1 'region\.text: no such file, nor with \.bz2 or \.gz' \
    "$pinball2elf" --outdir sse42 "$shared/sse42/region"
check "sse42: nothing is left" test ! -e sse42/region.ld
check "sse42: no ELFie" test ! -e sse42/region.basic.elfie
equal "sse42: no temporary file is left" "$(find sse42 -type f 2>/dev/null)" ""
equal "sse42: entry address" "$("$top/scripts/pinball.entry-addr.sh" "$shared/sse42/region")" \
    "Thread: 0 Entry Address: 0x40158e"
