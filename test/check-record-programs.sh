# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
# Programs as they come with Debian, recorded on their way by symbol or by instruction count: the
# output of the first part and that of the ELFie are together what one run prints, to the byte.

if ! mkdir data; then exit 1; fi
head -c 100000 "$(command -v perl)" >data/binary
seq 1 20000 | awk '{ print ($1 * 7919) % 20011, "line of text" }' >data/text
cat >data/unit.c <<'END'
int sum(const int *at, int count)
{
    int s = 0;
    for (int i = 0; i < count; i++)
        s += at[i] * i;
    return s;
}
END

# round NAME INPUT START PROGRAM ARGUMENT...
round() {
    local name=$1 input=$2 start=$3 status
    shift 3
    "$@" <"$input" >"$name.full"
    status=$?
    timeout 100 "$record" --start "$start" --output "$name/log" -- "$@" <"$input" >"$name.first"
    equal "$name: recorded at $start" "$?" 0
    check "$name: made" "$pinball2elf" "$name/log"
    timeout 60 "$name/log.basic.elfie" <"$input" >"$name.rest"
    equal "$name: exit status" $? "$status"
    cat "$name.first" "$name.rest" >"$name.both"
    check "$name: the output of both parts is that of the whole" cmp "$name.full" "$name.both"
    check "$name: there is a rest" test -s "$name.rest"
}

# needs COMMAND PACKAGE: leaves a skipped test where it is missing.
for pair in bzip2:bzip2 gzip:gzip sqlite3:sqlite3 python3:python3 awk:mawk xz:xz-utils \
    openssl:openssl perl:perl; do
    has "${pair%:*}" "${pair#*:}" "${pair%:*}" || missing+=" ${pair%:*} "
done
try() { [[ ${missing:-} == *" $1 "* ]] || round "$@"; }

try bzip2 data/binary symbol:BZ2_bzCompressInit bzip2 -c
try gzip data/binary icount:100000 gzip -nc
try sqlite3 /dev/null symbol:sqlite3_step:count3 sqlite3 :memory: 'create table t(a, b);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
    insert into t select i, i * i from n;
    select sum(a), sum(b) from t; select count(*) from t where a % 7 = 3;
    select group_concat(b) from t where a < 50;'
try python3 /dev/null symbol:PyLong_FromLong:count3000 /usr/bin/python3 -S -c 'import math
print("begin", flush=True)
s = 0
for i in range(20000):
    s = (s * 31 + i * i) % 1000003
print(s, math.sqrt(s), sorted({str(s), "a", "b"}))
raise SystemExit(3)'
try awk /dev/null icount:120000 awk 'BEGIN { for (i = 0; i < 20000; i++) s = (s * 31 + i) % 1000003
    printf "%d %.9f\n", s, sqrt(s); exit 4 }'
round sort data/text icount:100000 sort --parallel=4 -S 1M
try xz data/binary symbol:lzma_stream_encoder_mt xz -T2 --block-size=32768 -c
round cc1 /dev/null icount:100000 "$(gcc -print-prog-name=cc1)" -quiet -O2 data/unit.c -o -
try openssl data/binary symbol:EVP_DigestInit_ex openssl dgst -sha256
# shellcheck disable=SC2016
try perl /dev/null symbol:Perl_hv_common:count2500 perl -e 'for ($i = 0; $i < 20000; $i++) {
    $h{$i % 97} .= $i if $i % 5 == 0 } print map { "$_ " . length($h{$_}) . "\n" } sort keys %h; exit 5'

# One of them with its whole region run and logged.
echo 'hello, region' >data/short
timeout 100 "$record" --start symbol:BZ2_bzCompressEnd --length end --output logged/log -- bzip2 -c <data/short >logged.all
equal "bzip2: the region is logged" $? 0
check "bzip2: replayed" timeout 60 "$record" --replay-check logged/log
