#!/usr/bin/env bash
# cnn-data as people use it: imports that others can read, wrong input that touches nothing, and a look at the images.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
export LC_ALL=C.UTF-8

mkdir work && cd work || exit 1
python=$(find_python) || python=

# bytes NUMBER...: each as one byte.
bytes()
{
    local number
    for number in "$@"; do
        # shellcheck disable=SC2059
        printf "\\x$(printf %x "$number")"
    done
}

# expect_error CODE WORDS COMMAND...: one line with each of the words (separated by |), that exit code, nothing touched.
expect_error()
{
    local code=$1 words=$2 before word
    shift 2
    before=$(fingerprint "$tmp/work")
    expect_exit "$code" "$@" || return
    [ "$(wc -l <"$tmp/err") $(head -c 7 "$tmp/err")" = '1 error: ' ] || fail "not one line 'error: ...' from: $*"
    while read -r word; do expect_message "$word"; done < <(tr '|' '\n' <<<"$words")
    [ "$(fingerprint "$tmp/work")" = "$before" ] || fail "something was left behind or overwritten by: $*"
}

# Three training images of 2x3 and two to test with.
{ bytes 0 0 8 3 0 0 0 3 0 0 0 2 0 0 0 3; bytes {0..5} {50..55} {250..255}; } >train-images
{ bytes 0 0 8 1 0 0 0 3; bytes 1 0 2; } >train-labels
{ bytes 0 0 8 3 0 0 0 2 0 0 0 2 0 0 0 3; bytes {11..16} {21..26}; } >test-images
{ bytes 0 0 8 1 0 0 0 2; bytes 2 2; } >test-labels
gzip -k train-images train-labels test-images test-labels
idx=(cnn-data import idx --train-images train-images --train-labels train-labels --test-images test-images --test-labels test-labels)
csv=(cnn-data import csv --shape 2x3x1)

# --- imports -------------------------------------------------------------------------------------------------------------
expect_exit 0 "${idx[@]}" --class-names 'T-shirt/top,Größe,c d' plain.h5
expect_match '^plain.h5: 3 training and 2 test images of 2x3x1$'
expect_exit 0 cnn-data import idx --train-images train-images.gz --train-labels=train-labels.gz --test-images test-images.gz \
    --test-labels test-labels.gz --class-names 'T-shirt/top,Größe,c d' zipped.h5
cmp plain.h5 zipped.h5 || fail "gzipped files give another dataset"
printf '%s\n' T-shirt/top Größe 'c d' >names.txt
expect_exit 0 "${idx[@]}" --class-names @names.txt named.h5
cmp plain.h5 named.h5 || fail "names from a file give another dataset"
seq -f 'class number %07.0f' 0 4999 >names.txt
expect_exit 0 "${idx[@]}" --class-names @names.txt many.h5
h5dump -a /train/labels/class_names many.h5 | grep -qF '"class number 0004999"' || fail "5000 class names are too many"
expect_exit 0 cnn-data info many.h5

{
    echo '0,1,2,3,4,5,1'
    echo '50,51,52,53,54,55,0'
    echo '250,251,252,253,254,255,2'
    echo '11,12,13,14,15,16,2'
    echo '21,22,23,24,25,26,2'
} >all.csv
head -n 3 all.csv >train.csv
tail -n 2 all.csv | gzip >test.csv.gz
expect_exit 0 "${csv[@]}" --train all.csv --test-last 2 --class-names 'T-shirt/top,Größe,c d' last.h5
expect_exit 0 "${csv[@]}" --train train.csv --test test.csv.gz --class-names 'T-shirt/top,Größe,c d' two.h5
cmp plain.h5 last.h5 || fail "--test-last gives another dataset"
cmp plain.h5 two.h5 || fail "--test gives another dataset"
# Classes without names are called by their numbers, to the highest of both splits.
sed '2s/0$/3/' all.csv >three.csv
expect_exit 0 "${csv[@]}" --train three.csv --test-last 2 numbered.h5
tail -n 2 all.csv | sed 's/2$/4/' >four.csv
expect_exit 0 "${csv[@]}" --train train.csv --test four.csv numbered-by-test.h5
for split in train test; do
    h5dump -a /$split/labels/class_names numbered.h5 | tr -d ' \n' | grep -qF '(0):"0","1","2","3"}' || fail "numbered.h5: names of $split"
    h5dump -a /$split/labels/class_names numbered-by-test.h5 | tr -d ' \n' | grep -qF '(0):"0","1","2","3","4"}' ||
        fail "numbered-by-test.h5: names of $split"
done
expect_exit 0 cnn-data info numbered-by-test.h5

