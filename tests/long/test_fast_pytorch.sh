#!/usr/bin/env bash
# configs/cifar10-fast.ini is the recipe: whitened filters, then 19 steps (a part of an epoch at the end, biases that stop learning,
# Lookahead of running statistics) and the views of a test are those of the recipe written down in PyTorch.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import h5py, torch' 2>/dev/null && python=$candidate && break
done
[ -n "${python:-}" ] || skip "there is no Python with h5py and torch (python3-h5py, python3-torch)"
work=("$python" "$source/tests/long/fast_pytorch.py")
config=$source/configs/cifar10-fast.ini

# The config as it is but for its size, with the images in the file's order and as they are.
options=(--set data.file=data.h5 --set data.shuffle=no --set augment.flip=no --set augment.pad=0 --set train.batch=32
    --set train.epochs=2.3 --set train.lr=0.005
    --set 'network.whiten=conv2d filters=24 kernel=2 init=whiten lr=0 bias_lr=1 bias_decay=1 epochs=1')
expect_exit 0 cnn-train --dry-run "$config" && expect_match '^  all .* 1,971,640 '
expect_exit 0 "${work[@]}" data || finish
expect_exit 0 cnn-train "${options[@]}" --steps 1 --set run.output=start "$config" || finish # /model: the slow weights, still the first ones
expect_exit 0 cnn-train "${options[@]}" --set run.output=end "$config" && expect_match '^done after 19 steps'
expect_exit 0 cnn-predict end/latest.h5 data.h5 predicted.h5
expect_exit 0 cnn-predict --tta none end/latest.h5 data.h5 plain.h5
expect_exit 0 "${work[@]}" compare start/latest.h5 end/latest.h5 predicted.h5 plain.h5
cat out
finish
