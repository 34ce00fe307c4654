#!/usr/bin/env bash
# The photographs of clothes: configs/fashion-mnist.ini reaches 92.5 % on the test images within its ten epochs.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

folder=/usr/share/datasets/fashion-mnist
[ -r $folder/train-images-idx3-ubyte.gz ] || skip "the package dataset-fashion-mnist is not installed"
expect_exit 0 cnn-data import idx \
    --train-images $folder/train-images-idx3-ubyte.gz --train-labels $folder/train-labels-idx1-ubyte.gz \
    --test-images $folder/t10k-images-idx3-ubyte.gz --test-labels $folder/t10k-labels-idx1-ubyte.gz clothes.h5 || finish
expect_exit 0 cnn-train --set data.file=clothes.h5 --set run.output=run "$source/configs/fashion-mnist.ini" || finish
best=$(cut -d, -f7 run/metrics.csv | tail -n +2 | sort -g | tail -n 1)
echo "best test accuracy: $best in $(($(wc -l <run/metrics.csv) - 1)) epochs"
[ "$(wc -l <run/metrics.csv)" -le 11 ] || fail "more than ten epochs"
awk -v best="$best" 'BEGIN { exit !(best >= 0.925) }' || fail "$best is less than 0.925"
finish
