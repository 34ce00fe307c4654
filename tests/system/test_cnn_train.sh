#!/usr/bin/env bash
# cnn-train and cnn-predict as a user has them: what they learn, print, write, and go on from.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

h5dump=$(command -v h5dump) || skip "there is no h5dump on this machine"
h5diff=$(command -v h5diff) || skip "there is no h5diff on this machine"
csv_header=epoch,step,samples,train_loss,train_accuracy,test_loss,test_accuracy,learning_rate,images_per_s,seconds

# attribute FILE NAME: a number out of /state.
attribute()
{
    "$h5dump" -a "/state/$2" "$1" | sed -n 's/^ *(0): //p'
}

# --- the configuration that ships, as a user starts it: from the project's folder ---------------------------------
# The aim is 10 s on two cores; twice that leaves room for a machine with other things to do, and so do three tries.
for try in 1 2 3; do
    rm -rf "$tmp/digits"
    start=$(date +%s.%N)
    cd "$source" && expect_exit 0 cnn-train --set run.output="$tmp/digits" configs/digits.ini
    cd "$tmp" || exit 1
    seconds=$(date +%s.%N | awk -v start="$start" '{ printf "%.1f", $1 - start }')
    echo "configs/digits.ini: $seconds s"
    awk -v s="$seconds" 'BEGIN { exit !(s < 20) }' && break
    [ $try -lt 3 ] || fail "configs/digits.ini took $seconds s, and more than 20 s before"
done
[ ! -s err ] || fail "it said something on stderr: $(cat err)"
! grep -q "$(printf '[\033\r]')" out || fail "escapes or carriage returns where there is no terminal"
[ "$(head -n 1 digits/metrics.csv)" = $csv_header ] || fail "header of metrics.csv: $(head -n 1 digits/metrics.csv)"
awk -F, 'NF != 10 { bad = 1 } NR > 1 && $1 != NR - 1 { bad = 1 } NR > 1 && $3 != $1 * 1437 { bad = 1 } END { exit bad || NR < 2 }' digits/metrics.csv ||
    fail "metrics.csv: $(cat digits/metrics.csv)"
accuracy=$(tail -n 1 digits/metrics.csv | cut -d, -f7)
[[ -L digits/latest.h5 && -L digits/best.h5 ]] || fail "the links latest.h5 and best.h5: $(ls -l digits)"
[[ $(readlink digits/latest.h5) =~ ^step-[0-9]{8}\.h5$ ]] || fail "latest.h5 points to $(readlink digits/latest.h5)"

expect_exit 0 cnn-train --set data.file="$source/data/digits.h5" --evaluate digits/best.h5 "$source/configs/digits.ini"
best=$(tail -n 1 out)
awk -v a="${best##* }" 'BEGIN { exit !(a >= 0.98) }' || fail "the test digits, by the best checkpoint: $best"

# --- a batch that is larger than the data is all of them, and that is told -------------------------------------------
expect_exit 0 cnn-train --set run.output=all --set train.batch=2000 --steps 1 --set data.file="$source/data/digits.h5" "$source/configs/digits.ini"
expect_match '^  batch +1437, all training samples and not 2000, = 1 shard of 1437, on '

# --- evaluate and predict agree with what training said ------------------------------------------------------------
expect_exit 0 cnn-train --set run.output="$tmp/digits" --set data.file="$source/data/digits.h5" --evaluate digits/latest.h5 "$source/configs/digits.ini"
last=$(tail -n 1 out)
[[ $last =~ ^test:\ loss\ [0-9]+\.[0-9]+\ accuracy\ [0-9]\.[0-9]+$ ]] || fail "last line of --evaluate: $last"
awk -v a="${last##* }" -v b="$accuracy" 'BEGIN { exit !(a - b < 1e-4 && b - a < 1e-4) }' || fail "$last, but metrics.csv has $accuracy"

expect_exit 0 cnn-predict digits/latest.h5 "$source/data/digits.h5" predicted.h5
if python=$(find_python); then
    "$python" - "$source/data/digits.h5" predicted.h5 "$accuracy" <<'PYTHON' || fail "predicted.h5 (above)"
import sys
import h5py
import numpy
labels = h5py.File(sys.argv[1])["test/labels"][:]
found = []
h5py.File(sys.argv[2]).visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
tables = [item[:] for item in found if item.shape == (360, 10)]
assert len(tables) == 1, found
p = tables[0]
assert (p >= 0).all() and numpy.abs(p.sum(axis=1) - 1).max() < 1e-5, "rows must sum to 1"
accuracy = (p.argmax(axis=1) == labels).mean()
assert abs(accuracy - float(sys.argv[3])) < 1e-4, accuracy
PYTHON
fi

