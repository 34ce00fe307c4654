#!/usr/bin/env bash
# The same run gives the same bits, again and for any number of threads.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
write_config plain.ini plain
write_zoo zoo.ini zoo

for network in plain zoo; do
    for run in 1 2 3 4 again; do
        threads=$run
        [ $run != again ] || threads=2
        expect_exit 0 env OMP_NUM_THREADS=$threads cnn-train --steps 80 --set run.output=$network-$run $network.ini
        expect_same_arrays $network-1/latest.h5 $network-$run/latest.h5 "$network: 1 thread and $run"
    done
    # A checkpoint of other steps differs: the comparison can fail.
    expect_exit 0 cnn-train --steps 79 --set run.output=$network-other $network.ini
    h5diff $network-1/latest.h5 $network-other/latest.h5 /model /model >/dev/null 2>&1 && fail "$network: 79 steps gave what 80 gave"
done

# Nothing remembers the number of threads: a run may go on with another one.
expect_exit 0 env OMP_NUM_THREADS=1 cnn-train --steps 40 --set run.output=mixed zoo.ini
expect_exit 0 env OMP_NUM_THREADS=3 cnn-train --resume --steps 80 --set run.output=mixed zoo.ini
expect_same_arrays zoo-1/latest.h5 mixed/latest.h5 "zoo: resumed with 3 threads"
finish
