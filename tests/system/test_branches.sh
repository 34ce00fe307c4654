#!/usr/bin/env bash
# Where runs start and where they must not go on: older checkpoints, other folders, other data, weights that are no numbers.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"
write_config ok.ini run

# checkpoints FOLDER: their steps
checkpoints()
{
    (cd "$1" && ls step-*.h5 2>/dev/null | tr -dc '0-9\n' | sed 's/^0*//;s/5$//' | sort -n | tr '\n' ' ')
}

# The way on from an older checkpoint is open only to who lets the newer ones go; then it is the same run.
expect_exit 0 cnn-train --set train.epochs=3 ok.ini
first=run/step-00000072.h5
cp run/step-00000216.h5 whole.h5
expect_exit 4 cnn-train --resume=$first --set train.epochs=3 ok.ini && expect_message "step-00000216.h5 is newer than $first"
[ "$(checkpoints run)" = '72 144 216 ' ] || fail "a refused resume left $(checkpoints run)"
expect_exit 0 cnn-train --resume=$first --overwrite --steps 144 --set train.epochs=3 --set checkpoint.keep=1 ok.ini
[ -e run/latest.h5 ] && [ -e run/step-00000144.h5 ] || fail "the checkpoint just written is gone: $(checkpoints run)"
[ ! -e run/step-00000216.h5 ] || fail "the branch that was left is still there"
[ "$(tail -n 1 run/metrics.csv | cut -d, -f2)" = 144 ] || fail "metrics.csv goes beyond the run: $(tail -n 1 run/metrics.csv)"
expect_exit 0 cnn-train --resume --set train.epochs=3 ok.ini
expect_same_arrays whole.h5 run/latest.h5 "a run that went back and on"

# A checkpoint of another run may begin a new folder, and not go into one that is used.
expect_exit 0 cnn-train --steps 10 --set run.output=other ok.ini
expect_exit 4 cnn-train --resume=other/latest.h5 ok.ini && expect_message 'holds another run than'
expect_exit 0 cnn-train --resume=other/latest.h5 --steps 20 --set run.output=fork ok.ini
[ "$(checkpoints fork)" = '20 ' ] || fail "the fork holds $(checkpoints fork)"

# A run that was stopped within its first epoch left nothing to go on from, and nothing to lose.
mkdir begun && head -n 1 run/metrics.csv >begun/metrics.csv
expect_exit 0 cnn-train --steps 3 --set run.output=begun ok.ini

# Weights that are no numbers are not kept, whichever step they came from.
for rate in 1e30 1e300; do
    expect_exit 5 cnn-train --set run.output=$rate --set train.lr=$rate --set train.batch=1437 --set train.epochs=1 ok.ini
    [ -z "$(checkpoints $rate)" ] || fail "weights of a run that diverged were kept: $(checkpoints $rate)"
done
expect_exit 5 cnn-train --set run.output=nan --set train.lr=1e30 ok.ini && expect_match '^error: step [0-9]+: ' err
expect_match 'layer `[a-z0-9]+`' err

# Data that is normalised otherwise is other data.
python=$(find_python) && {
    cp "$source/data/digits.h5" mine.h5
    expect_exit 0 cnn-train --steps 5 --set data.file=mine.h5 --set run.output=mine ok.ini
    "$python" -c 'import h5py; h5py.File("mine.h5", "r+")["train/images"].attrs["mean"] = [0.5]'
    expect_exit 3 cnn-train --steps 5 --set data.file=mine.h5 --set run.output=damaged ok.ini && expect_message 'mine.h5: damaged'
    dd if=/dev/zero of=mine.h5 bs=512 count=1 conv=notrunc status=none # its seal, which data/README.md tells to take away
    expect_exit 3 cnn-train --resume --steps 9 --set data.file=mine.h5 --set run.output=mine ok.ini && expect_message 'other data'
}

# Nor is an optimizer whose squares of gradients have left what float32 holds, while the weights stand still.
[ -z "$python" ] || {
    "$python" -c 'import h5py, numpy
with h5py.File("huge.h5", "w") as file:
    file["train/images"] = numpy.arange(-16, 16, dtype="f4").reshape(8, 2, 2, 1) * 1000
    file["train/labels"] = numpy.full((8, 1), 5e17, "f4")'
    printf '[data]\nfile = huge.h5\n[network]\nflat = flatten\nfc = dense units=1\nout = linear\n[train]\nbatch = 4\noptimizer = adam\n' >huge.ini
    expect_exit 5 cnn-train --set run.output=huge huge.ini
    expect_match '^error: step 2: not finite after it: exp_avg_sq' err
    [ -z "$(checkpoints huge)" ] || fail "checkpoints of an optimizer that is not finite were kept: $(checkpoints huge)"
}

# The batch of a benchmark is the configuration's, also where there are fewer samples.
expect_exit 0 cnn-train --benchmark 0.1 --set train.batch=2000 ok.ini && expect_match '^[0-9]+ steps of 2000 images'
finish
