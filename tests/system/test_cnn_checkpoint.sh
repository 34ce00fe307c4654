#!/usr/bin/env bash
# cnn-checkpoint, and cnn-train --verify: what is in a checkpoint, what differs between two, and whether one is whole.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"
write_config a.ini run
expect_exit 0 cnn-train --steps 80 a.ini
new=run/step-00000080.h5 old=run/step-00000072.h5

# Info.
expect_exit 0 cnn-checkpoint info $new
for words in "step 80, 1 epoch and 160 samples of the next, 1,597 samples in all" "seed 7, batch 20 in 1 shard" "on $(uname -n) x 1, 1 rank x" \
    "Open MPI" "HDF5 1." "OpenBLAS" "/model/conv1/weight" "8x1x3x3" "/optimizer/momentum/fc2/bias" "test accuracy 0."; do
    expect_message "$words" out
done
expect_match '^  /model/fc1/weight +32x128 +4,096$'
expect_match '^  4,538 values in /model, 4,538 in /optimizer$'
grep -q '^lr ' out && fail "the configuration is printed without --config"
expect_exit 0 cnn-checkpoint info --config $new && expect_match '^lr +=' && expect_match '^conv1 += conv2d filters=8'

# Verify: a line per file, and the worst of them.
expect_exit 0 cnn-checkpoint verify run/step-*.h5 run/latest.h5
[ "$(grep -c ': good$' out)" = 3 ] || fail "not three good files: $(cat out)"
expect_exit 0 cnn-train --verify $new && expect_message "$new: good" out
size=$(stat -c %s $new)
for cut in 0 100 511 512 600 5000 $((size / 2)) $((size - 1)); do
    head -c "$cut" $new >cut.h5
    expect_exit 4 cnn-checkpoint verify $old cut.h5 $new
    [ "$(wc -l <out)" = 3 ] && expect_match '^cut\.h5: ' && expect_match "^$new: good"
    expect_exit 4 cnn-train --verify cut.h5 && expect_match '^error: cut\.h5: ' err
done
cp $new flipped.h5
printf 'X' | dd of=flipped.h5 bs=1 seek=$((size / 2)) conv=notrunc status=none
for command in 'verify' 'info' "diff $new"; do
    # shellcheck disable=SC2086
    expect_exit 4 cnn-checkpoint $command flipped.h5
done
expect_exit 4 cnn-checkpoint verify missing.h5 && expect_message 'missing.h5: no such file' out
expect_exit 4 cnn-checkpoint verify "$source/data/digits.h5" && expect_message 'not a checkpoint' out

# Diff.
expect_exit 0 cnn-checkpoint diff $new $new && expect_message 'arrays: all 12 are equal bit for bit' out
expect_exit 0 cnn-train --steps 80 --set run.output=again a.ini
expect_exit 0 cnn-checkpoint diff $new again/latest.h5
expect_match '^  run\.output +run -> again  \(does not count\)$'
expect_match '^  state\.seconds .*\(does not count\)$'
expect_exit 1 cnn-checkpoint diff $old $new
expect_message 'arrays: 12 of 12 differ, the first is /model/conv1/weight' out
expect_match '^  from its value [0-9]+ on, by 0\.[0-9]+ at most'
expect_match '^  /model/conv1/weight +[0-9.e-]+ absolute, [0-9.e+-]+ relative, [0-9]+ of 72 values$'
expect_match '^  state\.step +72 -> 80$'
expect_exit 0 cnn-train --steps 80 --set run.output=rate --set train.schedule=step a.ini # of no consequence yet
expect_exit 1 cnn-checkpoint diff $new rate/latest.h5 && expect_match '^  train\.schedule +constant -> step$'
expect_exit 0 cnn-checkpoint diff --arrays $new rate/latest.h5
write_zoo zoo.ini zoo
expect_exit 0 cnn-train --steps 3 zoo.ini
expect_exit 1 cnn-checkpoint diff --arrays $new zoo/latest.h5
expect_match '^  /model/conv1/weight +8x1x3x3 in the first, 6x1x3x5 in the second$'
expect_match '^  /model/conv3/bias +only in the second \(16\)$'
expect_exit 1 cnn-checkpoint diff $new zoo/latest.h5 && expect_match '^  network\.conv1 +conv2d filters=8'

# The command line.
expect_exit 0 cnn-checkpoint --help && expect_message 'cnn-checkpoint COMMAND' out
for command in info diff verify; do
    expect_exit 0 cnn-checkpoint $command --help && expect_message "usage: cnn-checkpoint $command" out
done
expect_exit 2 cnn-checkpoint inof $new && expect_message "did you mean 'info'"
expect_exit 2 cnn-checkpoint diff $new && expect_message 'B is missing'
expect_exit 2 cnn-checkpoint info --confg $new && expect_message 'did you mean --config'
expect_exit 2 cnn-checkpoint verify && expect_message 'needs a FILE'
expect_exit 2 cnn-checkpoint verify --fast $new && expect_message 'unknown option --fast'
expect_exit 2 cnn-train --verify $new --nonsense && expect_message 'nonsense'
cnn-checkpoint info $new >/dev/full 2>err && fail "a full disk at standard output goes unnoticed"
finish
