#!/usr/bin/env bash
# A resumed run is the same run: what differs from the checkpoint is told, what may not differ is refused, and the bits are
# those of a run that was never stopped, on any number of ranks.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config a.ini run

expect_one_error()
{
    [ "$(grep -c '^error' err)" = 1 ] || fail "not one message: $(cat err)"
    expect_match "$1" err
}

# attribute FILE PATH NAME: as Python prints it.
attribute()
{
    "$python" -c 'import sys, h5py
value = h5py.File(sys.argv[1])[sys.argv[2]].attrs.get(sys.argv[3], "none")
print(value.decode() if isinstance(value, bytes) else value)' "$@"
}

# Nothing there to go on from.
expect_exit 4 cnn-train --resume a.ini && expect_one_error '^error: run: no checkpoint .*nothing to resume: start without --resume'

expect_exit 0 cnn-train --steps 30 a.ini # in the middle of the first epoch
before=$(fingerprint run)

# What a run hangs on: one message with key, both values, and what lets it change.
cp a.ini network.ini && sed -i 's/^conv1.*/conv1 = conv2d filters=12 kernel=3 padding=same/; s/^drop1.*/drop1 = dropout rate=0.5/' network.ini
cp a.ini layers.ini && sed -i '/^relu2/d' layers.ini
while IFS='|' read -r setting config message; do
    expect_exit 2 cnn-train --resume ${setting:+--set "$setting"} "$config" && expect_one_error "$message"
done <<'TABLE'
run.seed=8|a.ini|run\.seed = 8, but run/step-00000030\.h5 was trained with 7, and a run keeps it; .*--init
data.shuffle=no|a.ini|data\.shuffle = no, but .* trained with yes
distributed.shards=4|a.ini|distributed\.shards = 4, but .* trained with 1,
train.batch=40|a.ini|train\.batch = 40, but .* trained with 20, and a run keeps it, unless --allow-change=batch
|network.ini|network\.conv1 = conv2d filters=12 kernel=3 padding=same, but .* trained with conv2d filters=8 kernel=3
|layers.ini|network\.fc2 = fc2 = dense units=10, but .* trained with relu2 = relu,
TABLE
expect_exit 2 cnn-train --resume --allow-change=bach a.ini && expect_one_error 'did you mean `batch`'
expect_exit 2 cnn-train --resume --allow-change=batch,everything a.ini && expect_one_error 'expected one or more of batch, precision, data'
expect_exit 2 cnn-train --allow-change=batch a.ini && expect_one_error 'with --resume'
[ "$(fingerprint run)" = "$before" ] || fail "a resume that was refused changed the folder"

# What may change is told, and nothing else; a blank more in a layer's line is no change.
cp -r run free && cp a.ini free.ini && sed -i 's/^fc1.*/fc1  =  dense   units=32/' free.ini
expect_exit 0 cnn-train --resume --steps 40 --set run.output=free --set train.lr=0.01 --set train.schedule=cosine free.ini
sed -n '/^resuming/,/^$/p' out >told
printf '%s\n' 'resuming from free/step-00000030.h5: step 30, epoch 1 of 2' '  run.output               run -> free' \
    '  train.lr                 0.05 -> 0.01' '  train.schedule           constant -> cosine' '' | diff - told || fail "another text tells of changes"
[ "$(attribute free/latest.h5 provenance changes)" = none ] || fail "a change that needs no leave is noted: $(attribute free/latest.h5 provenance changes)"

# The newest is broken: the one before, and why.
cp -r run broken && head -c 5000 run/step-00000030.h5 >broken/step-00000031.h5
expect_exit 0 cnn-train --resume --steps 40 --set run.output=broken a.ini
expect_match 'warning: passed over: broken/step-00000031.h5: .*truncated' err
expect_match '^resuming from broken/step-00000030.h5' out

