#!/usr/bin/env bash
# The digits on 1 to 16 ranks, from the first step to the last: every run ends, the ranks' weights are the same all the time (they
# are compared every 10 steps), and at least 97.5 % of the test digits are told right.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

need_mpirun
cd "$source" || exit 1
for ranks in 1 2 3 4 5 8 16; do
    start=$(date +%s)
    expect_exit 0 mpirun --timeout 900 --bind-to none -np $ranks -x OMP_NUM_THREADS=1 cnn-train --set run.output="$tmp/digits-$ranks" \
        --set distributed.check_every=10 --set checkpoint.keep=1 configs/digits.ini
    accuracy=$(awk -F, 'NR > 1 && $7 > best { best = $7 } END { print best }' "$tmp/digits-$ranks/metrics.csv")
    last=$(tail -n 1 "$tmp/digits-$ranks/metrics.csv" | cut -d, -f7)
    echo "$ranks ranks: accuracy $last after the last epoch, $accuracy at best, $(($(date +%s) - start)) s"
    awk -v a="$last" 'BEGIN { exit !(a >= 0.975) }' || fail "$ranks ranks: accuracy $last"
done
finish
