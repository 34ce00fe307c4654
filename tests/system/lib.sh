# shellcheck shell=bash
# What the system tests share. A test is a script called with BUILD_DIR and SOURCE_DIR that sources this file first; it
# exits with 0 (passed), 77 (could not run here: skipped) or anything else (failed). It works in $tmp, which goes when it ends.
set -uo pipefail

[ $# -ge 2 ] || { echo "usage: $0 BUILD_DIR SOURCE_DIR" >&2; exit 1; }
build=$(readlink -f "$1")
source=$(readlink -f "$2")
export PATH=$build:$PATH
# shellcheck source=tests/environment.sh
. "$source/tests/environment.sh"

# shellcheck source=launch/stuck.sh
. "$source/launch/stuck.sh"

tmp=$(mktemp -d)
trap 'chmod -R u+rwX "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

failures=0

# fail TEXT...: notes a failure; the test goes on, so that one run shows all of them.
fail()
{
    printf 'FAILED: %s\n' "$*" >&2
    failures=$((failures + 1))
}

skip()
{
    printf 'skipped: %s\n' "$*"
    exit 77
}

# At the end of every test.
finish()
{
    if [ $failures -gt 0 ]; then
        printf '%d failed\n' $failures >&2
        exit 1
    fi
    exit 0
}

# run COMMAND...: leaves its exit code in $status and what it printed in the files out and err of $tmp.
run()
{
    status=0
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
}

# expect_exit CODE COMMAND...: runs it; a failure shows what it printed.
expect_exit()
{
    local code=$1
    shift
    run "$@"
    [ "$status" -eq "$code" ] && return 0
    fail "exit code $status instead of $code: $*"
    sed 's/^/    out: /' "$tmp/out" | tail -n 20 >&2
    sed 's/^/    err: /' "$tmp/err" | tail -n 20 >&2
    return 1
}

# expect_message TEXT [FILE]: what was run last said TEXT (not a pattern) in err, or in FILE (out).
expect_message()
{
    local file=${2:-err}
    grep -qF -e "$1" "$tmp/$file" && return 0
    fail "'$1' is not in $file, which is:"
    sed 's/^/    /' "$tmp/$file" | tail -n 20 >&2
    return 1
}

# expect_match REGEX [FILE]: likewise with an extended regular expression.
expect_match()
{
    local file=${2:-out}
    grep -qE -e "$1" "$tmp/$file" && return 0
    fail "nothing in $file matches '$1'; it is:"
    sed 's/^/    /' "$tmp/$file" | tail -n 20 >&2
    return 1
}

# expect_same_arrays A.h5 B.h5 WHAT: weights and optimizer slots, bit for bit (h5diff's default is exact equality).
expect_same_arrays()
{
    local group
    for group in /model /optimizer; do
        h5diff "$1" "$2" $group $group >"$tmp/h5diff" 2>&1 && [ ! -s "$tmp/h5diff" ] && continue
        fail "$3: $group differs"
        head -n 5 "$tmp/h5diff" >&2
    done
}

# Fingerprint of a folder: names, links and contents. Two that are the same: nothing was touched.
fingerprint()
{
    (cd "$1" && find . -printf '%P %y %l %m\n' | sort && find . -type f -print0 | sort -z | xargs -0r sha256sum) | sha256sum
}

# The Python that has h5py; not every python3 that comes first in PATH sees the system's modules.
find_python()
{
    local candidate
    for candidate in python3 /usr/bin/python3; do
        "$candidate" -c 'import h5py' 2>/dev/null && echo "$candidate" && return 0
    done
    return 1
}

# expect_near A.h5 B.h5 WHAT: every array of /model, by its largest difference over its largest element. With $python, that of find_python.
# shellcheck disable=SC2154
expect_near()
{
    "$python" - "$1" "$2" <<'PY' || fail "$3: weights differ by more than 1e-4"
import sys, h5py, numpy
a, b = (h5py.File(name, "r")["model"] for name in sys.argv[1:3])
worst = max(abs(a[l][p][()] - b[l][p][()]).max() / abs(a[l][p][()]).max() for l in a for p in a[l])
sys.exit(not worst <= 1e-4)
PY
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails where it has not by then. What another process does is
# waited for in this way: how long it takes is the machine's affair.
wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# need_mpirun: skips the test where mpirun cannot start anything.
need_mpirun()
{
    command -v mpirun >/dev/null || skip "there is no mpirun on this machine"
    mpirun -np 1 true 2>"$tmp/err" </dev/null || { cat "$tmp/err"; skip "mpirun cannot start anything here"; }
}

# process_of MPIRUN RANK: its pid.
process_of()
{
    local process
    for process in $(pgrep -P "$1" -x cnn-train); do
        tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2" && echo "$process"
    done
}

# ranks N COMMAND...: on N ranks that may use every core. Two minutes are enough for everything here; an mpirun that is locked up
# (launch/stuck.sh) does not look at its own clock.
ranks()
{
    local n=$1
    shift
    timeout --foreground -s KILL 150 mpirun --timeout 120 --bind-to none -np "$n" "$@"
}

# mpirun_behind OPTION...: mpirun in the background, with two minutes as well; $launcher is its process. `behind` waits for it, leaves
# its exit code in $code, and fails, with $locked_up = yes, where it had to be killed because it had locked up behind dead ranks.
mpirun_behind()
{
    mpirun --timeout 120 --bind-to none "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    launcher=$!
    end_stuck $launcher 10 2>"$tmp/locked_up" &
}
behind()
{
    code=0
    wait $launcher || code=$?
    [ ! -s "$tmp/locked_up" ]
}