# --- what is said without training ---------------------------------------------------------------------------------
write_config a.ini a
expect_exit 0 cnn-train --help && expect_message --resume out
expect_exit 0 cnn-train --help-config && expect_message '[train]' out && expect_message conv2d out
expect_exit 0 cnn-train --version && expect_match '[0-9]+\.[0-9]+\.[0-9]+'
expect_exit 0 cnn-train --dry-run a.ini && expect_message conv1 out && expect_match '2,?698|2,?410|[0-9],[0-9]{3}'
[ ! -e a ] || fail "--dry-run left $(ls -d a)"
expect_exit 0 cnn-train --dry-run --set data.file= --set network.input=8x8x1 a.ini
expect_exit 0 cnn-train --benchmark 1 --set data.file= --set network.input=8x8x1 a.ini && expect_message conv1 out
[[ $(tail -n 1 out) =~ ^throughput:\ [0-9]+(\.[0-9]+)?\ images/s$ ]] || fail "last line of --benchmark: $(tail -n 1 out)"
expect_exit 0 cnn-train --check-gradients a.ini && expect_message conv1 out && expect_message fc2 out
[ ! -e a ] || fail "--benchmark or --check-gradients left $(ls -d a)"

# --- steps, and going on ---------------------------------------------------------------------------------------------
# 31 steps end within the first epoch of 72, 100 within the second.
for steps in 31 100; do
    rm -rf half whole
    expect_exit 0 cnn-train --steps $steps --set run.output=half a.ini
    [ "$(attribute half/latest.h5 step)" = $steps ] || fail "--steps $steps stopped at $(attribute half/latest.h5 step)"
    before=$(sha256sum <half/latest.h5)
    first=$(readlink half/latest.h5)
    expect_exit 0 cnn-train --resume --steps $((steps * 2 < 144 ? steps * 2 : 144)) --set run.output=half a.ini
    [ "$(sha256sum <"half/$first")" = "$before" ] || fail "going on changed the checkpoint it went on from"
    expect_exit 0 cnn-train --steps $((steps * 2 < 144 ? steps * 2 : 144)) --set run.output=whole a.ini
    expect_same_arrays half/latest.h5 whole/latest.h5 "$steps steps and resumed, against uninterrupted"
    # The training numbers of finished epochs are those of an uninterrupted run as well.
    diff <(cut -d, -f1-8 half/metrics.csv) <(cut -d, -f1-8 whole/metrics.csv) >diff.txt || fail "metrics.csv after $steps steps and --resume: $(cat diff.txt)"
done
# They differ where they should: the comparison can fail.
expect_exit 0 cnn-train --steps 100 --set run.output=other --set run.seed=8 a.ini
"$h5diff" other/latest.h5 whole/latest.h5 /model /model >/dev/null 2>&1 && fail "another seed gave the same weights"

# A finished run has nothing left to do, and says so.
expect_exit 0 cnn-train --set run.output=finished a.ini
rm finished/.owner # which start has the folder, it tells all the same
before=$(fingerprint finished)
expect_exit 0 cnn-train --resume --set run.output=finished a.ini
rm finished/.owner
[ "$(fingerprint finished)" = "$before" ] || fail "--resume of a finished run changed its folder"

# --- which checkpoints are written: at learning rate 0 the first epoch stays the best --------------------------------
for rule in 0:72,360 2:72,144,288,360; do
    rm -rf kept
    expect_exit 0 cnn-train --set train.lr=0 --set train.epochs=5 --set checkpoint.every=${rule%%:*} --set run.output=kept a.ini
    written=$(find kept -name 'step-*.h5' -printf '%f\n' | sed 's/step-0*//; s/\.h5//' | sort -n | paste -sd,)
    [ "$written" = "${rule#*:}" ] || fail "checkpoint.every=${rule%%:*}: those of steps $written, not ${rule#*:}"
done

# --- starting from given weights: a step with learning rate 0 hands them on --------------------------------------
expect_exit 0 cnn-train --init finished/latest.h5 --steps 1 --set train.lr=0 --set run.output=init a.ini
"$h5diff" finished/latest.h5 init/latest.h5 /model /model >/dev/null 2>&1 || fail "--init changed the weights"

# --- order of samples: without dropout and changes of the images, given weights and the file's order leave nothing to the seed ----------------
sed '/^drop1/d; /^\[augment\]/,/^$/d' a.ini >calm.ini
for shuffle in no yes; do
    for seed in 1 2; do
        expect_exit 0 cnn-train --init finished/latest.h5 --steps 5 --set data.shuffle=$shuffle --set run.seed=$seed \
            --set run.output=$shuffle-$seed calm.ini
    done
done
expect_same_arrays no-1/latest.h5 no-2/latest.h5 "shuffle = no with two seeds"
"$h5diff" yes-1/latest.h5 yes-2/latest.h5 /model /model >/dev/null 2>&1 && fail "shuffle = yes: two seeds gave one order"
finish
