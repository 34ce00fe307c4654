#!/usr/bin/env bash
# One network on several ranks: the same run on any number of them, every sample once, together or not at all.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config plain.ini plain
export OMP_NUM_THREADS=1

# on RANKS OPTION...: exit code 0, of plain.ini on so many ranks.
on()
{
    local ranks=$1
    shift
    expect_exit 0 ranks "$ranks" cnn-train "$@" plain.ini
}

# allreduce = tree: the same bits for every power of two of ranks, for any number of threads, overlapped or not, with dropout.
tree=(--set distributed.shards=16 --set distributed.allreduce=tree --steps 50)
expect_exit 0 cnn-train "${tree[@]}" --set run.output=tree-1 plain.ini
for ranks in 1 2 4 8 16; do
    overlap=$([ $((ranks % 3)) = 1 ] && echo yes || echo no)
    on $ranks "${tree[@]}" --set run.output=tree-$ranks-on --set distributed.overlap="$overlap" --set distributed.bucket=1
    expect_same_arrays tree-1/latest.h5 tree-$ranks-on/latest.h5 "tree on $ranks ranks"
done
for layout in '1 4' '2 3' '4 2'; do
    read -r ranks threads <<<"$layout"
    OMP_NUM_THREADS=$threads on "$ranks" "${tree[@]}" --set "run.output=tree-$ranks-threads"
    expect_same_arrays tree-1/latest.h5 "tree-$ranks-threads/latest.h5" "tree on $ranks ranks of $threads threads"
done
h5diff tree-1/latest.h5 tree-1/step-00000050.h5 /model /model >/dev/null 2>&1 || fail "h5diff finds what is not there"

# allreduce = ring: within rounding, for any number, more ranks than shards and than samples of a batch included.
ring=(--set distributed.shards=16 --steps 20)
expect_exit 0 cnn-train "${ring[@]}" --set run.output=ring-1 plain.ini
for ranks in 3 5 7 16; do
    on $ranks "${ring[@]}" --set run.output=ring-$ranks
    expect_near ring-1/latest.h5 ring-$ranks/latest.h5 "ring on $ranks ranks"
done
expect_exit 0 cnn-train --set distributed.shards=3 --set train.batch=2 --steps 20 --set run.output=few-1 plain.ini
on 5 --set distributed.shards=3 --set train.batch=2 --steps 20 --set run.output=few-5
expect_near few-1/latest.h5 few-5/latest.h5 "3 shards of 2 samples on 5 ranks"
expect_exit 0 cnn-train --set distributed.shards=4 --steps 20 --set run.output=other plain.ini
"$python" - ring-1/latest.h5 other/latest.h5 <<'PY' || fail "other shards, and so other masks, gave the same weights"
import sys, h5py
a, b = (h5py.File(name, "r")["model/fc1/weight"][()] for name in sys.argv[1:3])
sys.exit(not abs(a - b).max() > 1e-3)
PY

# Every sample once: an epoch's last batch is short, and the counts in metrics.csv are whole.
on 3 --set run.output=whole
awk -F, 'NR > 1 && ($3 != $1 * 1437 || $2 != $1 * 72) { bad = 1 } END { exit bad || NR != 3 }' whole/metrics.csv ||
    fail "metrics.csv: $(cat whole/metrics.csv)"
[ "$(grep -c ' 1/2 ' out)" = 1 ] || fail "not one line per epoch: $(cat out)"
expect_message "3 shards of" out
expect_match '^data: .* waited [0-9.]+ ms a step, [0-9.]+ % of the time \(rank [0-2], which waited longest\)$'
expect_match 'communication: ring, .* exposed [0-9.]+ ms a step'

# Evaluation: the same lines, to the last digit.
for ranks in 1 2 5; do
    expect_exit 0 ranks $ranks cnn-train --evaluate whole/best.h5 --set distributed.shards=3 plain.ini
    mv out evaluated-$ranks
    cmp -s evaluated-1 evaluated-$ranks || fail "evaluated by $ranks ranks: $(diff evaluated-1 evaluated-$ranks)"
