# shellcheck shell=bash
# Small configurations for the system tests, written from the digits that ship with the project. Sourced after lib.sh.

# write_config FILE NAME: a network with dropout that learns the digits, which are changed at random, for two epochs of 72 steps, 20 samples each, the
# last one 17. Its run goes to NAME in the present folder.
# shellcheck disable=SC2154 # source: lib.sh sets it
write_config()
{
    cat >"$1" <<INI
[run]
name = $2
output = $2
seed = 7

[data]
file = $source/data/digits.h5

[augment]
flip = random
pad = 1
padding = reflect
cutout = 2
brightness = 0.1
contrast = 0.1

[network]
conv1 = conv2d filters=8 kernel=3 padding=same
relu1 = relu
pool1 = maxpool size=2
drop1 = dropout rate=0.2
flat = flatten
fc1 = dense units=32
relu2 = relu
fc2 = dense units=10
out = softmax

[train]
epochs = 2
batch = 20
lr = 0.05
momentum = 0.9
INI
}

# write_zoo FILE NAME: the same with every kind of layer that a thread could get wrong.
write_zoo()
{
    write_config "$1" "$2"
    sed -i '/^conv1/,/^fc2/d' "$1"
    sed -i '/^\[network\]/a\
conv1 = conv2d filters=6 kernel=3x5 stride=1 padding=same\
act1 = leaky_relu\
conv2 = conv2d filters=12 kernel=3 dilation=2 padding=2 groups=3 bias=no\
act2 = tanh\
pool1 = avgpool size=3 stride=2 padding=1 ceil=yes\
conv3 = conv2d filters=16 kernel=3 stride=2 padding=1\
act3 = sigmoid\
pool2 = maxpool size=2 stride=1 padding=1\
drop1 = dropout rate=0.3\
flat = flatten\
fc1 = dense units=33\
act4 = relu\
drop2 = dropout rate=0.5\
fc2 = dense units=10' "$1"
}

# slow_evaluation PYTHON FILE: writes few training and many test images to FILE; "${slow_evaluation[@]}" are the options that make of
# write_config's network one that takes some seconds to go through them.
slow_evaluation()
{
    "$1" - "$source/data/digits.h5" "$2" <<'PY'
import sys, h5py, numpy
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "w") as b:
    for split, n, times in ("train", 60, 1), ("test", 360, 600):
        for name in "images", "labels":
            b[f"{split}/{name}"] = numpy.concatenate([a[f"{split}/{name}"][:n]] * times)
PY
    # shellcheck disable=SC2034 # for who calls
    slow_evaluation=(--set "data.file=$2" --set "network.conv1=conv2d filters=400 kernel=8 padding=4")
}