# --- what others read ----------------------------------------------------------------------------------------------------
h5dump -d /train/images -y plain.h5 >dump || fail h5dump
tr -d ' \n' <dump | grep -qF '0,1,2,3,4,5,50,51,52,53,54,55,250,251,252,253,254,255' || fail "h5dump shows other pixels"
h5dump -a /test/images/layout plain.h5 | grep -qF '"NHWC"' || fail "no layout"
h5dump -a /train/labels/class_names plain.h5 | grep -qF '"T-shirt/top"' || fail "no class names"
h5dump -pH -d /train/images plain.h5 | grep -qF 'CHUNKED' || fail "not chunked"
if [ -n "$python" ]; then
    "$python" - <<'END' || fail "h5py reads something else"
import h5py, numpy
with h5py.File("plain.h5", "r") as f:
    images, labels = f["train/images"], f["train/labels"]
    assert images.shape == (3, 2, 3, 1) and images.dtype == numpy.uint8
    assert images[1, :, :, 0].tolist() == [[50, 51, 52], [53, 54, 55]]
    assert labels[:].tolist() == [1, 0, 2] and f["test/labels"][:].tolist() == [2, 2]
    assert [name.decode() for name in labels.attrs["class_names"]] == ["T-shirt/top", "Größe", "c d"]
    for split in "train", "test":
        attributes = f[split + "/images"].attrs
        assert abs(attributes["mean"][0] - (images[:] / 255).mean()) < 1e-7
        assert abs(attributes["std"][0] - (images[:] / 255).std()) < 1e-7
END
fi

# --- the digits that ship ------------------------------------------------------------------------------------------------
digits=/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
if [ -f $digits ]; then
    expect_exit 0 cnn-data import csv --train $digits --test-last 360 --shape 8x8x1 --max 16 \
        --class-names 0,1,2,3,4,5,6,7,8,9 digits.h5
    h5diff digits.h5 "$source/data/digits.h5" || fail "data/digits.h5 is not what its README tells"
fi
expect_exit 0 cnn-data info "$source/data/digits.h5"
expect_match 'train +1,437 +8x8x1 +uint8 +10 classes'
expect_match 'test +360 +8x8x1 +uint8 +10 classes'
expect_match ' 0 +0 +255 +0\.3054 +0\.3753 +0\.3054 +0\.3753'
expect_match ' 3 +3 +146 █{20} +37 █{20}'
LC_ALL=C expect_exit 0 cnn-data info "$source/data/digits.h5"
expect_match ' 3 +3 +146 #{20} +37 #{20}'

# --- a look --------------------------------------------------------------------------------------------------------------
expect_exit 0 cnn-data info --png sheet.png --images 4 "$source/data/digits.h5"
file=$(od -An -tx1 -N24 sheet.png | tr -d ' \n')
[ "$file" = 89504e470d0a1a0a0000000d4948445200000114000002ac ] || fail "sheet.png is no PNG of 276x684: $file"
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then # where there are pseudo-terminals
    # shows VARIABLES OPTIONS PATTERN
    shows() { script -qec "$1 cnn-data info $2 $source/data/digits.h5" /dev/null </dev/null >shown && grep -qF -e "$3" shown; }
    shows TERM=xterm '' '░░██' || fail "no shades on a terminal"
    shows 'TERM=xterm COLORTERM=truecolor' '' '38;2;16;16;16' || fail "no colours"
    shows 'TERM=xterm-256color COLORTERM=' '' '38;5;' || fail "no palette"
    shows 'TERM=xterm COLORTERM=truecolor NO_COLOR=1' '' '░░██' || fail "NO_COLOR does nothing"
    shows 'TERM=xterm LC_ALL=C' '' '@@' || fail "no signs"
    shows TERM=xterm '--images 0' '░░██' && fail "images in spite of --images 0"
    rm -f shown
fi

# --- photographs ---------------------------------------------------------------------------------------------------------
mkdir -p photos/{cat,dog} && for i in 1 2 3 4 5; do cp sheet.png photos/cat/$i.png && cp sheet.png photos/dog/$i.PNG; done
echo notes >photos/cat/notes.txt && cp sheet.png photos/stray.png
expect_exit 0 cnn-data import images --size 12x16 --test-fraction 0.2 photos photos.h5
expect_match '^photos.h5: 8 training and 2 test images of 12x16x3$'
expect_match '^passed over, by their names no JPEG or PNG: 1$'
expect_match '^passed over, in no class folder: 1, the first is photos/stray.png$'
h5dump -a /train/labels/class_names photos.h5 | grep -q '"cat", "dog"' || fail "the class names are not those of the folders"
cnn-data import images --size 12x16 --test-fraction 0.2 photos again.h5 >/dev/null && cmp photos.h5 again.h5 ||
    fail "the same photographs give another dataset"
