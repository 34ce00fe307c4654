#!/usr/bin/env bash
# Optimizers, averages of the weights, weighted losses and rates of layers in whole runs: resumed in the middle of an epoch,
# with any number of threads and ranks, the bits stay the same; and the averaged weights are those in use.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config plain.ini plain
sed -i 's/^fc1 = dense units=32$/& lr=0.5 bias_lr=8 bias_decay=0.125 epochs=0.7/' plain.ini
cat >>plain.ini <<'INI'
optimizer = adamw
weight_decay = 0.05
schedule = onecycle
lr_scaling = sqrt
base_batch = 80
ema = 0.95
lookahead = 4
lookahead_alpha = 0.3
lookahead_power = 3
label_smoothing = 0.1
class_weights = balanced
[distributed]
shards = 4
allreduce = tree
INI
export OMP_NUM_THREADS=1

# train NAME OPTION...: 100 steps of plain.ini, which end within the second epoch of 72.
train()
{
    local name=$1
    shift
    expect_exit 0 cnn-train --set run.output="$name" --steps 100 "$@" plain.ini
}

for optimizer in adamw adam rmsprop lars lamb; do
    train whole-$optimizer --set train.optimizer=$optimizer
    expect_exit 0 cnn-train --set run.output=parts-$optimizer --set train.optimizer=$optimizer --steps 31 plain.ini
    OMP_NUM_THREADS=3 train parts-$optimizer --set train.optimizer=$optimizer --resume
    expect_same_arrays whole-$optimizer/latest.h5 parts-$optimizer/latest.h5 "$optimizer, resumed after step 31 with 3 threads"
done
expect_match '^  learning rate 0\.05 x 0\.5 \(batch 20, base 80, square root\) = 0\.025$'
h5diff whole-adamw/latest.h5 whole-adam/latest.h5 /model /model >/dev/null 2>&1 && fail "adam and adamw do the same"

# With Lookahead alone the slow weights are the model.
train slow --set train.ema=0
expect_exit 0 cnn-train --set run.output=slow-parts --set train.ema=0 --steps 31 plain.ini
train slow-parts --set train.ema=0 --resume
expect_same_arrays slow/latest.h5 slow-parts/latest.h5 "Lookahead, resumed between two meetings"

# /model is what was tested: --evaluate of a best.h5 says what the run said of it, and the trained weights lie beside it.
expect_exit 0 cnn-train --set run.output=tested --set train.schedule=constant --set train.ema=0.99 plain.ini
best=$(sed -n 's/.*best test accuracy \([0-9.]*\) .*/\1/p' out)
expect_exit 0 cnn-train --evaluate tested/best.h5 plain.ini
expect_match "^test: loss [0-9.]+ accuracy $best"
h5diff tested/best.h5 tested/best.h5 /model /optimizer/trained >/dev/null 2>&1 && fail "/model is not the average"
h5ls -r tested/best.h5 | grep -q '^/optimizer/slow/fc2/weight' || fail "no slow weights: $(h5ls -r tested/best.h5)"

# Running statistics follow too: resumed between two meetings the bits are the same, and they are others than without.
sed 's/^relu1/bn1 = batchnorm\n&/' plain.ini >bn.ini
bn=(--set train.ema=0 --set train.lookahead=7 --set train.lookahead_buffers=yes)
for ema in 0 0.9; do
    expect_exit 0 cnn-train "${bn[@]}" --set train.ema=$ema --set run.output=bn-$ema --steps 25 bn.ini
    expect_exit 0 cnn-train "${bn[@]}" --set train.ema=$ema --set run.output=bn-parts-$ema --steps 17 bn.ini
    OMP_NUM_THREADS=2 expect_exit 0 cnn-train "${bn[@]}" --set train.ema=$ema --set run.output=bn-parts-$ema --steps 25 --resume bn.ini
    expect_same_arrays bn-$ema/latest.h5 bn-parts-$ema/latest.h5 "Lookahead of running statistics, ema $ema"
