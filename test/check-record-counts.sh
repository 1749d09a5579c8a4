# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Instruction counts of recorded regions, against another stepper, step-count.c.

make -C "$top/test/programs" BUILD="$programs" >build.log 2>&1 || cat build.log

# value PINBALL KEY: what BASE.0.result says.
value() { awk -v key="$2:" '$1 == key { print $2 }' "$1.0.result"; }
last_register() { awk -v name="$2" '$1 == "last_register:" && $2 == name { print $3 }' "$1.0.result"; }

cc -O2 -Wall -Wextra -o step-count "$top/test/step-count.c"
address=0x$(nm "$programs/steps" | awk '$3 == "region_start" { print $1 }')
for n in 1000 100000 1000000; do
    read -r count last _ rax _ rbx _ rdx _ < <(timeout 400 ./step-count "$address" $n "$programs/steps" | tr -d '\0')
    timeout 400 "$record" --start symbol:region_start --length $n --output "count/$n" -- "$programs/steps" >/dev/null
    equal "$n instructions: counted" "$(value count/$n inscount)" "$count"
    equal "$n instructions: the last one" "$(value count/$n ip_type:last_pc)" "$last"
    equal "$n instructions: registers" \
        "$(last_register count/$n rax) $(last_register count/$n rbx) $(last_register count/$n rdx)" "$rax $rbx $rdx"
done
check "a 1,000,000th instruction has another place than the 100,000th" \
    test "$(value count/1000000 ip_type:last_pc)$(last_register count/1000000 rbx)" != \
    "$(value count/100000 ip_type:last_pc)$(last_register count/100000 rbx)"