expect_exit 0 cnn-data import images --channels 3 photos whole.h5
expect_match '^whole.h5: 10 training and 0 test images of 684x276x3$'
expect_match 'test-fraction F sets'
head -c 999 sheet.png >photos/cat/0.png
expect_exit 0 cnn-data import images --size 8x8 photos skipped.h5
expect_match '0.png: damaged PNG' err
expect_match '^left out, not to be decoded: 1 '
expect_error 3 '0.png: damaged PNG' cnn-data import images --size 8x8 --strict photos new.h5
mkdir photos/fox
expect_error 3 'photos/fox: an empty class' cnn-data import images photos new.h5
expect_error 2 'channels' cnn-data import images --channels 2 photos new.h5
expect_error 2 'size' cnn-data import images --size 0x5 photos new.h5
expect_error 3 'data_batch_1.bin' cnn-data import cifar photos new.h5
[ ! -e new.h5 ] || fail "an import that failed left its output"

# --- the command line ----------------------------------------------------------------------------------------------------
expect_exit 0 cnn-data && expect_match '^usage: cnn-data'
for words in --help 'import' 'import --help' 'import idx --help' 'import csv --help' 'import images --help' 'import cifar --help' 'info --help' 'info x --help'; do
    # shellcheck disable=SC2086
    expect_exit 0 cnn-data $words && expect_match '^usage: cnn-data'
done
expect_exit 0 cnn-data --version && expect_match '^cnn-data [0-9]'
expect_error 2 "'imprt'|'import'" cnn-data imprt idx
expect_error 2 "'import ixd'|'import idx'" cnn-data import ixd
expect_error 2 '--train-imges|--train-images' cnn-data import idx --train-imges x
expect_error 2 '--test-labels FILE is missing' cnn-data import idx --train-images a --train-labels b --test-images c OUT.h5
expect_error 2 'OUT.h5 is missing' "${idx[@]}"
expect_error 2 'one word too many' "${idx[@]}" new.h5 again.h5
expect_error 2 'either --test FILE or --test-last N' "${csv[@]}" --train all.csv new.h5
expect_error 2 'either --test FILE or --test-last N' "${csv[@]}" --train all.csv --test all.csv --test-last 2 new.h5
expect_error 2 'all.csv|5 samples|1 to 4' "${csv[@]}" --train all.csv --test-last 5 new.h5
expect_error 2 '--test-last = 0|from 1' "${csv[@]}" --train all.csv --test-last 0 new.h5
expect_error 2 '--test-last = 0|from 1' "${csv[@]}" --train all.csv --test all.csv --test-last 0 new.h5
head -n 1 all.csv >one.csv
expect_error 2 'one.csv|holds one sample|--test FILE' "${csv[@]}" --train one.csv --test-last 1 new.h5
expect_error 2 '--shape' cnn-data import csv --train all.csv --test-last 2 --shape 8by8 new.h5
expect_error 2 '--shape = 65536x65536x1|2147483647 numbers' cnn-data import csv --train all.csv --test-last 2 --shape 65536x65536 new.h5
expect_error 2 '--max' "${csv[@]}" --train all.csv --test-last 2 --max 0 new.h5
expect_error 2 'name 2 is empty' "${idx[@]}" --class-names a,,c new.h5
expect_error 3 'nowhere: no such file' "${idx[@]}" --class-names @nowhere new.h5
printf 'a\n\nc\n' >names.txt
expect_error 3 'names.txt:2: the name of class 1 is empty' "${idx[@]}" --class-names @names.txt new.h5
expect_error 2 'FILE.h5 is missing' cnn-data info

# --- nothing is overwritten ----------------------------------------------------------------------------------------------
echo precious >mine
expect_error 2 'mine|exists already|--overwrite' "${idx[@]}" mine
expect_error 2 'mine|exists already|--overwrite' cnn-data info --png mine plain.h5
expect_error 2 'is a folder' "${idx[@]}" --overwrite .
expect_error 3 'no-such-folder' "${idx[@]}" no-such-folder/new.h5
expect_exit 0 "${idx[@]}" --overwrite mine
# None of the files that are read, by whatever name.
printf '%s\n' a b c >names.txt
ln -s train-images linked
ln test-labels twin
for pair in train-images:train-images train-labels:./train-labels test-images:"$PWD/test-images" test-labels:twin \
    train-images:linked names.txt:names.txt; do
    expect_error 2 "same file as ${pair%%:*}" "${idx[@]}" --class-names @names.txt --overwrite "${pair#*:}"