done
expect_exit 0 cnn-train "${bn[@]}" --set train.lookahead_buffers=no --set run.output=bn-without --steps 25 bn.ini
h5diff bn-0/latest.h5 bn-without/latest.h5 /model/bn1/running_var /model/bn1/running_var >/dev/null 2>&1 && fail "running statistics do not follow"
"$python" - bn-0/latest.h5 bn-0.9/latest.h5 <<'PY' || fail "the slots have not the running statistics that they should"
import sys, h5py
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as g:
    assert "running_mean" in f["optimizer/trained/bn1"] and "running_mean" not in f["optimizer/exp_avg/bn1"]
    assert "running_mean" in g["optimizer/slow/bn1"] and "running_mean" not in g["optimizer/trained/bn1"]
    assert (f["optimizer/trained/bn1/running_var"][()] != f["model/bn1/running_var"][()]).any()
PY

# Blended samples: resumed, on threads and ranks the same bits, and others than without.
mixup=(--set augment.mixup=0.4 --set train.class_weights=)
expect_exit 0 cnn-train "${mixup[@]}" --set run.output=mixup --steps 25 plain.ini
expect_match '^  augment .*, blended in pairs \(0\.4\)$'
expect_exit 0 cnn-train "${mixup[@]}" --set run.output=mixup-parts --steps 17 plain.ini
OMP_NUM_THREADS=2 expect_exit 0 cnn-train "${mixup[@]}" --set run.output=mixup-parts --steps 25 --resume plain.ini
expect_same_arrays mixup/latest.h5 mixup-parts/latest.h5 "blended samples, resumed"
expect_exit 0 cnn-train "${mixup[@]}" --set augment.mixup=0 --set run.output=mixup-without --steps 25 plain.ini
h5diff mixup/latest.h5 mixup-without/latest.h5 /model /model >/dev/null 2>&1 && fail "nothing is blended"
expect_exit 2 cnn-train --dry-run --set augment.mixup=0.4 plain.ini
expect_message 'augment.mixup is for networks that end in softmax, without train.class_weights'

# A part of an epoch: 72 steps and 21.6 of them, rounded up; then the test, a line and a checkpoint, and nothing more to do.
# Resumed, it ends in the same place with the same bits, where the learning rate has come down too.
part=(--set train.epochs=1.3 --set train.ema=0)
expect_exit 0 cnn-train "${part[@]}" --set run.output=part plain.ini
expect_match '^  epochs        1\.3 \(94 steps\)$'
expect_match '^done after 94 steps'
[ "$(cut -d, -f1,2,3 part/metrics.csv | tail -n 2 | tr '\n' ' ')" = '1,72,1437 2,94,1877 ' ] || fail "other lines: $(cat part/metrics.csv)"
[ "$(readlink part/latest.h5)" = step-00000094.h5 ] || fail "the last checkpoint is $(readlink part/latest.h5)"
"$python" - part/metrics.csv <<'PY' || fail "the last rate is not that of the end of the cycle, or nothing was tested"
import csv, sys
last = list(csv.DictReader(open(sys.argv[1])))[-1]
assert float(last["learning_rate"]) < 0.001 * 0.025 and 0 < float(last["test_accuracy"]) < 1, last
PY
expect_exit 0 cnn-train "${part[@]}" --set run.output=part --resume plain.ini
expect_match '^nothing to do: 94 steps and 2 of 2 epochs are done'
expect_exit 0 cnn-train "${part[@]}" --set run.output=part-parts --steps 80 plain.ini
OMP_NUM_THREADS=2 expect_exit 0 cnn-train "${part[@]}" --set run.output=part-parts --resume plain.ini
expect_same_arrays part/latest.h5 part-parts/latest.h5 "a part of an epoch, resumed"

# The same on several ranks.
if command -v mpirun >/dev/null; then
    for n in 2 4; do
        expect_exit 0 ranks $n cnn-train --set run.output=ranks-$n --steps 100 plain.ini
        expect_same_arrays whole-adamw/latest.h5 ranks-$n/latest.h5 "$n ranks"
        expect_exit 0 ranks $n cnn-train "${bn[@]}" --set run.output=bn-ranks-$n --set distributed.check_every=4 --steps 25 bn.ini
        expect_exit 0 ranks $n cnn-train "${mixup[@]}" --set run.output=mixup-$n --steps 25 plain.ini
        expect_same_arrays mixup/latest.h5 mixup-$n/latest.h5 "blended samples on $n ranks"
        expect_same_arrays bn-0/latest.h5 bn-ranks-$n/latest.h5 "Lookahead of running statistics on $n ranks"
    done
fi
finish
