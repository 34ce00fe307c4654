#!/usr/bin/env bash
# Wrong input: each with one line that says what and where, the exit code that the README promises, and nothing touched.
#
# A row of the tables below is: exit code, words that the message must hold (separated by |), and what was done.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

python=$(find_python) || skip "there is no Python with h5py on this machine"
mkdir work data
"$python" "$source/tests/system/broken_data.py" data || fail "broken_data.py"
cd work || exit 1

# expect_error CODE WORDS COMMAND...
expect_error()
{
    local code=$1 words=$2 before word
    shift 2
    before=$(fingerprint "$tmp/work")
    expect_exit "$code" "$@" || return
    if [ "$(wc -l <"$tmp/err")" -ne 1 ] || ! grep -q '^error: ' "$tmp/err"; then
        fail "not one line 'error: ...' from: $*"
        sed 's/^/    /' "$tmp/err" | head -n 20 >&2
    fi
    while read -r word; do
        expect_message "$word" || echo "    from: $*" >&2
    done < <(tr '|' '\n' <<<"$words")
    [ "$(fingerprint "$tmp/work")" = "$before" ] || {
        fail "something was left behind or overwritten by: $*"
        find "$tmp/work" -newer "$tmp/err" >&2
    }
    rows=$((rows + 1))
}
rows=0

# edited FILE SED-SCRIPT: the small configuration with one change.
edited()
{
    write_config "$1" run
    sed -i '/^\[augment\]/,/^$/d' "$1" # whose keys the numbers of the lines do not count
    sed -i "$2" "$1"
}

# A process that permissions hold for, even where the tests run as root.
ordinary=()
[ "$(id -u)" -ne 0 ] || ordinary=(setpriv --bounding-set=-all --inh-caps=-all --)
touch "$tmp/secret" && chmod 000 "$tmp/secret"
permissions_hold=no
if "${ordinary[@]}" true 2>/dev/null && ! "${ordinary[@]}" cat "$tmp/secret" 2>/dev/null; then permissions_hold=yes; fi

# --- the command line ------------------------------------------------------------------------------------------------
write_config ok.ini run
expect_error 2 '' cnn-train
expect_error 2 '--stesp' cnn-train --stesp 3 ok.ini
expect_error 2 '--steps' cnn-train ok.ini --steps
expect_error 2 '--steps|three' cnn-train --steps three ok.ini
expect_error 2 '--steps = 0|from 1 to' cnn-train --steps 0 ok.ini
expect_error 2 'epochs' cnn-train --set epochs ok.ini
expect_error 2 'epocsh|epochs' cnn-train --set train.epocsh=3 ok.ini
expect_error 2 'ok.ini: augment.pad = 8|8x8' cnn-train --set augment.pad=8 ok.ini
expect_error 2 'augment.flip|alternate' cnn-train --set augment.flip=alternat ok.ini
expect_error 2 'batch|zero' cnn-train --set train.batch=zero ok.ini
expect_error 2 'train.batch=1\n2\x1b|control character' cnn-train --set $'train.batch=1\n2\e' ok.ini
expect_error 2 'run.name=caf\xe9|UTF-8' cnn-train --set $'run.name=caf\xe9' ok.ini
expect_error 2 'other.ini' cnn-train ok.ini other.ini

# --- the configuration file --------------------------------------------------------------------------------------
mkdir folder.ini
: >empty.ini
printf '[run]\nname = a\0b\n' >zero.ini
expect_error 2 'missing.ini' cnn-train missing.ini
expect_error 2 'empty.ini' cnn-train empty.ini
expect_error 2 'folder.ini' cnn-train folder.ini
expect_error 2 'zero.ini' cnn-train zero.ini
printf '[run]\nname = caf\xe9\n' >latin1.ini
expect_error 2 'latin1.ini:2|UTF-8' cnn-train latin1.ini
if [ $permissions_hold = yes ]; then
    write_config closed.ini run
    chmod 000 closed.ini
    expect_error 2 'closed.ini' "${ordinary[@]}" cnn-train closed.ini
fi

# CODE / WORDS / SED-SCRIPT. The line numbers are those of write_config.
while IFS=/ read -r code words script; do
    edited bad.ini "$script"
    expect_error "$code" "$words" cnn-train bad.ini
