#!/usr/bin/env bash
# What takes Slurm its time: a real time limit, a node that dies without a word, and mpirun when its nodes are taken.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/slurm.sh
. "$source/tests/cluster/slurm.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
slurm_start
export PAUSE=1

# Two minutes, of which the last 30 s are for leaving: Slurm sends SIGUSR1 after 30 to 90 s.
write_endless limit.ini limit
submit --time=2 --signal=B:USR1@30 -- limit.ini
await_start 0 limit
wait_for 150 job_is "$job" PENDING || slurm_failed "the job does not go back to the queue before its time is over"
expect_log 'asked to stop by SIGUSR1'
expect_log 'stopped on request, after step'
end_soon limit.ini limit
await_job 120 "$job" COMPLETED || finish
expect_undisturbed limit.ini limit 'a time limit'

# A node dies, with its rank and Slurm's daemons: Slurm misses it after SlurmdTimeout (10 s) and puts the job back; it waits for a fourth node.
write_endless node.ini node
submit -- node.ini
await_start 0 node
rank=$(for process in $(pgrep -x cnn-train); do
    tr '\0' '\n' <"/proc/$process/environ" | grep -qx SLURMD_NODENAME=n4 && echo "$process"
done)
[ -n "$rank" ] || slurm_failed "no rank is on n4: $(pgrep -af cnn-train)"
victims="$(cat $slurm/slurmd-n4.pid) $rank $(ps -o ppid= -p "$rank")"
# shellcheck disable=SC2086
kill -KILL $victims
wait_for 150 job_is "$job" PENDING || slurm_failed "the job does not go back to the queue when a node dies"
wait_for 60 ended 'cnn-train node.ini' || fail "ranks are left: $(pgrep -af cnn-train)"
end_soon node.ini node
slurmd -f $SLURM_CONF -N n4 2>>$slurm/slurmd.err || slurm_failed "slurmd of n4 does not start again"
await_job 180 "$job" COMPLETED || finish
expect_undisturbed node.ini node 'a dead node'

# mpirun loses its daemons to a job of higher priority: no checkpoint, and the run goes on from the one before.
write_endless mpirun.ini mpirun
LAUNCHER=mpirun submit -- mpirun.ini
await_start 0 mpirun
high=$(sbatch --parsable --partition=high --nodes=4 --exclusive --output=high.log --wrap 'until [ -e go ]; do sleep 0.2; done')
await_job 120 "$high" RUNNING || finish
end_soon mpirun.ini mpirun
touch go
await_job 180 "$job" COMPLETED || finish
expect_undisturbed mpirun.ini mpirun 'mpirun, preempted'
finish
