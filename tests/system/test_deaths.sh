#!/usr/bin/env bash
# A rank that dies ends the job within seconds, wherever it was, with its name and a code that is not 0; one that stands
# still, within stall_abort. The run goes on from its last checkpoint.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

python=$(find_python) || skip "there is no Python with h5py on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=1 OMPI_MCA_odls_base_sigkill_timeout=1
host=$(hostname)

slow_evaluation "$python" long.h5

starting()
{
    [ "$(pgrep -P $launcher -x -c cnn-train)" = 4 ]
}

writing()
{
    compgen -G 'run/.step-*' >/dev/null
}

# reach PHASE OPTION...: four ranks in the background, $launcher, that are there.
reach()
{
    local phase=$1
    shift
    rm -rf run
    case $phase in
    start) set -- "$@" --set train.epochs=20000 ;;
    step) set -- "$@" --set train.epochs=20000 --set checkpoint.every=1000 ;;
    evaluation) set -- "$@" "${slow_evaluation[@]}" ;;
    checkpoint) set -- "$@" --set train.epochs=20000 --set checkpoint.keep=2 --set 'network.fc1=dense units=1500' ;;
    esac
    mpirun_behind -np 4 cnn-train --set run.output=run "$@" plain.ini
    case $phase in
    start) wait_for 60 starting ;;
    step) wait_for 60 test -e run/latest.h5 && sleep 0.3 ;;
    evaluation) wait_for 60 test -e run/metrics.csv && sleep 1 ;;
    checkpoint)
        wait_for 60 test -e run/latest.h5
        local end=$((SECONDS + 60))
        until writing; do # without a pause: the moment is short
            [ $SECONDS -lt $end ] || break
        done
        writing || [ $SECONDS -lt $end ]
        ;;
    esac || fail "the ranks did not come to $phase: $(cat err)"
}

# mpirun told of a process that failed, and not of which.
nameless()
{
    grep -q 'but 1 process returned$' err && ! grep -q 'exited on signal' err && echo "mpirun names no rank" >>locked_up
}

# death PHASE RANK SIGNAL CODE: the signal to that rank in that phase ends the job with CODE; 1 where mpirun did not behave.
# Ten seconds are wide: mpirun takes two, and the machine may do other things.
death()
{
    local phase=$1 rank=$2 signal=$3 expected=$4 began took
    reach "$phase"
    kill -"$signal" "$(process_of $launcher "$rank")" || { fail "rank $rank is gone before $phase"; return 0; }
    began=$SECONDS
    behind || return 1
    took=$((SECONDS - began))
    [ $code = "$expected" ] || fail "rank $rank died in $phase: exit code $code instead of $expected: $(cat err)"
    [ $took -le 10 ] || fail "rank $rank died in $phase, and the job took $took s to end"
    [ "$phase" != start ] || ! nameless || return 1
    expect_match "rank $rank .*on node $host exited on signal" err
    deaths=$((deaths + 1))
    [ -e run/latest.h5 ] || return 0 # an evaluation comes before the first checkpoint
    expect_exit 0 cnn-train --resume --set run.output=run --set train.epochs=20000 \
        --steps $((10#$(basename "$(readlink run/latest.h5)" .h5 | tr -dc 0-9) + 1)) \
        --set "network.fc1=dense units=$([ "$phase" = checkpoint ] && echo 1500 || echo 32)" plain.ini
}

# What Open MPI does by itself where a rank dies while it connects to mpirun: it locks up, and the launch scripts end it, or it says
# that one process failed without saying which. Not three times in a row.
deaths=0
for phase in start step evaluation checkpoint; do
    for rank in 0 3; do
        for _ in 1 2 3; do
            if [ $rank = 0 ]; then death $phase 0 KILL 137; else death $phase 3 SEGV 139; fi && break
            cat locked_up
        done
    done
done
[ $deaths = 8 ] || fail "$deaths deaths instead of 8"

for phase in evaluation checkpoint; do
    reach $phase --set distributed.stall_warn=1 --set distributed.stall_abort=3
    kill -STOP "$(process_of $launcher 0)"
    began=$SECONDS
    behind || fail "rank 0 stood still in $phase: $(cat locked_up)"
    [ $code = 1 ] || fail "rank 0 stood still in $phase: exit code $code: $(cat err)"
    [ $((SECONDS - began)) -le 40 ] || fail "rank 0 stood still in $phase, and the job took $((SECONDS - began)) s to end"
    expect_match "^error.*: rank 0 on $host " err
done
finish
