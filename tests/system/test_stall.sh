#!/usr/bin/env bash
# A rank that is stopped ends the job in time, with its name, whatever the rank was doing; one that is slow, and a job that is
# suspended as a whole, do not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

need_mpirun
program=$build/tests/mpi_test_watch

started()
{
    [ -s pid.0 ] && [ -s pid.1 ] && [ -s pid.2 ] && [ -s pid.3 ]
}

# launch MODE RANK WARN ABORT: the job with four ranks in the background, $job; returns when all of them are at work.
launch()
{
    rm -f pid.*
    timeout -k 5 180 mpirun --bind-to none -np 4 "$program" "$@" >out 2>err </dev/null &
    job=$!
    wait_for 60 started && return
    kill $job
    fail "the ranks did not start: $(cat err)"
    finish
}

# stall CODE MODE RANK WARN ABORT: likewise, to its end; leaves in $took how many seconds it was at work.
stall()
{
    local code=$1 start
    shift
    launch "$@"
    start=$SECONDS
    wait $job
    status=$?
    took=$((SECONDS - start))
    [ $status = "$code" ] || fail "exit code $status instead of $code: $*: $(cat err)"
}

# The stall comes after 1 or 2 seconds, stall_abort takes 3, and the end at most 4. The bound is wide, for a machine that
# does other things.
took_max=40
host=$(hostname)
for rank in 0 3; do
    # who speaks: rank 0 without saying so, or where it is the one that is missing rank 1
    voice=$([ $rank = 0 ] && echo " \(rank 1 on $host\)")
    stall 1 stopped $rank 1 3
    [ $took -le $took_max ] || fail "rank $rank was stopped, and the job took $took s to end"
    expect_match "^warning$voice: .* rank $rank on $host has not arrived.* in phase forward of step 7" err
    expect_match "^error$voice: .* rank $rank on $host has not arrived.* in phase forward of step 7" err
    expect_match "^error$voice: .* stall_abort \(3.0 s\)" err
    grep -E '^(warning|error)' err | grep -vE "^(warning|error)$voice: " && fail "another rank spoke as well"

    stall 1 arrived $rank 1 3
    [ $took -le $took_max ] || fail "rank $rank was stopped when it waited, and the job took $took s to end"
    expect_match "^error$voice: .* rank $rank on $host had arrived, and has given no sign of life for .* in phase reduce of step 7" err
done

stall 0 quiet 0 5 15
[ ! -s err ] || fail "nobody stalled, but: $(cat err)"

stall 0 slow 1 1 60
expect_match "^warning: .* rank 1 on $host has not arrived: in phase forward of step 7 for .* last heard of" err
expect_match "^warning: rank 1 on $host has arrived after ([2-9]|[1-9][0-9])(\.[0-9])? s" err

# All ranks are suspended for longer than stall_abort while one is awaited, as a batch system does it.
launch slow 1 2 8
sleep 2
grep -q "done" out && fail "it is over before it could be suspended"
mapfile -t pids < <(cat pid.*)
kill -STOP "${pids[@]}"
sleep 11
kill -CONT "${pids[@]}"
wait $job || fail "suspended and continued, the job ended with $?: $(cat err)"
finish
