#!/usr/bin/env bash
# Under mpirun one rank does what a process of its own does.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
need_mpirun
write_config plain.ini plain
export OMP_NUM_THREADS=2

# The same weights and the same momentum, bit for bit, and the same file of metrics but for its times.
expect_exit 0 cnn-train --steps 80 --set run.output=alone plain.ini
expect_exit 0 ranks 1 cnn-train --steps 80 --set run.output=launched plain.ini
expect_message " 1/2 " out
expect_same_arrays alone/latest.h5 launched/latest.h5 "alone and under mpirun"
cut -d, -f1-8 alone/metrics.csv >alone.csv
cut -d, -f1-8 launched/metrics.csv >launched.csv
cmp -s alone.csv launched.csv || fail "metrics differ: $(diff alone.csv launched.csv)"

# Either goes on with what the other has left.
expect_exit 0 ranks 1 cnn-train --resume --steps 100 --set run.output=alone plain.ini
expect_exit 0 cnn-train --resume --steps 100 --set run.output=launched plain.ini
expect_same_arrays alone/latest.h5 launched/latest.h5 "resumed under mpirun and alone"
h5diff alone/latest.h5 alone/step-00000080.h5 /model /model >/dev/null 2>&1 && fail "20 more steps changed nothing"

# What is wrong has the same exit code and message.
expect_exit 2 ranks 1 cnn-train missing.ini
expect_message "missing.ini"
expect_exit 3 ranks 1 cnn-train --set data.file=missing.h5 --set run.output=none plain.ini
expect_message "missing.h5"
finish
