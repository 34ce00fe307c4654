#!/usr/bin/env bash
# launch/slurm.sbatch under a Slurm of four nodes: what stops a job costs it nothing but time.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/slurm.sh
. "$source/tests/cluster/slurm.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
slurm_start
export PAUSE=1

# One job that everything happens to. First a job of higher priority takes its nodes: the ranks get SIGTERM.
write_endless srun.ini srun
submit -- srun.ini
await_start 0 srun
high=$(sbatch --parsable --partition=high --nodes=4 --exclusive --output=high.log --wrap 'until [ -e go ]; do sleep 0.2; done')
await_job 90 "$high" RUNNING || finish
expect_log 'stopped on request, after step'
stopped=$(step_of srun)
grep -qF "stopped on request, after step $stopped;" "job-$job.log" || fail "the newest checkpoint is not of the last step: $stopped"
job_is "$job" PENDING || fail "the job that was preempted does not wait: $(scontrol -o show job "$job")"
touch go
await_start 1 srun
expect_log "resuming from srun/$(printf 'step-%08d.h5' "$stopped")"

# Its time is nearly up: Slurm sends SIGUSR1 to the script.
scancel --signal=USR1 --batch "$job"
expect_log 'asked to stop by SIGUSR1'
expect_log 'back to the queue'
await_start 2 srun

# A rank dies: the script starts again on the same nodes.
kill -KILL "$(pgrep -x cnn-train | head -n 1)"
expect_log 'failure 1 of at most 3'
wait_for 60 has_step srun $(($(step_of srun) + 72)) || slurm_failed "it did not go on after the death of a rank"
[ "$(job_value "$job" Restarts)" = 2 ] || fail "$(job_value "$job" Restarts) restarts by Slurm instead of 2"

# A node is lost: Slurm ends the job and puts it back.
scontrol update nodename=n3 state=down reason=test
wait_for 60 job_is "$job" PENDING || slurm_failed "the job is not put back after the loss of a node"
wait_for 30 ended 'cnn-train srun.ini' || fail "ranks are left: $(pgrep -af cnn-train)"
end_soon srun.ini srun # the node registers again by itself
await_job 120 "$job" COMPLETED || finish
expect_log 'start 3 on'
expect_undisturbed srun.ini srun 'preempted, out of time, a rank killed, a node lost'

# The same script with mpirun.
write_endless mpirun.ini mpirun
LAUNCHER=mpirun submit -- mpirun.ini
await_start 0 mpirun
scancel --signal=USR1 --batch "$job"
wait_for 60 job_is "$job" PENDING || slurm_failed "the job with mpirun is not put back"
expect_log 'stopped on request, after step'
end_soon mpirun.ini mpirun
await_job 120 "$job" COMPLETED || finish
expect_undisturbed mpirun.ini mpirun 'out of time, with mpirun'

# What is wrong for good is not tried again; what fails, a few times; what is cancelled stays so.
sed 's/^relu1 = relu/relu1 = rely/' srun.ini >wrong.ini
submit --nodes=1 -- wrong.ini --set run.output=wrong
wrong=$job
before=$(fingerprint srun)
submit --nodes=1 -- srun.ini
occupied=$job
CNN_TRAIN=$(type -P false) RESTARTS=2 PAUSE=0 submit --nodes=1 -- srun.ini
failing=$job
write_endless cancelled.ini cancelled
submit --nodes=1 -- cancelled.ini
await_start 0 cancelled
scancel "$job"
await_job 60 "$job" CANCELLED
expect_log 'not put back into the queue'
[ "$(job_value "$job" Restarts)" = 0 ] || fail "the cancelled job was started again"
await_job 60 "$wrong" FAILED
job=$wrong
[ "$(job_value "$job" ExitCode)" = 2:0 ] || fail "a wrong configuration: exit code $(job_value "$job" ExitCode)"
[ "$(grep -c 'sbatch: .*: exit code' "job-$job.log")" = 1 ] || fail "a wrong configuration was tried again: $(cat "job-$job.log")"
await_job 60 "$occupied" FAILED
job=$occupied
[ "$(job_value "$job" ExitCode)" = 4:0 ] || fail "a folder with another run: exit code $(job_value "$job" ExitCode)"
[ "$before" = "$(fingerprint srun)" ] || fail "a new job went on with a run that is not its own: $(cat "job-$job.log")"
await_job 60 "$failing" FAILED
job=$failing
[ "$(job_value "$job" ExitCode)" = 1:0 ] || fail "a program that fails: exit code $(job_value "$job" ExitCode)"
[ "$(grep -c 'sbatch: .*: exit code 1' "job-$job.log")" = 3 ] || fail "not started three times: $(cat "job-$job.log")"
finish
