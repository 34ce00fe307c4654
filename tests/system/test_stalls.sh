#!/usr/bin/env bash
# A rank that stands still is named, and does not keep the others waiting for ever; one that goes on has changed nothing.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=1
long=(--set train.epochs=20000 --set checkpoint.keep=3)

# launch OPTION...: three ranks in the background, $launcher; waits until they have trained for an epoch.
launch()
{
    rm -rf run
    mpirun_behind -np 3 cnn-train "${long[@]}" --set run.output=run "$@" plain.ini
    wait_for 120 test -e run/latest.h5 && return
    kill "$launcher"
    fail "the ranks did not start: $(cat err)"
    finish
}

# What is said of a rank that does not arrive, behind its name: where it was.
where="(has not arrived|had arrived)(: in|, and has given no sign of life for [0-9.]+ s; it was in)"
where="$where phase (read|forward|backward|reduce|update|evaluate|checkpoint|agree) of step [1-9][0-9]*"

# Stopped for good, rank 0 or another: told of after stall_warn, ended after stall_abort, with exit code 1. A minute is
# wide: what counts is that it ends by itself.
for rank in 1 0; do
    launch --set distributed.stall_warn=0.5 --set distributed.stall_abort=2.5
    process=$(process_of $launcher $rank)
    kill -STOP "$process"
    ( sleep 60; kill -KILL "$launcher" 2>/dev/null ) &
    killer=$!
    wait $launcher
    code=$?
    kill $killer 2>/dev/null
    [ $code = 1 ] || fail "rank $rank stopped: exit code $code (137: it did not end within a minute): $(cat err)"
    expect_match "^warning.*: rank $rank on $(hostname) $where" err
    expect_match "^error.*: rank $rank on $(hostname) $where" err
    wait_for 20 test ! -e "/proc/$process" || fail "rank $rank is still there: $(cat "/proc/$process/status")"
done

# Stopped for a while: told of, told when it is back, and the run ends with the bits of one that was left alone.
launch --set distributed.stall_warn=1.5 --set distributed.stall_abort=0
process=$(process_of $launcher 2)
kill -STOP "$process"
sleep 4
kill -CONT "$process"
sleep 0.5
kill -USR1 $launcher
behind || fail "after a pause: $(cat locked_up)"
[ $code = 85 ] || fail "after a pause: exit code $code: $(cat err)"
expect_match 'warning.*rank 2 on' err
expect_match '(rank 2 on .* has arrived|the ranks go on) after [0-9.]+ s' err
step=$(readlink run/latest.h5 | tr -dc 0-9 | sed 's/5$//; s/^0*//')
expect_exit 0 ranks 3 cnn-train "${long[@]}" --steps "$step" --set run.output=calm plain.ini
expect_same_arrays run/latest.h5 calm/latest.h5 "a rank stood still for a while"
grep -q 'waiting' err && fail "nobody stood still, and yet: $(cat err)"
finish
