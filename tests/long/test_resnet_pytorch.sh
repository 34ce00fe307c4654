#!/usr/bin/env bash
# The ResNets of configs/ on small images: their gradients, ten steps and running statistics are PyTorch's, and so is what
# cnn-predict says after them. PyTorch's network is built from the lines that a checkpoint keeps, blocks put in.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import h5py, torch' 2>/dev/null && python=$candidate && break
done
[ -n "${python:-}" ] || skip "there is no Python with h5py and torch (python3-h5py, python3-torch)"
work=("$python" "$source/tests/long/resnet_pytorch.py")

# check CONFIG SIZE PARAMETERS: with 10 classes and images of SIZE x SIZE; as it is, it has so many parameters.
check()
{
    local common=("$source/configs/$1.ini" --overwrite --set data.file=data.h5 --set "network.input=$2x$2x3" --set train.batch=6
        --set train.epochs=100 --set train.schedule=constant --set train.weight_decay=0 --set data.shuffle=no --set augment.flip=no
        --set augment.pad=0
        --set 'network.fc=dense units=10')
    expect_exit 0 cnn-train --dry-run "$source/configs/$1.ini"
    grep -q "^  all .* $3 " out || fail "configs/$1.ini has not $3 parameters"
    expect_exit 0 "${work[@]}" data "$2" || return
    expect_exit 0 cnn-train "${common[@]}" --steps 1 --set run.output=lines || return
    expect_exit 0 "${work[@]}" weights lines/latest.h5 init.h5 || return
    expect_exit 0 cnn-train "${common[@]}" --init init.h5 --steps 1 --set train.lr=0.1 --set run.output=one || return
    expect_exit 0 cnn-train "${common[@]}" --init init.h5 --steps 10 --set train.lr=0.001 --set run.output=ten || return
    expect_exit 0 cnn-predict ten/latest.h5 data.h5 predicted.h5 --overwrite || return
    expect_exit 0 "${work[@]}" compare init.h5 one/latest.h5 ten/latest.h5 predicted.h5
    cat out
}

check cifar10-resnet20 16 272,474
check imagenet-resnet18 64 11,689,512
check imagenet-resnet50 64 25,557,032
finish
