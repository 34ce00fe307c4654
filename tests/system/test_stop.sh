#!/usr/bin/env bash
# A run that is asked to stop, at any moment and in any way, leaves a checkpoint and exit code 85, and goes on to the same end.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
python=$(find_python) || skip "there is no Python with h5py on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=1
long=(--set train.epochs=20000 --set checkpoint.keep=3)

# launch RANKS OPTION...: in the background, $launcher.
launch()
{
    local n=$1
    shift
    rm -rf run
    mpirun_behind -np "$n" cnn-train --set run.output=run "$@" plain.ini
}

# started N: all ranks stand in main, where signals are remembered (SIGUSR1 is the 10th).
started()
{
    local process count=0
    for process in $(pgrep -P "$launcher" -x cnn-train); do
        caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$process/status" 2>/dev/null)
        [ -n "$caught" ] && (((0x$caught >> 9) & 1)) && count=$((count + 1))
    done
    [ $count -eq "$1" ]
}

trained()
{
    [ -e run/latest.h5 ]
}

# expect_end CODE WHAT: of the launcher; the last checkpoint is of the step after which it says that it stopped.
expect_end()
{
    local last
    behind || fail "$2: $(cat locked_up)"
    [ $code = "$1" ] || fail "$2: exit code $code: $(cat err)"
    last=$(sed -n 's/^stopped .*after step \([0-9]*\);.*/\1/p' out)
    [ "$(readlink run/latest.h5)" = "$(printf 'step-%08d.h5' "${last:-0}")" ] ||
        fail "$2: latest.h5 is $(readlink run/latest.h5), and not of the last step: $(tail -n 3 out)"
}

# While it starts, with four ranks: remembered, and done after the first step. The step is not lost.
launch 4 "${long[@]}"
wait_for 60 started 4 || fail "the ranks did not start: $(cat err)"
kill -USR1 $launcher
expect_end 85 "asked while it starts"
expect_match '^stopped on request, after step [12];'
expect_exit 0 ranks 4 cnn-train --resume --steps 40 --set run.output=run plain.ini
expect_exit 0 ranks 4 cnn-train --steps 40 --set run.output=calm plain.ini
expect_same_arrays run/latest.h5 calm/latest.h5 "stopped while it started, and resumed"

# One rank alone is told.
for signal in TERM INT USR1; do
    launch 3 "${long[@]}"
    wait_for 60 trained || fail "the ranks did not start: $(cat err)"
    kill -$signal "$(pgrep -P $launcher -x cnn-train | tail -n 1)"
    expect_end 85 "SIG$signal to one rank"
done

# mpirun itself is told, and kills its ranks after twice this time; they have left before, with a checkpoint.
for signal in TERM INT; do
    OMPI_MCA_odls_base_sigkill_timeout=4 launch 3 "${long[@]}"
    wait_for 60 trained || fail "the ranks did not start: $(cat err)"
    kill -$signal $launcher
    expect_end 1 "SIG$signal to mpirun"
done

# A second signal, while the first cannot be answered: the configuration is a pipe that nobody writes to.
mkfifo pipe
outcome() # SECONDS SIGNAL... -- OPTION...: the exit code, of signals so far apart
{
    local pause=$1 process code=0
    shift
    local signals=()
    while [ "$1" != -- ]; do
        signals+=("$1")
        shift
    done
    shift
    timeout -s KILL 30 cnn-train "$@" pipe >out 2>err </dev/null &
    launcher=$!
    wait_for 20 started 1 || fail "it did not start"
    process=$(pgrep -P $launcher -x cnn-train)
    for signal in "${signals[@]}"; do
        sleep "$pause"
        kill -"$signal" "$process"
    done
    wait $launcher || code=$?
    echo $code
}
[ "$(outcome 0.5 INT INT --)" = 130 ] || fail "a second Ctrl-C did not end it"
[ "$(outcome 0.5 USR1 TERM --)" = 143 ] || fail "a second signal did not end it"

# In an evaluation that takes long: it is left, and made up for on resume, with the same line in metrics.csv.
slow_evaluation "$python" long.h5
slow=("${slow_evaluation[@]}" --set train.epochs=2)
launch 2 "${slow[@]}"
wait_for 60 test -e run/metrics.csv || fail "the ranks did not start: $(cat err)"
sleep 1
began=$SECONDS
kill -USR1 $launcher
expect_end 85 "asked in an evaluation"
[ $((SECONDS - began)) -le 10 ] || fail "it took $((SECONDS - began)) s to leave an evaluation"
expect_match '^stopped on request, after step 3;'
[ "$(wc -l <run/metrics.csv)" = 1 ] || fail "the evaluation was over already: $(cat run/metrics.csv)"
expect_exit 0 ranks 2 cnn-train --resume "${slow[@]}" --set run.output=run plain.ini
rm -rf calm
expect_exit 0 ranks 2 cnn-train "${slow[@]}" --set run.output=calm plain.ini
expect_same_arrays run/latest.h5 calm/latest.h5 "stopped in an evaluation, and resumed"
[ "$(cut -d, -f1-8 run/metrics.csv)" = "$(cut -d, -f1-8 calm/metrics.csv)" ] ||
    fail "metrics.csv: $(diff run/metrics.csv calm/metrics.csv)"

# The end of the job, told by an option and by the batch system.
launch 2 "${long[@]}" --time-limit 0:12
expect_end 85 "--time-limit"
expect_match '^stopped [0-9.]+ (s|ms) before the end of the job \(--time-limit\), after step'
SLURM_JOB_END_TIME=$(($(date +%s) + 20)) launch 2 "${long[@]}" --set checkpoint.stop_before=0.2
expect_end 85 "SLURM_JOB_END_TIME"
expect_match '^stopped [0-9.]+ s before the end of the job \(SLURM_JOB_END_TIME\), after step'
expect_exit 0 cnn-train --steps 1 --set checkpoint.stop_before=5 --set run.output=alone plain.ini
expect_message "nothing tells when the job ends" out
expect_exit 2 cnn-train --time-limit soon plain.ini
expect_message "--time-limit soon"
expect_exit 2 cnn-train --time-limit 5 --dry-run plain.ini
finish
