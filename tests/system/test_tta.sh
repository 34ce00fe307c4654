#!/usr/bin/env bash
# Test-time augmentation: the same numbers on any number of ranks and threads, in training, --evaluate and cnn-predict; and
# those of the views, one by one.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

need_mpirun
python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config plain.ini plain
export OMP_NUM_THREADS=1
tta=(--set distributed.shards=4 --set distributed.allreduce=tree --set "evaluate.tta=flip,shift")

# tested FILE: the test columns of a metrics.csv
tested()
{
    "$python" -c 'import csv, sys; print([r[k] for r in csv.DictReader(open(sys.argv[1])) for k in r if k.startswith("test")])' "$1"
}

expect_exit 0 cnn-train "${tta[@]}" --set train.epochs=2 --set run.output=one plain.ini
expect_message 'evaluation    mean of 6 views' out
expect_exit 0 ranks 4 cnn-train "${tta[@]}" --set train.epochs=2 --set run.output=four plain.ini
OMP_NUM_THREADS=3 expect_exit 0 cnn-train "${tta[@]}" --set train.epochs=2 --set run.output=threads plain.ini
expect_exit 0 cnn-train "${tta[@]}" --set evaluate.tta=none --set train.epochs=2 --set run.output=without plain.ini
grep -q 'evaluation ' out && fail "the run table tells of views where there are none"
for run in four threads; do
    expect_same_arrays one/latest.h5 $run/latest.h5 "with test-time augmentation, $run"
    [ "$(tested one/metrics.csv)" = "$(tested $run/metrics.csv)" ] || fail "test results differ: $run"
done
expect_same_arrays one/latest.h5 without/latest.h5 "with and without test-time augmentation"
[ "$(tested one/metrics.csv)" != "$(tested without/metrics.csv)" ] || fail "views make no difference"

expect_exit 0 cnn-train "${tta[@]}" --evaluate one/latest.h5 plain.ini
line=$(grep '^test: loss' out) || fail "--evaluate prints no loss"
expect_exit 0 ranks 4 cnn-train "${tta[@]}" --evaluate one/latest.h5 plain.ini
expect_message "$line" out
data=$(sed -n 's/^file *= *//p' plain.ini)
expect_exit 0 cnn-predict one/latest.h5 "$data" trained.h5
expect_message "$line" out
expect_exit 0 cnn-predict --tta none one/latest.h5 "$data" none.h5
expect_exit 0 cnn-predict --tta flip one/latest.h5 "$data" flip.h5

# The views as images of their own: the mean of the logarithms of their probabilities is that of their logits but for a
# constant of each image.
"$python" - "$data" <<'PY' || fail "the views of the data could not be made"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    x = f["test/images"][()]
    labels = f["test/labels"][()]
x = x.reshape(len(x), x.shape[1], x.shape[2], -1)
padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
h, w = x.shape[1:3]
cuts = [x, padded[:, :h, :w], padded[:, 2:, 2:]]
for i, view in enumerate(v for c in cuts for v in (c, c[:, :, ::-1])):
    with h5py.File(f"view-{i}.h5", "w") as f:
        f["test/images"] = view
        f["test/labels"] = labels
PY
for i in 0 1 2 3 4 5; do
    expect_exit 0 cnn-predict --tta none one/latest.h5 view-$i.h5 seen-$i.h5
done
"$python" - <<'PY' || fail "the mean of the views is another one"
import h5py, numpy as np
p = lambda name: h5py.File(name)["test/probabilities"][()].astype(np.float64)
views = [np.log(p(f"seen-{i}.h5") + 1e-300) for i in range(6)]
def mean(weights):
    z = sum(w * v for w, v in zip(weights, views))
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
for name, weights in (("none", [1, 0, 0, 0, 0, 0]), ("flip", [.5, .5, 0, 0, 0, 0]), ("trained", [.25] * 2 + [.125] * 4)):
    worst = abs(mean(weights) - p(f"{name}.h5")).max()
    assert worst < 1e-4, (name, worst)
PY

# Tests after every third epoch and after the last; or after that alone. The weights are the same.
for every in 3 0; do
    expect_exit 0 cnn-train --set evaluate.every=$every --set train.epochs=4.1 --set run.output=every-$every plain.ini
    tests=$("$python" -c 'import csv, sys; print(*[i for i, r in enumerate(csv.DictReader(open(sys.argv[1])), 1) if r["test_loss"] not in ("", "nan")])' every-$every/metrics.csv)
    expect_match '^  evaluation    (every 3 epochs|after the last epoch), images as they are$'
    [ "$every:$tests" = 3:3\ 5 ] || [ "$every:$tests" = 0:5 ] || fail "every = $every: tests after epochs $tests"
done
expect_same_arrays every-3/latest.h5 every-0/latest.h5 "with fewer tests"

expect_exit 2 cnn-train --set evaluate.tta=shift plain.ini
expect_message 'none, flip or flip,shift'
expect_exit 2 cnn-predict --tta shift one/latest.h5 "$data" other.h5
finish
