#!/usr/bin/env bash
# Data larger than the memory they may have are read from the file while the network is trained: the same bits as from
# memory, for any number of ranks and after a resume; and a file that is damaged under way ends the run on all ranks.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"

# Twice 6,000 images of 32x32, 5.9 MiB, in runs of a mebibyte.
awk 'BEGIN {
    state = 1
    for (i = 0; i < 12000; i++) {
        line = ""
        for (j = 0; j < 1024; j++) {
            state = (state * 69069 + 1) % 4294967296
            line = line int(state / 16777216 * (i % 4 + 1) / 4) ","
        }
        print line (i % 4)
    }
}' >images.csv
expect_exit 0 cnn-data import csv --train images.csv --test-last 6000 --shape 32x32x1 data.h5
rm images.csv
cat >a.ini <<'INI'
[data]
file = data.h5
window = 0.34
[augment]
flip = random
[network]
c = conv2d filters=3 kernel=5 stride=3
r = relu
f = flatten
d = dense units=4
o = softmax
[train]
epochs = 2
batch = 200
[distributed]
shards = 4
allreduce = tree
INI

expect_exit 0 cnn-train --set run.output=memory a.ini
expect_match '^  images +in memory: train images, 5.9 MiB, shuffled in windows of 2 of 6 runs of 1,'
for n in 1 2 4; do
    if [ $n -gt 1 ]; then
        need_mpirun
        expect_exit 0 ranks $n cnn-train --set run.output=ranks-$n --set data.memory=3 a.ini
    else
        expect_exit 0 cnn-train --set run.output=ranks-1 --set data.memory=3 a.ini
    fi
    expect_match '^  images +from the file: train images'
    expect_match '^data: read ahead; .* of images read from the file'
    expect_same_arrays memory/latest.h5 ranks-$n/latest.h5 "in memory and streamed on $n ranks"
done

# Each run is read once an epoch, and what was read is told.
expect_exit 0 cnn-train --set run.output=once --set data.memory=6 --set train.epochs=1 a.ini
expect_match 'a rank keeps 4 runs, 4.0 MiB, and reads each once an epoch'
expect_match '^data: read ahead; .*; 6.0 MiB of images read from the file$'

# With room for less than that the bits are the same, and somebody says that it will take long. Threads change nothing.
expect_exit 0 env OMP_NUM_THREADS=3 cnn-train --set run.output=little --set data.memory=1 --set data.window=0.99 --set train.epochs=1 a.ini
expect_message 'warning: a rank keeps 4 runs of training images, and needs 6 to read each once an epoch'
expect_exit 0 env OMP_NUM_THREADS=2 cnn-train --set run.output=much --set data.window=0.99 --set train.epochs=1 a.ini
expect_same_arrays little/latest.h5 much/latest.h5 "room for fewer runs than a window"
h5diff memory/latest.h5 much/latest.h5 /model /model >/dev/null 2>&1 && fail "another window gave the same weights"

# Filters that are made of the first images.
sed 's/filters=3 kernel=5 stride=3/filters=8 kernel=2 stride=3 init=whiten/' a.ini >whiten.ini
for memory in 0 3; do
    expect_exit 0 cnn-train --steps 5 --set run.output=whiten-$memory --set data.memory=$memory whiten.ini
done
expect_same_arrays whiten-0/latest.h5 whiten-3/latest.h5 "whitened from memory and from the file"

# On from the middle of an epoch, on other ranks and from memory; the window is the run's.
expect_exit 0 cnn-train --steps 44 --set run.output=resumed --set data.memory=3 a.ini
cp -r resumed other
expect_exit 0 ranks 2 cnn-train --resume --set run.output=resumed --set data.memory=6 a.ini
expect_same_arrays memory/latest.h5 resumed/latest.h5 "resumed in the middle of an epoch"
sed '/window/d' a.ini >b.ini
expect_exit 0 cnn-train --resume --set run.output=other b.ini
expect_same_arrays memory/latest.h5 other/latest.h5 "resumed without data.window, from memory"
expect_exit 2 cnn-train --resume --set run.output=other --set data.window=0.5 a.ini
expect_message 'data.window = 0.5, but'

