#!/usr/bin/env bash
# batchnorm with scope=global: statistics of the whole batch, however many shards it is cut into and whoever has them.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config plain.ini plain
# Biases before a normalization do nothing, and have gradients of rounding errors only.
sed -i 's/^\(conv1\|fc1\) = .*/& bias=no/; s/^relu1 = relu/bn1 = batchnorm scope=global\nrelu1 = relu/; s/^relu2 = relu/bn2 = batchnorm scope=global\nrelu2 = relu/' plain.ini
export OMP_NUM_THREADS=1

# on RANKS OPTION...: exit code 0, of plain.ini on so many ranks.
on()
{
    local ranks=$1
    shift
    expect_exit 0 ranks "$ranks" cnn-train "$@" plain.ini
}

# Uneven shards of one sample or two; the 72nd step is the epoch's last, of 17 samples.
tree=(--set distributed.shards=16 --set distributed.allreduce=tree)
expect_exit 0 cnn-train "${tree[@]}" --steps 75 --set run.output=tree-1 plain.ini
expect_match 'memory .* activations and workspace of 16 shards at a time,'
for ranks in 2 4 8 16; do
    overlap=$([ $((ranks % 3)) = 1 ] && echo yes || echo no)
    on $ranks "${tree[@]}" --steps 75 --set run.output=tree-$ranks --set distributed.overlap="$overlap" --set distributed.bucket=1
    expect_same_arrays tree-1/latest.h5 tree-$ranks/latest.h5 "tree on $ranks ranks"
done
for layout in '1 4' '2 3'; do
    read -r ranks threads <<<"$layout"
    OMP_NUM_THREADS=$threads on "$ranks" "${tree[@]}" --steps 75 --set "run.output=tree-$ranks-threads"
    expect_same_arrays tree-1/latest.h5 "tree-$ranks-threads/latest.h5" "tree on $ranks ranks of $threads threads"
done

# On from the middle of an epoch with other ranks, and other statistics than those of each shard.
resume=()
for part in "4 10" "1 40" "16 50" "2 75"; do
    on "${part% *}" "${resume[@]}" "${tree[@]}" --steps "${part#* }" --set run.output=moved
    resume=(--resume)
done
expect_same_arrays tree-1/latest.h5 moved/latest.h5 "on 4, 1, 16, 2 ranks in turn"

# More shards than samples, and ranks than shards; ring on any number.
few=(--set train.batch=9 --set distributed.shards=16 --set distributed.allreduce=tree --steps 20)
expect_exit 0 cnn-train "${few[@]}" --set run.output=few-1 plain.ini
on 8 "${few[@]}" --set run.output=few-8
expect_same_arrays few-1/latest.h5 few-8/latest.h5 "16 shards of 9 samples on 8 ranks"
idle=(--set distributed.shards=2 --set distributed.allreduce=tree --steps 10)
expect_exit 0 cnn-train "${idle[@]}" --set run.output=idle-1 plain.ini
on 4 "${idle[@]}" --set run.output=idle-4
expect_same_arrays idle-1/latest.h5 idle-4/latest.h5 "2 shards on 4 ranks"
on 3 --set distributed.shards=16 --steps 10 --set run.output=ring-3
expect_exit 0 cnn-train --set distributed.shards=16 --steps 10 --set run.output=ring-1 plain.ini
expect_near ring-1/latest.h5 ring-3/latest.h5 "ring on 3 ranks"

# Without dropout, however the batch is cut; not so with statistics of each shard.
whole=(--set network.drop1="dropout rate=0" --steps 10)
expect_exit 0 cnn-train "${whole[@]}" --set run.output=whole-1 plain.ini
for shards in 4 7; do
    expect_exit 0 cnn-train "${whole[@]}" --set distributed.shards=$shards --set run.output=whole-$shards plain.ini
    expect_near whole-1/latest.h5 whole-$shards/latest.h5 "$shards shards"
done
expect_exit 0 cnn-train "${whole[@]}" --set distributed.shards=4 --set network.bn1=batchnorm --set run.output=apart plain.ini
h5diff whole-4/latest.h5 apart/latest.h5 /model/bn1/running_var /model/bn1/running_var >/dev/null 2>&1 && fail "scope = global changes nothing"

# What else looks at a network; what is wrong with it.
expect_exit 0 ranks 2 cnn-train --benchmark 0.3 --set distributed.shards=4 plain.ini
expect_match '^throughput: [0-9.]+ images/s$'
expect_exit 0 ranks 2 cnn-train --dry-run --set distributed.shards=6 plain.ini
expect_message 'workspace of 3 shards at a time' out
expect_exit 2 cnn-train --set train.batch=1 plain.ini
expect_message 'a batch has one value per channel, of which there are no statistics: take a larger train.batch'
on 2 --set distributed.shards=4 --steps 5 --set run.output=diverged
expect_exit 5 ranks 2 cnn-train --resume --set train.lr=1e36 --set distributed.shards=4 --set run.output=diverged plain.ini
expect_match 'step [67]: the (loss|gradient) is not finite at learning rate ' err
finish
