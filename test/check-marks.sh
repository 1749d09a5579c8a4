# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Where warm-up and simulation end: event files of every shape, as rows of elfie_marks in config.S.

"$mkpinball" threads p -n 4
for t in 0 1 2 3; do
    grep -q '^inscount: ' p.$t.result || echo "inscount: 100$t" >>p.$t.result
done
inscount=$(sed -n 's/^inscount: *//p' p.3.result)

# events MARKERS LINE...: p.event_icount.3.txt; without markers if the first word is "no".
events() {
    local markers=$1
    shift
    printf '%s\n' "$@" | if [ "$markers" = no ]; then grep -vE '^ *(Marker|Addr) '; else cat; fi >p.event_icount.3.txt
}

# row: of thread 3
row() {
    "$pinball2elf" --emit-only --outdir out p || return
    sed -n 's/^ *\.quad  *\(.*\) # thread 3$/\1/p' out/p.elfie.d/config.S
}

start=("Sim-Start global_icount: 1597134619"
    "Sim-Start tid: 3 icount 217651514")
start_markers=("        Marker  814187  global_addrcount: 84737"
    "        Marker  814187 tid: 3 addrcount 12816"
    "        Marker  9decb1  global_addrcount: 0"
    "        Marker  9decb1 tid: 3 addrcount 0")
end=("Sim-End global_icount: 2400630567"
    "Sim-End tid: 3 icount 278389598"
    "        Marker  814187  global_addrcount: 116928"
    "        Marker  814187 tid: 3 addrcount 12960"
    "        Marker  9decb1  global_addrcount: 34067"
    "        Marker  9decb1 tid: 3 addrcount 4368")
fini=("Fini  global_icount: 2400722002"
    "Fini  tid: 3 icount 278420906"
    "Addr  814187  global_addrcount: 116928"
    "Addr  814187 tid: 3 addrcount 12961"
    "Addr  9decb1  global_addrcount: 34070"
    "Addr  9decb1 tid: 3 addrcount 4369")

equal "no event file: the length of the region" "$(row)" "0, 0x0, 0, $inscount, 0x0, 0"
events with "${start[@]}" "${start_markers[@]}" "${end[@]}" "${fini[@]}"
equal "warm-up, Sim-End, markers" "$(row)" "217651514, 0x814187, 12816, 278389598, 0x9decb1, 4368"
equal "the other threads have no marks" \
    "$(grep -cE '^ *\.quad  *0, 0x0, 0, [1-9][0-9]*, 0x0, 0 # thread [012]$' out/p.elfie.d/config.S)" 3
events no "${start[@]}" "${end[@]}" "${fini[@]}"
equal "warm-up, Sim-End, no markers" "$(row)" "217651514, 0x0, 0, 278389598, 0x0, 0"
events with "${start[@]}" "${start_markers[@]}" "${fini[@]}"
equal "warm-up, no Sim-End, markers" "$(row)" "217651514, 0x814187, 12816, 278420906, 0x9decb1, 4369"
events no "${start[@]}" "${fini[@]}"
equal "warm-up, no Sim-End, no markers" "$(row)" "217651514, 0x0, 0, 278420906, 0x0, 0"
zero=("Sim-Start global_icount: 0" "Sim-Start tid: 3 icount 0"
    "        Marker  9decb1  global_addrcount: 0" "        Marker  9decb1 tid: 3 addrcount 0")
one_end=("${end[@]:0:2}" "${end[@]:4:2}")
events with "${zero[@]}" "${one_end[@]}" "${fini[@]:0:2}" "${fini[@]:4:2}"
equal "no warm-up, Sim-End, markers" "$(row)" "0, 0x0, 0, 278389598, 0x9decb1, 4368"
events no "${zero[@]}" "${one_end[@]}" "${fini[@]}"
equal "no warm-up, Sim-End, no markers" "$(row)" "0, 0x0, 0, 278389598, 0x0, 0"
events with "${zero[@]}" "${fini[@]:0:2}" "${fini[@]:4:2}"
equal "no warm-up, no Sim-End, markers" "$(row)" "0, 0x0, 0, 278420906, 0x9decb1, 4369"
events no "${fini[@]}"
equal "no warm-up, no Sim-End, no markers" "$(row)" "0, 0x0, 0, 278420906, 0x0, 0"