done <<'TABLE'
2/bad.ini:20|trian|train/s,^\[train\],[trian],
2/bad.ini:21|epoch|epochs/s,^epochs,epoch,
2/bad.ini:23|fast/s,^lr = .*,lr = fast,
2/bad.ini:23|lr/s,^lr = .*,lr = -1,
2/bad.ini:22|batch|0/s,^batch = .*,batch = 0,
2/bad.ini:22|batch/s,^batch = .*,batch = 99999999999999999999999,
2/bad.ini:22|batch/s,^batch = .*,batch = 20.5,
2/bad.ini:24|momentum/s,^momentum = .*,momentum = 1.5,
2/bad.ini:4|seed/s,^seed = .*,seed = nan,
2/bad.ini:24/s,^momentum = .*,momentum,
2/bad.ini:10|conv2|conv2d/s,^conv1 = conv2d,conv1 = conv2,
2/bad.ini:10|conv1|kernal|kernel/s,kernel=3,kernal=3,
2/bad.ini:10|conv1|filters/s,filters=8,filters=0,
2/bad.ini:10|conv1|filters/s,filters=8 ,,
2/bad.ini:10|conv1|filters|many/s,filters=8,filters=many,
2/bad.ini:10|conv1|padding/s,padding=same,padding=some,
2/bad.ini:10|conv1|groups/s,padding=same,groups=3,
2/bad.ini:13|drop1|rate/s,rate=0.2,rate=1.5,
2/bad.ini:16|relu1/s,^relu2,relu1,
2/bad.ini:12|pool1|empty|8x8x8/s,size=2,size=9,
2/bad.ini:10|conv1|8x8/s,kernel=3 padding=same,kernel=9 padding=valid,
2/bad.ini:14|fc1|flatten/;/^flat/d
2/bad.ini:15|fc1|dorp1|drop1/s,units=32,units=32 from=dorp1,
2/bad.ini:17|fc2|softmax/;/^out = /d
2/bad.ini:12|softmax/s,^pool1.*,pool1 = softmax,
2/network/;/^conv1/,/^out = /d
2/bad.ini:10|input|65536/s,^\[network\],[network]\ninput = 99999999x99999999x3,
TABLE

# --- data --------------------------------------------------------------------------------------------------------------
while IFS=/ read -r code words file; do
    edited bad.ini "s,^file.*,file = $tmp/data/$file.h5,"
    expect_error "$code" "$file.h5|$words" cnn-train bad.ini
done <<'TABLE'
3/no such file|cnn-data import/missing
3//empty
3//not_hdf5
3//truncated
3/train/no_groups
3/images/no_images
3/labels/no_labels
3/labels/no_test_labels
3/images/rank_2
3/images/rank_5
3/images/text_images
3/labels/text_labels
3/labels/labels_rank_3
3/20|19/fewer_labels
3/train/no_sample
3/13|10/label_10
3/13|-1/label_negative
3/13/label_huge
3/images|13/nan_image
3/images|13/infinite_image
3/labels|13/nan_label
3/test/test_of_other_shape
3/test|float32|uint8/test_of_floats
3/test|float32|uint8/test_of_bytes
3/labels/float_labels
3/labels/binary_labels
TABLE
mkdir "$tmp/data/folder.h5"
edited bad.ini "s,^file.*,file = $tmp/data/folder.h5,"
expect_error 3 'folder.h5' cnn-train bad.ini
edited bad.ini '/^file/d'
expect_error 2 'file' cnn-train bad.ini
# Last layer and labels that do not fit.
edited bad.ini 's,units=10,units=9,'
expect_error 3 'digits.h5|9' cnn-train bad.ini
edited bad.ini 's,= softmax,= sigmoid,'
expect_error 3 'digits.h5|sigmoid' cnn-train bad.ini
edited bad.ini 's,= softmax,= linear,'
expect_error 3 'digits.h5|linear' cnn-train bad.ini
# The input that the configuration names is not the data's.
edited bad.ini 's,^\[network\],[network]\ninput = 28x28x1,'
expect_error 3 'digits.h5|28x28|8x8' cnn-train bad.ini
# The right file passes: the rows above fail for their own reason.
edited bad.ini "s,^file.*,file = $tmp/data/ok.h5,"
expect_exit 0 cnn-train --set run.output="$tmp/ok-data" bad.ini

# --- checkpoints and weights -------------------------------------------------------------------------------------
expect_exit 0 cnn-train --steps 3 ok.ini
edited wider.ini 's,filters=8,filters=12,; s,^output.*,output = other,'
edited longer.ini 's,^relu2.*,relu2 = relu\nextra = dense units=32,; s,^output.*,output = other,'
edited shorter.ini '/^fc1/d; /^relu2/d; s,^output.*,output = other,'
edited other.ini 's,^output.*,output = other,'
head -c 3000 run/latest.h5 >"$tmp/data/cut.h5"
while IFS=/ read -r words option file config; do
    [ "$file" = latest ] && file=$tmp/work/run/latest.h5 || file=$tmp/data/$file.h5
    expect_error 4 "$(basename "$file")|$words" cnn-train "--$option" "$file" "$config.ini"
done <<'TABLE'
/init/missing/other
/init/empty/other
/init/not_hdf5/other
/init/cut/other
model/init/ok/other
conv1|8|12/init/latest/wider
extra/init/latest/longer
fc1/init/latest/shorter
/evaluate/missing/ok
/evaluate/not_hdf5/ok
/evaluate/cut/ok
checkpoint/evaluate/ok/ok
conv1|8|12/evaluate/latest/wider
TABLE
expect_error 4 'other' cnn-train --resume other.ini
# A changed array is noticed by its digest.
cp run/latest.h5 "$tmp/data/flipped.h5"
"$python" - "$tmp/data/flipped.h5" <<'PYTHON'
import sys
import h5py
with h5py.File(sys.argv[1], "r+") as f:
    f["model/fc1/weight"][3, 4] += 0.25