# Another batch, where it is asked for: the epoch goes on where it stands, every sample once, and checkpoints keep the note.
cp -r run batch
expect_exit 0 cnn-train --resume --allow-change=batch --set train.batch=50 --steps 35 --set run.output=batch a.ini
expect_message '  train.batch              20 -> 50' out
[ "$(attribute batch/latest.h5 state samples_seen)" = 850 ] || fail "30 steps of 20 and 5 of 50 make $(attribute batch/latest.h5 state samples_seen)"
expect_exit 2 cnn-train --resume --set run.output=batch a.ini && expect_one_error 'batch = 20, but .* with 50'
expect_exit 0 cnn-train --resume --set train.batch=50 --set run.output=batch a.ini
[ "$(cut -d, -f1,3 batch/metrics.csv | tail -n 2 | tr '\n' ' ')" = '1,1437 2,2874 ' ] || fail "epochs are not whole: $(cat batch/metrics.csv)"
[ "$(attribute batch/latest.h5 provenance changes)" = 'step 30: train.batch 20 -> 50' ] ||
    fail "the note of a change: $(attribute batch/latest.h5 provenance changes)"
[ "$(attribute batch/latest.h5 state batch)" = 50 ] || fail "the state keeps the old batch"

# Other data, and fewer: a begun epoch starts anew, one that ends does not; both changes are noted.
"$python" - "$source/data/digits.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1]) as a, h5py.File("fewer.h5", "w") as b:
    for name in a.attrs: b.attrs[name] = a.attrs[name]
    for split in "train", "test":
        group = b.create_group(split)
        for name in a[split].attrs: group.attrs[name] = a[split].attrs[name]
        for name, array in a[split].items():
            group.create_dataset(name, data=array[:1000])
            for key, value in array.attrs.items(): group[name].attrs[key] = value
PY
for begun in 30 72; do
    expect_exit 0 cnn-train --steps $begun --set run.output=data-$begun a.ini
    expect_exit 3 cnn-train --resume --set data.file=fewer.h5 --set run.output=data-$begun a.ini
    expect_one_error 'other data than fewer.h5 .*unless --allow-change=data'
    expect_exit 0 cnn-train --resume --allow-change=data,batch --set train.batch=25 --set data.file=fewer.h5 --set train.epochs=3 --set run.output=data-$begun a.ini
    [ "$(attribute data-$begun/latest.h5 provenance changes | cut -d' ' -f1-4 | tr '\n' '/')" = "step $begun: train.batch 20/step $begun: data $(attribute data-$begun/step-000000$begun.h5 data digest)/" ] ||
        fail "the notes of changes: $(attribute data-$begun/latest.h5 provenance changes)"
done
expect_message 'the next epoch and the best test result start anew' out
[ "$(cut -d, -f1-3 data-30/metrics.csv | tail -n 3 | tr '\n' ' ')" = '1,70,1600 2,110,2600 3,150,3600 ' ] || fail "metrics.csv: $(cat data-30/metrics.csv)"
[ "$(cut -d, -f1-3 data-72/metrics.csv | tail -n 3 | tr '\n' ' ')" = '1,72,1437 2,112,2437 3,152,3437 ' ] || fail "metrics.csv: $(cat data-72/metrics.csv)"

# On another number of ranks after every stop, most of them in the middle of an epoch, allreduce = tree, with dropout: the bits
# of the run that was never stopped.
if command -v mpirun >/dev/null && mpirun -np 1 true 2>/dev/null </dev/null; then
    export OMP_NUM_THREADS=1
    tree=(--set distributed.shards=16 --set distributed.allreduce=tree)
    expect_exit 0 cnn-train "${tree[@]}" --set run.output=whole --steps 140 a.ini
    resume=
    for stop in 1:13 2:40 4:72 8:95 16:110 4:111 1:127 16:140; do
        # shellcheck disable=SC2086
        expect_exit 0 ranks ${stop%:*} cnn-train $resume "${tree[@]}" --set run.output=moved --steps "${stop#*:}" a.ini
        resume=--resume
        [ "$(attribute moved/latest.h5 state step)" = "${stop#*:}" ] || fail "stopped at step $(attribute moved/latest.h5 state step) instead of ${stop#*:}"
    done
    expect_same_arrays whole/latest.h5 moved/latest.h5 "moved over 1, 2, 4, 8, 16 ranks"
    diff <(cut -d, -f1-8 whole/metrics.csv) <(cut -d, -f1-8 moved/metrics.csv) || fail "metrics.csv differs"
    expect_exit 0 cnn-train "${tree[@]}" --set run.output=other --set run.seed=8 --steps 140 a.ini
    h5diff whole/latest.h5 other/latest.h5 /model /model >/dev/null 2>&1 && fail "another seed gave the same weights"
fi
finish
