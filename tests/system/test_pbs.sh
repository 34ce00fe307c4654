#!/usr/bin/env bash
# launch/pbs.sh, with stand-ins for qstat and qsub, because PBS is no package of Debian's: the clock, what is handed in, and when not.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
[ "$(nproc)" -ge 2 ] || skip "two ranks want two cores here"

mkdir bin
cat >bin/qstat <<'END'
#!/bin/sh
cat "$ATTRIBUTES"
END
cat >bin/qsub <<'END'
#!/bin/sh
printf '%s\n' "$@" >handed_in
END
chmod +x bin/*
export PATH=$tmp/bin:$PATH ATTRIBUTES=$tmp/attributes
export PBS_JOBID=7.server PBS_O_WORKDIR=$tmp PBS_NODEFILE=$tmp/nodes OMP_NUM_THREADS=1 PAUSE=0
export SCRIPT=$source/launch/pbs.sh CNN_TRAIN=$build/cnn-train
printf '%s\n' localhost localhost >nodes

# attributes WALLTIME RUN_COUNT: what qstat -f will say.
attributes()
{
    printf '%s\n' "Job Id: $PBS_JOBID" "    Resource_List.select = 1:ncpus=2:mpi" \
        $'\tprocs=2' "    Resource_List.walltime = $1" \
        "    run_count = $2" >attributes
}

# Its time is nearly up: a checkpoint, and a job that goes on with the same options.
write_config plain.ini plain
sed -i 's/^epochs = .*/epochs = 20000/' plain.ini
printf '[distributed]\nallreduce = tree\n[checkpoint]\nevery = 5\n' >>plain.ini
attributes 00:02:15 1
expect_exit 85 env CONFIG=plain.ini OPTIONS='--set checkpoint.keep=2 --set train.lr=0.02' "$SCRIPT"
expect_message 'asked to stop by SIGUSR1' out
expect_message 'stopped on request, after step' out
for line in '-W' 'depend=afterany:7.server' 'select=1:ncpus=2:mpiprocs=2' 'walltime=00:02:15' "$SCRIPT"; do
    grep -qxF -e "$line" handed_in || fail "qsub was not given $line: $(cat handed_in)"
done
variables=$(sed -n '/^-v$/{n;p}' handed_in)
step=$(readlink plain/latest.h5 | sed 's/^step-0*//; s/\.h5$//')
sed -i "s/^epochs = .*/epochs = $((step / 72 + 1))/" plain.ini
attributes 08:00:00 1
# shellcheck disable=SC2086
eval expect_exit 0 env ${variables//,/ } '"$SCRIPT"'
expect_message 'start 1 on localhost, 2 ranks' out
expect_message "resuming from plain/$(printf 'step-%08d.h5' "$step")" out
expect_exit 0 cnn-train --set distributed.shards=2 --set train.lr=0.02 --set run.output=undisturbed plain.ini
expect_same_arrays undisturbed/latest.h5 plain/latest.h5 'out of time, and gone on with'

# A folder that holds a run is not gone on with by a new job, but by one that PBS has started again.
before=$(fingerprint plain)
expect_exit 4 env CONFIG=plain.ini "$SCRIPT"
expect_message 'holds a run already'
[ "$before" = "$(fingerprint plain)" ] || fail "a new job went on with a run that is not its own"
attributes 08:00:00 2
expect_exit 0 env CONFIG=plain.ini "$SCRIPT"
expect_exit 0 env CONFIG=plain.ini OPTIONS='--steps 20 --set run.output=first' "$SCRIPT"
expect_message 'no checkpoint to go on from' out

# Cancelled: the end.
attributes 08:00:00 1
rm -f handed_in
sed -i 's/^epochs = .*/epochs = 20000/' plain.ini
CONFIG=plain.ini OPTIONS='--set run.output=cancelled' "$SCRIPT" >out 2>err </dev/null &
job=$!
wait_for 120 test -e cancelled/latest.h5 || fail "the ranks do not start: $(cat out err)"
kill -TERM $job $(pgrep -P $job -x mpirun)
wait_for 60 grep -q 'exit code\|not handed in' out || fail "it does not end: $(cat out)"
kill -TERM $job 2>/dev/null
wait $job && fail "exit code 0 of a job that was cancelled"
[ ! -e handed_in ] || fail "a job that was cancelled was handed in again"

# What is wrong for good is not tried again; what fails, a few times.
expect_exit 2 env CONFIG=missing.ini "$SCRIPT"
[ "$(grep -c 'exit code' out)" = 1 ] || fail "a wrong configuration was tried again: $(cat out)"
expect_exit 1 env CONFIG=plain.ini CNN_TRAIN="$(type -P false)" RESTARTS=2 "$SCRIPT"
[ "$(grep -c ': exit code 1' out)" = 3 ] || fail "not started three times: $(cat out)"
expect_exit 2 "$SCRIPT"
expect_exit 2 env -u PBS_JOBID CONFIG=plain.ini "$SCRIPT"
expect_exit 2 env CONFIG=plain.ini CNN_TRAIN=missing "$SCRIPT"
attributes 00:01:00 1
expect_exit 2 env CONFIG=plain.ini "$SCRIPT"
expect_message 'leaves nothing' out
finish
