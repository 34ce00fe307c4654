#!/usr/bin/env bash
# launch/supervise.sh: a run whose ranks are killed ends as one that was left alone; what would come again is given up; hosts
# that do not answer are left out; whoever asks it to stop is obeyed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=1 OMPI_MCA_odls_base_sigkill_timeout=1
unset SLURM_JOB_ID PBS_JOBID
supervise=$source/launch/supervise.sh
mpi=(mpirun --timeout 400 --bind-to none)
long=(--set train.epochs=500 --set checkpoint.keep=3 --set run.output=run)

# begin OPTION... -- COMMAND: in the background, $supervisor; what it says goes to err.
begin()
{
    rm -rf run
    "$supervise" --pause 0 "$@" >out 2>err </dev/null &
    supervisor=$!
}

# ranks_of: the processes of the run that is going on.
ranks_of()
{
    local launcher
    for launcher in $(pgrep -P $supervisor -x mpirun); do
        pgrep -P "$launcher" -x cnn-train
    done
}

running()
{
    [ -n "$(ranks_of)" ]
}

# another STEPS-FILE: a checkpoint that is not that one.
another()
{
    [ -e run/latest.h5 ] && [ "$(readlink run/latest.h5)" != "$1" ]
}

# One rank, then all, at moments that differ from time to time, behind some new checkpoint.
expect_exit 0 ranks 2 cnn-train "${long[@]}" --set run.output=calm plain.ini
begin --restarts 3 -- "${mpi[@]}" -np 2 cnn-train "${long[@]}" plain.ini
last=none kills=0
while [ $kills -lt 3 ]; do
    if ! wait_for 60 another "$last" || ! wait_for 60 running; then
        break
    fi
    last=$(readlink run/latest.h5)
    sleep "0.$((RANDOM % 10))"
    mapfile -t processes < <(ranks_of)
    [ ${#processes[@]} -gt 0 ] || break
    [ $((kills % 2)) = 0 ] && processes=("${processes[0]}")
    kill -KILL "${processes[@]}" 2>/dev/null
    kills=$((kills + 1))
done
wait $supervisor
code=$?
[ $code = 0 ] || fail "killed $kills times, it ended with $code: $(cat err)"
[ $kills -ge 2 ] || fail "it was over after $kills kills: $(cat err)"
expect_match "^supervise: [-0-9]+ [:0-9]+ start 2: .*cnn-train --resume " err
expect_message "exit code 137: a rank was killed"
expect_same_arrays run/latest.h5 calm/latest.h5 "killed $kills times"
[ "$(cut -d, -f1-8 run/metrics.csv)" = "$(cut -d, -f1-8 calm/metrics.csv)" ] || fail "metrics.csv differs: $(cat run/metrics.csv)"

# A command that dies at once: the limit holds, and the folder of another run is not cleared for it.
cat >dies <<'SH'
#!/bin/sh
case " $* " in *--dry-run*) exec cnn-train "$@" ;; esac
echo "$*" >>calls
touch "$SEGMENT"
exit ${DIES:-7}
SH
mkdir -p bin && mv dies bin/cnn-train && chmod +x bin/cnn-train
SEGMENT=/dev/shm/vader_segment.none.$(id -u).$$.0
export SEGMENT
write_config other.ini other
expect_exit 7 "$supervise" --restarts 2 --pause 0 -- bin/cnn-train other.ini
[ "$(wc -l <calls)" = 3 ] || fail "not three starts: $(cat calls)"
expect_message "giving up: 3 starts in a row left no new checkpoint"
[ ! -e "$SEGMENT" ] || fail "what the dead job left in /dev/shm is still there"
for code in 2 3 5; do
    rm -f calls
    expect_exit $code env DIES=$code "$supervise" --pause 0 -- bin/cnn-train other.ini
    [ "$(wc -l <calls)" = 1 ] || fail "exit code $code: $(cat calls)"
    expect_message "giving up: the next start would end in the same way"
done
mkdir other
printf 'epoch,\n1,\n' >other/metrics.csv
rm -f calls
expect_exit 7 "$supervise" --restarts 1 --pause 0 -- bin/cnn-train other.ini
grep -q overwrite calls && fail "the folder of another run was to be cleared: $(cat calls)"
rm -rf other calls
mkdir other
expect_exit 7 "$supervise" --restarts 1 --pause 0 -- bin/cnn-train --resume --steps 5 other.ini
[ "$(cat calls)" = "$(printf -- '--steps 5 other.ini\n--overwrite --steps 5 other.ini')" ] || fail "starts: $(cat calls)"

# What is about the run's beginning is not said where it goes on, and said again until it has come to something.
# starts WORDS: what two starts that die are called with, as lines.
starts()
{
    rm -f calls
    expect_exit 7 "$supervise" --restarts 1 --pause 0 -- bin/cnn-train "$@" other.ini
    cat calls
}
rm -rf other && mkdir other
[ "$(starts --init x.h5)" = "$(printf -- '--init x.h5 other.ini\n--overwrite --init x.h5 other.ini')" ] || fail "--init: $(cat calls)"
touch other/step-00000005.h5
[ "$(starts --init x.h5)" = "$(printf -- '--resume other.ini\n--resume other.ini')" ] || fail "--init of a run: $(cat calls)"
[ "$(starts --overwrite)" = "$(printf -- '--overwrite other.ini\n--overwrite other.ini')" ] || fail "--overwrite: $(cat calls)"
[ "$(starts --allow-change=batch)" = "$(printf -- '--resume --allow-change=batch other.ini\n--resume --allow-change=batch other.ini')" ] ||
    fail "--allow-change: $(cat calls)"
rm -rf other

# A launcher that hangs behind its dead ranks, and one whose ranks are gone; what needs none is left alone.
printf '#!/bin/bash\nread -r -t 4 line <>nobody; exit 0\n' >alone && chmod +x alone
printf '#!/bin/sh\ntrue & exec sleep 1000\n' >stuck && chmod +x stuck
expect_exit 137 env STUCK_MAX=2 "$supervise" --restarts 0 --pause 0 -- ./stuck cnn-train other.ini
expect_message "all ranks are dead or gone"
mkdir -p gone && mkfifo nobody && printf '#!/bin/sh\nread line <nobody\n' >gone/mpirun && chmod +x gone/mpirun
expect_exit 137 env STUCK_MAX=2 "$supervise" --restarts 0 --pause 0 -- gone/mpirun cnn-train other.ini
expect_message "all ranks are dead or gone"
expect_exit 0 env STUCK_MAX=1 "$supervise" --restarts 0 --pause 0 -- ./alone cnn-train other.ini

# Stopped by others: left to the batch system, or started again.
rm -f calls
expect_exit 85 env DIES=85 SLURM_JOB_ID=7 "$supervise" --pause 0 -- bin/cnn-train other.ini
[ "$(wc -l <calls)" = 1 ] || fail "in a job of Slurm: $(cat calls)"
rm -f calls
expect_exit 85 env DIES=85 "$supervise" --restarts 1 --pause 0 -- bin/cnn-train other.ini
[ "$(wc -l <calls)" = 2 ] || fail "stopped by somebody: $(cat calls)"

# Hosts that do not answer.
cat >bin/mpirun <<'SH'
#!/bin/sh
echo "$*" >>calls
for word; do case $word in */hosts) cat "$word" >>calls ;; esac; done
exit 2
SH
chmod +x bin/mpirun
printf '# mine\nup1 slots=2\ndown1 slots=2\nup2 slots=3 # both\nup3\n' >hosts
rm -f calls
expect_exit 2 "$supervise" --ping 'case {} in up*) ;; *) false ;; esac' -- bin/mpirun -np 8 --hostfile hosts cnn-train other.ini
expect_message "no answer from down1: going on without, on 6 of 8 ranks"
grep -qE '^-np 6 --hostfile .* cnn-train other.ini$' calls || fail "mpirun was given: $(cat calls)"
[ "$(sed 1d calls)" = "$(printf 'up1 slots=2\nup2 slots=3 \nup3')" ] || fail "hosts: $(cat calls)"
expect_exit 2 "$supervise" --power-of-two --ping 'case {} in up*) ;; *) false ;; esac' -- bin/mpirun -np 8 --hostfile hosts cnn-train other.ini
expect_message "on 4 of 8 ranks"
rm -f calls
expect_exit 2 "$supervise" --ping true -- bin/mpirun -np 8 --hostfile hosts cnn-train other.ini
grep -qE '^-np 8 ' calls || fail "all hosts answer, and mpirun was given: $(cat calls)"
expect_exit 1 "$supervise" --ping false --restarts 0 -- bin/mpirun -np 8 --hostfile hosts cnn-train other.ini
expect_message "none of the hosts of hosts answers"

# Asked to stop: the run writes its checkpoint, and nothing is started any more.
for signal in TERM USR1; do
    begin -- "${mpi[@]}" -np 2 cnn-train "${long[@]}" --set train.epochs=20000 plain.ini
    wait_for 60 another none || fail "the run did not start: $(cat err)"
    kill -$signal $supervisor
    wait $supervisor
    code=$?
    [ $code = 85 ] || fail "asked to stop by SIG$signal: exit code $code: $(cat err)"
    expect_match '^stopped on request, after step'
    [ "$(grep -c ' start [0-9]*: ' err)" = 1 ] || fail "it was started again: $(cat err)"
done

# Wrong use.
expect_exit 2 "$supervise"
expect_exit 2 "$supervise" --restarts many -- cnn-train plain.ini
expect_message "--restarts many"
expect_exit 2 "$supervise" --nonsense -- cnn-train plain.ini
expect_message "--nonsense"
expect_exit 2 "$supervise" -- echo plain.ini
expect_message "neither cnn-train nor launch/local.sh"
expect_exit 2 "$supervise" -- cnn-train missing.ini
expect_message "missing.ini"
expect_exit 0 "$supervise" --help
expect_message "launch/supervise.sh [options]" out
finish
