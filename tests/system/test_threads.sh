#!/usr/bin/env bash
# The programs tell libgomp not to let waiting threads spin for long, unless the environment tells them something else, and keep their name.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

unset OMP_WAIT_POLICY
for program in cnn-train cnn-predict; do
    expect_exit 0 env OMP_DISPLAY_ENV=verbose $program --version
    grep -q 'GOMP_SPINCOUNT' err || skip "this OpenMP does not tell how long its threads spin"
    [ "$(grep -o "GOMP_SPINCOUNT = '[0-9]*'" err | tail -n 1)" = "GOMP_SPINCOUNT = '2000'" ] || fail "$program: $(grep SPIN err)"
    expect_exit 0 env OMP_DISPLAY_ENV=verbose GOMP_SPINCOUNT=77 $program --version
    [ "$(grep -c GOMP_SPINCOUNT err)" = 1 ] && expect_message "GOMP_SPINCOUNT = '77'"
done

# Started anew, it may run on as many places as before, though OpenMP had bound its first thread to one of them.
expect_exit 0 env OMP_PROC_BIND=true OMP_DISPLAY_ENV=verbose cnn-train --version
[ "$(grep -c OMP_PLACES err)" = 2 ] || fail "not started anew: $(cat err)"
[ "$(grep OMP_PLACES err | sort -u | wc -l)" = 1 ] || fail "other places: $(grep OMP_PLACES err)"

# A pipe that nobody reads from keeps it alive long enough to be looked at.
mkfifo configuration.ini
cnn-train --dry-run configuration.ini >/dev/null 2>&1 &
for _ in $(seq 50); do
    name=$(cat "/proc/$!/comm" 2>/dev/null)
    [ "$name" = cnn-train ] && tr '\0' '\n' <"/proc/$!/environ" 2>/dev/null | grep -q '^GOMP_SPINCOUNT=' && break
    sleep 0.1
done
[ "$name" = cnn-train ] || fail "the process is called '$name'"

# And a signal ends it, as long as there is no step to be finished.
kill $!
wait $!
code=$?
[ $code = 143 ] || fail "SIGTERM before the first step: exit code $code"
finish