# Where nothing is said, the window follows from the memory at the first start, and a resumed run keeps it.
expect_exit 0 cnn-train --steps 44 --set run.output=auto --set data.memory=5 b.ini
expect_match 'shuffled in windows of [1-3] of 6 runs'
expect_exit 0 cnn-train --resume --set run.output=auto b.ini
expect_match 'in memory: train images, 5.9 MiB, shuffled in windows of [1-3] of 6 runs'
expect_exit 0 cnn-train --set run.output=whole b.ini
grep -q '^  images ' out && fail "all in memory and in one window, yet told of"

# Test images too, in file order: here they alone.
expect_exit 0 cnn-train --dry-run --set data.memory=8 b.ini
expect_match '^  images +in memory: train images, 5.9 MiB$'
expect_match '^ +from the file: test images, 5.9 MiB$'
expect_match '^  memory .* [0-9.]+ MiB to read ahead$'
expect_exit 0 cnn-train --evaluate whole/latest.h5 b.ini
mv out truth
expect_exit 0 cnn-train --evaluate whole/latest.h5 --set data.memory=8 b.ini
cmp -s out truth || fail "an evaluation of streamed test images says something else"
expect_exit 0 ranks 2 cnn-train --evaluate whole/latest.h5 --set data.memory=2 b.ini
cmp -s out truth || fail "an evaluation of streamed test images on 2 ranks says something else"

# The same data in chunks of another size are other data, since their windows are.
if python=$(find_python); then
    "$python" - <<'PYTHON'
import h5py
with h5py.File("data.h5") as old, h5py.File("other.h5", "w") as new:
    for split in "train", "test":
        images, labels = old[split]["images"], old[split]["labels"]
        copy = new.create_dataset(split + "/images", data=images[:], chunks=(700, 32, 32, 1))
        for name in "layout", "mean", "std":
            copy.attrs[name] = images.attrs[name]
        new.create_dataset(split + "/labels", data=labels[:]).attrs["class_names"] = labels.attrs["class_names"]
PYTHON
    rm -r other
    expect_exit 0 cnn-train --steps 44 --set run.output=other a.ini
    expect_exit 3 cnn-train --resume --set run.output=other --set data.file=other.h5 a.ini
    expect_message "was trained on other data"
    expect_exit 0 cnn-train --steps 44 --set run.output=other2 b.ini
    expect_exit 0 cnn-train --resume --steps 50 --set run.output=other2 --set data.file=other.h5 b.ini
else
    echo "no Python with h5py: data in other chunks were left out"
fi

# damage PART: 100,000 bytes behind that part (0.4) of a copy of the data are zeros.
size=$(stat -c %s data.h5)
damage()
{
    dd if=/dev/zero of=copy.h5 bs=1000 seek="$(awk "BEGIN {print int($size * $1 / 1000)}")" count=100 conv=notrunc 2>/dev/null
}

# damaged_under_way PART MEMORY RANKS TEXT
damaged_under_way()
{
    local started
    rm -rf copy.h5 run
    cp data.h5 copy.h5
    mpirun_behind -np "$3" cnn-train --set data.file=copy.h5 --set run.output=run --set train.epochs=100000 --set checkpoint.keep=1 \
        --set data.memory="$2" a.ini
    started=$SECONDS
    wait_for 60 test -e run/latest.h5 || fail "no checkpoint after a minute"
    damage "$1"
    behind || fail "mpirun locked up"
    [ "$code" -eq 3 ] || { fail "exit code $code of a run whose file was damaged: $*"; tail -n 5 err >&2; }
    [ $((SECONDS - started)) -lt 100 ] || fail "it took $((SECONDS - started)) s to end"
    [ "$(grep -c '^error: ' err)" -eq 1 ] || { fail "not one error:"; cat err >&2; }
    expect_match "copy.h5: /$4/images\[[0-9]+\] to \[[0-9]+\] .*the file was damaged or changed" err
}
damaged_under_way 0.3 3 1 train
expect_message 'the last good checkpoint is run/step-'
damaged_under_way 0.3 4 4 train
damaged_under_way 0.8 3 2 test
expect_exit 3 cnn-train --set data.file=copy.h5 --set run.output=never --set data.memory=3 a.ini
expect_message 'copy.h5: damaged: its bytes are not those that were written'
finish