# One address in each event is where the simulation ends, not where it starts.
events with "${start[@]}" "        Marker  9decb1 tid: 3 addrcount 17" "${one_end[@]}"
equal "one address" "$(row)" "217651514, 0x0, 0, 278389598, 0x9decb1, 4368"
events with "Warmup-Start global_icount: 5" "Warmup-Start tid: 3 icount 5" \
    "  Marker  5570164814e0  global_addrcount: 2" "  Marker  5570164814e0 tid: 3 addrcount 2" \
    "  Marker  5570164814e0  global_addrcount: 2" "  Marker  5570164814e0 tid: 3 addrcount 2" \
    "Warmup-Stop global_icount: 98" "Warmup-Stop tid: 3 icount 98" \
    "Sim-Start global_icount: 99" "Sim-Start tid: 3 icount 99" \
    "  Marker  5570164814e0  global_addrcount: 7" "  Marker  5570164814e0 tid: 3 addrcount 7" \
    "  Marker  5570164814e0  global_addrcount: 7" "  Marker  5570164814e0 tid: 3 addrcount 7" \
    "Sim-End global_icount: 500" "Sim-End tid: 3 icount 400" \
    "  Marker  5570164814e0  global_addrcount: 30" "  Marker  5570164814e0 tid: 3 addrcount 20" \
    "  Marker  5570164814e0  global_addrcount: 30" "  Marker  5570164814e0 tid: 3 addrcount 20"
equal "newer names, one address twice" "$(row)" "99, 0x5570164814e0, 7, 400, 0x5570164814e0, 20"
events no "Warmup-Stop global_icount: 98" "Warmup-Stop tid: 3 icount 98" "${fini[@]}"
equal "Warmup-Stop alone" "$(row)" "98, 0x0, 0, 278420906, 0x0, 0"

# All threads in each file, and lines ended as on other systems.
events with "Sim-Start global_icount: 10" "Sim-Start tid: 0 icount 4" "Sim-Start tid: 3 icount 6" \
    "Sim-End global_icount: 20" "Sim-End tid: 0 icount 11" "Sim-End tid: 3 icount 9"
sed -i 's/$/\r/' p.event_icount.3.txt
equal "lines of several threads" "$(row)" "6, 0x0, 0, 9, 0x0, 0"
cp p.event_icount.3.txt p.event_icount.0.txt
equal "two threads with marks" "$(row) $(grep -cE '\.quad  *4, 0x0, 0, 11, 0x0, 0 # thread 0' out/p.elfie.d/config.S)" \
    "6, 0x0, 0, 9, 0x0, 0 1"
rm p.event_icount.0.txt
gzip -c p.event_icount.3.txt >p.event_icount.3.txt.gz && rm p.event_icount.3.txt
equal "compressed" "$(row)" "6, 0x0, 0, 9, 0x0, 0"
rm p.event_icount.3.txt.gz

# bad NAME PATTERN LINE...
bad() {
    local name=$1 pattern=$2
    shift 2
    events with "$@"
    refuses "$name" 1 "$pattern" "$pinball2elf" --emit-only --outdir bad p
    equal "$name: nothing is left" "$(find bad -type f 2>/dev/null)" ""
}
bad "a number of 65 bits" 'p\.event_icount\.3\.txt:2: no decimal number of 64 bits behind .icount.' \
    "Fini global_icount: 1" "Fini tid: 3 icount 18446744073709551616"
bad "no number" 'p\.event_icount\.3\.txt:1: no decimal number' "Fini global_icount:"
bad "a negative number" 'p\.event_icount\.3\.txt:1: no decimal number' "Fini tid: 3 icount -5"
bad "no event" 'p\.event_icount\.3\.txt:1: neither an event' "Hello"
bad "a thread without its count" 'p\.event_icount\.3\.txt:1: neither an event' "Fini tid: 3"
bad "an address of 68 bits" "p\.event_icount\.3\.txt:2: a marker's address" \
    "Fini tid: 3 icount 5" "Marker 12345678123456781 tid: 3 addrcount 1"
bad "no address" "p\.event_icount\.3\.txt:2: a marker's address" "Fini tid: 3 icount 5" "Marker tid: 3 addrcount 1"
bad "a marker without its count" "p\.event_icount\.3\.txt:2: neither 'global_addrcount" \
    "Fini tid: 3 icount 5" "Marker 1234 tid: 3"
bad "a marker before any event" 'p\.event_icount\.3\.txt:1: a marker stands before' "Marker 1234 tid: 3 addrcount 1"
bad "an event twice" 'p\.event_icount\.3\.txt:2: Fini of thread 3 is there twice' \
    "Fini tid: 3 icount 5" "Fini tid: 3 icount 6"
bad "an end before the start" 'p\.event_icount\.3\.txt: the simulation of thread 3 ends at instruction 5, before it starts at 6' \
    "Sim-Start tid: 3 icount 6" "Sim-End tid: 3 icount 5"
events with "Sim-Start tid: 2 icount 6"
check "nothing of the file's own thread: a warning" \
    grep -q 'p\.event_icount\.3\.txt: warning: no Sim-Start' <("$pinball2elf" --emit-only --outdir out p 2>&1)