PYTHON
expect_error 4 'flipped.h5' cnn-train --evaluate "$tmp/data/flipped.h5" ok.ini

# --- the output folder -------------------------------------------------------------------------------------------
# It holds a run already; --overwrite is how to say that this is meant.
expect_error 4 'run|--resume|--overwrite' cnn-train ok.ini
expect_exit 0 cnn-train --overwrite --steps 2 ok.ini
[ "$(readlink run/latest.h5)" = step-00000002.h5 ] || fail "--overwrite: latest.h5 is $(readlink run/latest.h5)"
[ ! -e run/step-00000003.h5 ] || fail "--overwrite left a checkpoint of the run before"
# Not where it would take the weights away that the new run begins with.
expect_error 2 'run/latest.h5|--overwrite' cnn-train --overwrite --init run/latest.h5 ok.ini
expect_error 2 'run/step-00000002.h5|--overwrite' cnn-train --overwrite --init "$PWD/run/step-00000002.h5" ok.ini
: >occupied
expect_error 4 'occupied' cnn-train --set run.output=occupied ok.ini
expect_error 4 'occupied' cnn-train --set run.output=occupied/below ok.ini
if [ $permissions_hold = yes ]; then
    mkdir closed && chmod 555 closed
    expect_error 4 'closed' "${ordinary[@]}" cnn-train --set run.output=closed ok.ini
    expect_error 4 'closed' "${ordinary[@]}" cnn-train --set run.output=closed/below ok.ini
fi
# A full disk: the first checkpoint fits, the second does not; the first stays whole, and the run can go on from it.
mkdir "$tmp/small"
size=$(stat -L -c %s run/latest.h5)
if mount -t tmpfs -o size=$((size * 3 / 2 + 8192)) tmpfs "$tmp/small" 2>/dev/null; then
    trap 'umount -l "$tmp/small"; chmod -R u+rwX "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT
    expect_exit 4 cnn-train --set run.output="$tmp/small/run" ok.ini && expect_match '^error: .*(space|full)' err
    expect_exit 0 cnn-train --set run.output="$tmp/small/run" --evaluate "$tmp/small/run/latest.h5" ok.ini
    [ -z "$(find "$tmp/small/run" -name '*.tmp')" ] || fail "a temporary file was left on the full disk"
    mount -o remount,size=$((size * 4)) "$tmp/small"
    expect_exit 0 cnn-train --resume --set run.output="$tmp/small/run" ok.ini
else
    echo "not tried: a full disk, which takes the right to mount one"
fi

# --- training that leaves the numbers there are ------------------------------------------------------------------
expect_exit 5 cnn-train --set train.lr=1e30 --set run.output="$tmp/diverged" ok.ini
expect_match '^error: .*(finite|nan)' err

# --- cnn-predict ---------------------------------------------------------------------------------------------------
digits=$source/data/digits.h5
expect_error 2 '' cnn-predict
expect_error 2 '' cnn-predict run/latest.h5 "$digits"
expect_error 4 'missing.h5' cnn-predict "$tmp/data/missing.h5" "$digits" out.h5
expect_error 4 'not_hdf5.h5' cnn-predict "$tmp/data/not_hdf5.h5" "$digits" out.h5
expect_error 4 'flipped.h5' cnn-predict "$tmp/data/flipped.h5" "$digits" out.h5
expect_error 3 'missing.h5' cnn-predict run/latest.h5 "$tmp/data/missing.h5" out.h5
expect_error 3 'truncated.h5' cnn-predict run/latest.h5 "$tmp/data/truncated.h5" out.h5
# Images of another shape than the network was trained on.
expect_error 3 'test_of_other_shape.h5|8x8|7x8' cnn-predict run/latest.h5 "$tmp/data/test_of_other_shape.h5" out.h5
expect_exit 0 cnn-predict run/latest.h5 "$digits" out.h5
expect_error 2 'out.h5|--overwrite' cnn-predict run/latest.h5 "$digits" out.h5
expect_exit 0 cnn-predict --overwrite run/latest.h5 "$digits" out.h5
# The output may be none of the inputs, by whatever name, and --overwrite does not change that.
cp "$digits" mine.h5
ln -s mine.h5 linked.h5
ln mine.h5 twin.h5
for out in mine.h5 ../work/./mine.h5 "$PWD/mine.h5" linked.h5 twin.h5; do
    expect_error 2 'same file as mine.h5' cnn-predict --overwrite run/latest.h5 mine.h5 "$out"
    expect_error 2 'same file as mine.h5' cnn-predict run/latest.h5 mine.h5 "$out"
done
expect_error 2 'same file as run/latest.h5' cnn-predict --overwrite run/latest.h5 mine.h5 run/step-00000002.h5
expect_error 2 'same file as run/latest.h5' cnn-predict --overwrite run/latest.h5 mine.h5 run/latest.h5
[ $permissions_hold = no ] || expect_error 3 'closed/out.h5' "${ordinary[@]}" cnn-predict run/latest.h5 "$digits" closed/out.h5

echo "$rows wrong inputs"
finish