done
expect_error 2 'same file as all.csv' "${csv[@]}" --train all.csv --test-last 2 --overwrite ./all.csv
expect_error 2 'same file as test.csv.gz' "${csv[@]}" --train train.csv --test test.csv.gz --overwrite test.csv.gz
expect_error 2 'same file as plain.h5' cnn-data info --png ../work/plain.h5 --overwrite plain.h5
expect_error 2 'same file as plain.h5' cnn-data info --png plain.h5 plain.h5
expect_exit 0 cnn-data info mine

# --- wrong files ---------------------------------------------------------------------------------------------------------
with() { expect_error 3 "$3" "${idx[@]}" "--$1" "$2" new.h5; }
with train-images nowhere 'nowhere: no such file'
with train-images . 'is a folder'
with train-images all.csv 'all.csv: not an IDX file'
with train-images train-labels 'swapped'
with train-labels test-labels 'test-labels: has 2 labels|train-images has 3 images'
{ cat train-images; bytes 0; } >longer
with train-images longer 'longer: there are bytes behind'
{ bytes 0 0 8 3 0 0 0 2 0 0 0 1 0 0 0 6; bytes {1..12}; } >other-shape
with test-images other-shape 'other-shape: images are 1x6x1, those of train-images are 2x3x1'
expect_error 3 'sample 2 of train is 2|2 class names' "${idx[@]}" --class-names a,b new.h5
for length in 0 1 3 4 10 15 16 20 33; do
    head -c $length train-images >cut-file
    with train-images cut-file 'cut-file: truncated'
done
for length in 19 25 40; do
    head -c $length train-images.gz >cut.gz
    with train-images cut.gz 'cut.gz: truncated'
done
{ cat train-images.gz; bytes 0; } >longer.gz
with train-images longer.gz 'longer.gz: there are bytes behind'
{ gzip -c train.csv; echo junk; } >longer.csv.gz
expect_error 3 'longer.csv.gz: there are bytes behind' "${csv[@]}" --train longer.csv.gz --test-last 1 new.h5
{ head -c -8 train-images.gz; bytes 0 0 0 0 0 0 0 0; } >damaged.gz
with train-images damaged.gz 'damaged.gz: damaged gzip file: '
! grep -q 'fd:' "$tmp/err" || fail "a library's name for the file: $(cat "$tmp/err")"
bytes 97 255 >names.txt
expect_error 3 'names.txt:1: the name of class 0 is not UTF-8' "${idx[@]}" --class-names @names.txt new.h5
expect_error 2 'name 2 is not UTF-8' "${idx[@]}" --class-names $'a,\xff,c' new.h5
sed '2s/51/5x1/' all.csv >word.csv
expect_error 3 "word.csv:2:4: '5x1' is not a number" "${csv[@]}" --train word.csv --test-last 2 new.h5
sed '4s/,16//' all.csv >short.csv
expect_error 3 'short.csv:4:|ends after 6 numbers, 7 are needed' "${csv[@]}" --train short.csv --test-last 2 new.h5
expect_error 3 'all.csv:1:5: pixel 2 is out of range, 0 to 1' "${csv[@]}" --train all.csv --test-last 2 --max 1 new.h5

size=$(stat -c %s plain.h5)
for length in 0 4 8 50 95 96 97 500 1000 2047 2048 2049 4000 $((size - 1)); do
    [ "$length" -lt "$size" ] || continue
    head -c "$length" plain.h5 >cut.h5
    expect_error 3 'cut.h5' cnn-data info cut.h5
done
expect_error 3 'no such file' cnn-data info nowhere.h5
expect_error 3 'not an HDF5 file' cnn-data info all.csv
expect_error 3 'sheet.png: not an HDF5 file' cnn-data info sheet.png

# A limit on the size of files stands in for a full disk. The images are noise, which cannot be compressed.
{ bytes 0 0 8 3 0 0 4 0 0 0 0 32 0 0 0 32; head -c $((1024 * 32 * 32)) /dev/urandom; } >noise
{ bytes 0 0 8 1 0 0 4 0; head -c 1024 /dev/zero; } >zeros
noise=(cnn-data import idx --train-images noise --train-labels zeros --test-images noise --test-labels zeros)
expect_error 3 'new.h5|too large' bash -c "trap '' XFSZ; ulimit -f 64; \"\$@\"" limited "${noise[@]}" new.h5
expect_error 3 'new.png|too large|ulimit' bash -c "trap '' XFSZ; ulimit -f 1; \"\$@\"" limited cnn-data info --png new.png "$source/data/digits.h5"
expect_exit 0 "${noise[@]}" new.h5
if [ -c /dev/full ]; then
    cnn-data info plain.h5 >/dev/full 2>"$tmp/err" && fail "a full standard output is not noticed"
    expect_message 'cannot write to standard output'
fi

finish
