#!/usr/bin/env bash
# Under mpirun one rank does what a process of its own does; more are refused, once.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

command -v mpirun >/dev/null || skip "there is no mpirun on this machine"
command -v h5diff >/dev/null || skip "there is no h5diff on this machine"
mpirun -np 1 true 2>err || { cat err; skip "mpirun cannot start anything here"; }
write_config plain.ini plain
export OMP_NUM_THREADS=2

# The same weights and the same momentum, bit for bit, and the same file of metrics but for its times.
expect_exit 0 cnn-train --steps 80 --set run.output=alone plain.ini
expect_exit 0 mpirun -np 1 --bind-to none cnn-train --steps 80 --set run.output=launched plain.ini
expect_message " 1/2 " out
expect_same_arrays alone/latest.h5 launched/latest.h5 "alone and under mpirun"
cut -d, -f1-8 alone/metrics.csv >alone.csv
cut -d, -f1-8 launched/metrics.csv >launched.csv
cmp -s alone.csv launched.csv || fail "metrics differ: $(diff alone.csv launched.csv)"

# Either goes on with what the other has left.
expect_exit 0 mpirun -np 1 --bind-to none cnn-train --resume --steps 100 --set run.output=alone plain.ini
expect_exit 0 cnn-train --resume --steps 100 --set run.output=launched plain.ini
expect_same_arrays alone/latest.h5 launched/latest.h5 "resumed under mpirun and alone"
h5diff alone/latest.h5 alone/step-00000080.h5 /model /model >/dev/null 2>&1 && fail "20 more steps changed nothing"

# What is wrong has the same exit code and message.
expect_exit 2 mpirun -np 1 --bind-to none cnn-train missing.ini
expect_message "missing.ini"
expect_exit 3 mpirun -np 1 --bind-to none cnn-train --set data.file=missing.h5 --set run.output=none plain.ini
expect_message "missing.h5"

# Several ranks: one message, from rank 0, and nothing written.
expect_exit 2 mpirun -np 2 --bind-to none cnn-train --steps 10 --set run.output=two plain.ini
expect_message "started on 2 ranks"
[ "$(grep -c '^error' err)" -eq 1 ] || fail "not one message: $(cat err)"
expect_match '^error \(rank 0 on [^)]+\): ' err
[ ! -e two ] || fail "two ranks have left a folder"
finish