done
grep -qE '^test: loss [0-9.]+ accuracy 0\.[0-9]+$' evaluated-1 || fail "evaluation: $(cat evaluated-1)"

# A run goes on with another number of ranks, time and again.
resume=()
for part in "4 10" "1 20" "16 30" "2 40" "8 50"; do
    on "${part% *}" "${resume[@]}" --set distributed.shards=16 --set distributed.allreduce=tree --steps "${part#* }" --set run.output=moved
    resume=(--resume)
done
expect_same_arrays tree-1/latest.h5 moved/latest.h5 "on 4, 1, 16, 2, 8 ranks in turn"

# Benchmarks and the other things that train nothing.
expect_exit 0 ranks 2 cnn-train --benchmark 0.3 plain.ini
expect_match '^throughput: [0-9.]+ images/s$'
expect_exit 0 ranks 2 cnn-train --dry-run plain.ini
expect_exit 0 ranks 2 cnn-train --check-gradients plain.ini

# What is wrong: one message, from one rank, with the exit code of one process.
expect_one_error()
{
    [ "$(grep -c '^error' err)" = 1 ] || fail "not one message: $(cat err)"
    expect_message "$1"
    [ ! -e none ] || fail "it left a folder: $1"
}
for ranks in 2 5; do
    expect_exit 2 ranks $ranks cnn-train missing.ini
    expect_one_error missing.ini
    expect_exit 2 ranks $ranks cnn-train --set network.relu1=rely --set run.output=none plain.ini
    expect_one_error 'did you mean `relu`'
    expect_exit 3 ranks $ranks cnn-train --set data.file=missing.h5 --set run.output=none plain.ini
    expect_one_error missing.h5
    expect_exit 4 ranks $ranks cnn-train --set run.output=whole plain.ini
    expect_one_error 'holds a run already'
    expect_exit 2 ranks $ranks cnn-train --nonsense plain.ini
    expect_one_error nonsense
done
expect_exit 2 ranks 3 cnn-train --set distributed.allreduce=tree --set run.output=none plain.ini
expect_one_error 'power of two'
expect_exit 2 ranks 2 cnn-train --set distributed.allreduce=tree --set distributed.shards=3 --set run.output=none plain.ini
expect_one_error 'power of two'

# Not finite: all stop after the same step; the last good checkpoint stays.
on 3 --steps 5 --set run.output=diverged
expect_exit 5 ranks 3 cnn-train --resume --set train.lr=1e36 --set run.output=diverged plain.ini
[ "$(grep -c '^error' err)" = 1 ] || fail "not one message: $(cat err)"
expect_match 'step [67]: the (loss|gradient) is not finite at learning rate .*layer `[a-z0-9]+`: rank [0-2] on .*, shard [0-2], samples? [0-9]+' err
expect_message "the last good checkpoint is diverged/step-00000005.h5"
[ "$(readlink diverged/latest.h5)" = step-00000005.h5 ] || fail "latest.h5 is $(readlink diverged/latest.h5)"

# Asked to stop by a signal that mpirun hands on: after the step, with a checkpoint, from which the run goes on to the same end.
mpirun_behind -np 2 cnn-train --set train.epochs=20000 --set run.output=stopped plain.ini
if ! wait_for 120 test -e stopped/step-00000072.h5; then
    kill $launcher
    fail "the ranks did not start, or made no checkpoint: $(cat err)"
    finish
fi
kill -USR1 $launcher
behind || cat locked_up
[ $code = 85 ] || fail "stopped with exit code $code: $(cat err)"
step=$(readlink stopped/latest.h5 | tr -dc 0-9 | sed 's/5$//; s/^0*//')
expect_match '^stopped after [0-9]+ steps'
on 2 --resume --set train.epochs=20000 --steps $((step + 10)) --set run.output=stopped
on 2 --set train.epochs=20000 --steps $((step + 10)) --set run.output=unstopped
expect_same_arrays stopped/latest.h5 unstopped/latest.h5 "stopped by a signal and resumed"
finish
