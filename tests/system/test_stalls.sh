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
    mpirun --bind-to none -np 3 cnn-train "${long[@]}" --set run.output=run "$@" plain.ini >out 2>err </dev/null &
    launcher=$!
    for _ in $(seq 300); do
        [ -e run/latest.h5 ] && return
        sleep 0.1
    done
    fail "the ranks did not start: $(cat err)"
}

# The process of a rank of the launcher.
rank_process()
{
    local process
    for process in $(pgrep -P "$launcher"); do
        tr '\0' '\n' <"/proc/$process/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$process"
    done
}

# Stopped for good, rank 0 or another: told of after stall_warn, ended after stall_abort, with a code that is no success.
for rank in 1 0; do
    launch --set distributed.stall_warn=0.5 --set distributed.stall_abort=2.5
    process=$(rank_process $rank)
    start=$(date +%s)
    kill -STOP "$process"
    ( sleep 40; kill -KILL "$launcher" 2>/dev/null ) &
    killer=$!
    wait $launcher
    code=$?
    kill $killer 2>/dev/null
    took=$(($(date +%s) - start))
    if [ $code = 0 ] || [ $code = 137 ]; then fail "rank $rank stopped: exit code $code"; fi
    [ $took -le 15 ] || fail "rank $rank stopped: the job ended after $took s"
    expect_match "warning.*rank $rank on $(hostname)" err
    expect_match "error.*rank $rank on $(hostname)" err
    expect_match '(read|forward|backward|reduce|update|evaluate|checkpoint|agree)' err
    for _ in $(seq 50); do
        [ -e "/proc/$process" ] || break
        sleep 0.1
    done
    [ ! -e "/proc/$process" ] || fail "rank $rank is still there: $(cat "/proc/$process/status")"
done

# Stopped for a while: told of, told when it is back, and the run ends with the bits of one that was left alone.
launch --set distributed.stall_warn=1.5 --set distributed.stall_abort=0
process=$(rank_process 2)
kill -STOP "$process"
sleep 4
kill -CONT "$process"
sleep 0.5
kill -USR1 $launcher
wait $launcher
code=$?
[ $code = 85 ] || fail "after a pause: exit code $code: $(cat err)"
expect_match 'warning.*rank 2 on' err
expect_match 'rank 2 .*arrived' err
step=$(readlink run/latest.h5 | tr -dc 0-9 | sed 's/5$//; s/^0*//')
expect_exit 0 ranks 3 cnn-train "${long[@]}" --steps "$step" --set run.output=calm plain.ini
expect_same_arrays run/latest.h5 calm/latest.h5 "a rank stood still for a while"
grep -q 'waiting' err && fail "nobody stood still, and yet: $(cat err)"
finish
