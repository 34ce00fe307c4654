#!/usr/bin/env bash
# train.precision = bf16: the same bits for any number of threads and ranks, not those of float32, and what goes with it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
write_config plain.ini plain
# 1x1 convolutions: channels that fill registers and not, a stride, groups, which stay float32.
sed -i 's/^pool1 = .*/bottle = conv2d filters=33 kernel=1 bias=no\nbn = batchnorm\nact = relu\nwide = conv2d filters=64 kernel=1 stride=2\nact2 = relu\ngrouped = conv2d filters=8 kernel=1 groups=2/' plain.ini
common=(--steps 60 --set distributed.shards=4 --set distributed.allreduce=tree)
bf16=(--set train.precision=bf16)

expect_exit 0 env OMP_NUM_THREADS=1 cnn-train "${common[@]}" "${bf16[@]}" --set run.output=one plain.ini
expect_match '(AVX512-BF16|bfloat16 by float32)$'
for threads in 2 3; do
    expect_exit 0 env OMP_NUM_THREADS=$threads cnn-train "${common[@]}" "${bf16[@]}" --set run.output=threads-$threads plain.ini
    expect_same_arrays one/latest.h5 threads-$threads/latest.h5 "$threads threads"
done
OMP_NUM_THREADS=1 expect_exit 0 ranks 4 cnn-train "${common[@]}" "${bf16[@]}" --set run.output=ranks plain.ini
expect_same_arrays one/latest.h5 ranks/latest.h5 "4 ranks"
expect_exit 0 cnn-train "${common[@]}" --set run.output=float plain.ini
run h5diff one/latest.h5 float/latest.h5 /model /model
[ "$status" = 1 ] || fail "float32 gave the bits of bf16, or could not be compared: exit code $status"

# A run keeps it, unless another is asked for.
expect_exit 2 cnn-train --resume --steps 70 --set run.output=one plain.ini
expect_message 'train.precision = float32, but one/step-00000060.h5 was trained with bf16'
expect_exit 0 cnn-train --resume --steps 70 --set run.output=one --allow-change=precision plain.ini
expect_exit 0 cnn-checkpoint info one/latest.h5
expect_match 'changed +step 60: train.precision bf16 -> float32'

# Predictions are those of the tests in training, and gradients are checked against the formula, which rounds nothing.
expect_exit 0 cnn-train "${bf16[@]}" --evaluate threads-2/latest.h5 plain.ini
accuracy=$(sed -n 's/^test: .*accuracy //p' "$tmp/out")
expect_exit 0 cnn-predict threads-2/latest.h5 "$source/data/digits.h5" predictions.h5
expect_match "accuracy $accuracy"
expect_exit 0 cnn-train "${bf16[@]}" --check-gradients plain.ini

# Processors without it imitate it, and say so.
expect_exit 0 env CNN_ISA=portable cnn-train "${common[@]}" "${bf16[@]}" --set run.output=portable plain.ini
expect_message 'they are imitated'
expect_exit 0 env CNN_ISA=portable cnn-predict portable/latest.h5 "$source/data/digits.h5" imitated.h5
expect_message 'they are imitated'
finish
