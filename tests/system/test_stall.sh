#!/usr/bin/env bash
# A rank that is stopped ends the job in time, with its name, whatever the rank was doing; one that is slow, and a job that is
# suspended as a whole, do not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

command -v mpirun >/dev/null || skip "there is no mpirun on this machine"
mpirun -np 1 true 2>err || { cat err; skip "mpirun cannot start anything here"; }
program=$build/tests/mpi_test_watch

# stall CODE MODE RANK WARN ABORT: the job with four ranks; leaves in $took how many seconds it took.
stall()
{
    local code=$1 start=$SECONDS
    shift
    expect_exit "$code" timeout -k 5 60 mpirun --bind-to none -np 4 "$program" "$@"
    took=$((SECONDS - start))
}

# Start and the time before the stall take 2 seconds, stall_abort 3, the rest is for the end.
host=$(hostname)
for rank in 0 3; do
    speaker=$((rank == 0))
    stall 1 stopped $rank 1 3
    [ $took -le 12 ] || fail "rank $rank was stopped, and the job took $took s to end"
    expect_match "^warning \(rank $speaker on $host\): .* rank $rank on $host has not arrived.* in phase forward of step 7" err
    expect_match "^error \(rank $speaker on $host\): .* rank $rank on $host has not arrived.* in phase forward of step 7" err
    expect_message "stall_abort (3.0 s)"
    grep -E '^(warning|error) ' err | grep -v "rank $speaker on $host):" && fail "another rank than $speaker spoke as well"

    stall 1 arrived $rank 1 3
    [ $took -le 12 ] || fail "rank $rank was stopped when it waited, and the job took $took s to end"
    expect_match "^error .* rank $rank on $host had arrived, and has given no sign of life for .* in phase reduce of step 7" err
done

stall 0 quiet 0 1 3
[ ! -s err ] || fail "nobody stalled, but: $(cat err)"

stall 0 slow 1 1 20
expect_match "^warning: .* rank 1 on $host has not arrived: in phase forward of step 7 for .* last heard of" err
expect_match "^warning: rank 1 on $host has arrived after [234]" err

# All ranks are suspended for longer than stall_abort while one is awaited, as a batch system does it.
rm -f pid.*
mpirun --bind-to none -np 4 "$program" slow 1 2 6 >out 2>err </dev/null &
job=$!
for _ in {1..100}; do
    [ -s pid.0 ] && [ -s pid.1 ] && [ -s pid.2 ] && [ -s pid.3 ] && break
    sleep 0.1
done
sleep 2
mapfile -t pids < <(cat pid.*)
kill -STOP "${pids[@]}"
sleep 9
kill -CONT "${pids[@]}"
wait $job || fail "suspended and continued, the job ended with $?: $(cat err)"
finish
