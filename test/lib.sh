# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# What every test file has: the project's tools, a folder of its own, and words to say how a test
# went. A test file is sourced by ./run, in its own bash, with errors not ending it.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pinball2elf=$top/build/pinball2elf
record=$top/build/elfie-record
elfie_mk=$top/scripts/elfie.mk
state=$top/test/state.py
mkpinball=$top/test/mkpinball.py
shared=$top/../shared/pinballs
programs=$top/build/test-programs

passed() { echo "ok   $1" && echo ok >>"$RESULTS"; }
failed() { echo "FAIL $1${2:+: $2}" && echo fail >>"$RESULTS"; }
skipped() { echo "skip $1: $2" && echo skip >>"$RESULTS"; }

# check NAME COMMAND...: passes when the command ends with 0; shows what it said when not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed "$name"
    else
        failed "$name" "status $? of: $*"
        head -n 20 <<<"$output" | sed 's/^/     | /'
    fi
}

# equal NAME IS SHOULD
equal() {
    if [ "$2" = "$3" ]; then passed "$1"; else failed "$1" "is '$2', should be '$3'"; fi
}

# refuses NAME STATUS PATTERN COMMAND...: the command ends with this status and says one line that
# matches the extended regular expression.
refuses() {
    local name=$1 status=$2 pattern=$3 output actual
    shift 3
    output=$("$@" 2>&1 >/dev/null)
    actual=$?
    if [ "$actual" -ne "$status" ]; then
        failed "$name" "status $actual instead of $status: $output"
    elif ! grep -qE -- "$pattern" <<<"$output"; then
        failed "$name" "says '$output', not '$pattern'"
    else
        passed "$name"
    fi
}

# repeat NAME N STATUS COMMAND...: the command ends with this status N times of N. Three failures are
# enough to know: where it hangs, each takes its time.
repeat() {
    local name=$1 n=$2 status=$3 good=0 i
    shift 3
    for ((i = 0; i < n && i - good < 3; i++)); do
        timeout 30 "$@" >/dev/null 2>&1
        [ $? -eq "$status" ] && good=$((good + 1))
    done
    equal "$name, $n runs" "$good of $n" "$n of $n"
}

# has COMMAND PACKAGE NAME: false, with a skipped test NAME, when the command is not there.
has() {
    command -v "$1" >/dev/null && return
    skipped "$3" "needs $1 (Debian package $2)"
    return 1
}

# as_user COMMAND...: runs as a user to whom permissions apply.
as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
