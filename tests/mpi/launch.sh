#!/usr/bin/env bash
# Runs a test program under mpirun: launch.sh RANKS PROGRAM. What mpirun must be told on a test machine is in
# tests/environment.sh. A test that hangs is ended, and fails.
# shellcheck source=tests/environment.sh
. "$(dirname "$0")/../environment.sh"
export CMOCKA_TEST_ABORT=1 # an assertion that fails on one rank ends the job, in which others may wait for it
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun on this machine"; exit 77; }
exec mpirun --timeout 120 --bind-to none -np "$1" "$2" </dev/null
