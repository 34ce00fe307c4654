#!/usr/bin/env bash
# launch/local.sh: how many cores a rank gets, what it refuses, and that what it starts trains, and stops when it is asked to.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

need_mpirun
command -v lscpu >/dev/null && command -v taskset >/dev/null || skip "there is no lscpu or no taskset on this machine"
unset OMP_NUM_THREADS
local_sh=$source/launch/local.sh
export CNN_TRAIN=$build/cnn-train

# The processors that this test may use, one for each core.
mapfile -t cpus < <(
    for cpu in $(seq 0 $(($(nproc --all) - 1))); do
        taskset -c "$cpu" true 2>/dev/null && lscpu -p=CPU,CORE,SOCKET | grep "^$cpu,"
    done | awk -F, '!seen[$2 "," $3]++ { print $1 }'
)
cores=${#cpus[@]}
[ "$cores" -ge 1 ] || skip "it cannot be told which processors this test may use"

# expect_dry NP THREADS [PREFIX...]: what it would start.
expect_dry()
{
    local ranks=$1 threads=$2 placement
    shift 2
    placement="--map-by slot:PE=$threads --bind-to core"
    [ "$threads" -gt 0 ] || placement="--oversubscribe --bind-to none --mca mpi_yield_when_idle 1"
    expect_exit 0 env DRY=1 "$@" "$local_sh" "$ranks" some.ini --set 'train.epochs=3'
    expect_message "mpirun -np $ranks $placement" out
    expect_message " OMP_NUM_THREADS=$((threads > 0 ? threads : 1)) $CNN_TRAIN some.ini --set train.epochs=3" out
    [ "$(wc -l <"$tmp/out")" = 1 ] || fail "more than a command: $(cat out)"
}

# Fewer ranks than cores, as many, more.
expect_dry 1 "$cores"
expect_dry "$cores" 1
[ "$cores" -lt 3 ] || expect_dry 2 $((cores / 2))
[ "$cores" -lt 3 ] || expect_dry $((cores - 1)) 1
expect_dry $((cores + 1)) 0
expect_dry $((3 * cores)) 0

# Only the cores that the shell may use count.
expect_dry 1 1 taskset -c "${cpus[0]}"
expect_dry 2 0 taskset -c "${cpus[0]}"
if [ "$cores" -ge 2 ]; then
    expect_dry 1 2 taskset -c "${cpus[0]},${cpus[1]}"
    expect_dry 2 1 taskset -c "${cpus[0]},${cpus[1]}"
    expect_dry 3 0 taskset -c "${cpus[0]},${cpus[1]}"
fi

# Whoever says how many threads has them.
expect_exit 0 env DRY=1 OMP_NUM_THREADS=7 "$local_sh" 1 some.ini
expect_message ' OMP_NUM_THREADS=7 ' out

# What is wrong.
for ranks in 0 -1 two 2x '' 1.5; do
    expect_exit 2 env DRY=1 "$local_sh" "$ranks" some.ini
    expect_message "error: NP is $ranks"
done
expect_exit 2 "$local_sh"
expect_message 'launch/local.sh NP CONFIG'
expect_exit 2 "$local_sh" 2
expect_exit 0 "$local_sh" --help
expect_message 'launch/local.sh NP CONFIG' out

# Without CNN_TRAIN the program beside it is taken, then the one in PATH; a name that is none is not passed over.
mkdir -p alone/launch
cp "$local_sh" alone/launch/
system_path=$(getconf PATH):$(dirname "$(command -v mpirun)")
expect_exit 2 env -u CNN_TRAIN PATH="$system_path" DRY=1 alone/launch/local.sh 1 some.ini
expect_message 'alone/build/cnn-train'
expect_exit 0 env -u CNN_TRAIN PATH="$build:$system_path" DRY=1 alone/launch/local.sh 1 some.ini
expect_message " $build/cnn-train some.ini" out
expect_exit 2 env CNN_TRAIN=missing/cnn-train DRY=1 "$local_sh" 1 some.ini
expect_message 'missing/cnn-train'

# Root is told what mpirun wants, in one line.
if [ "$(id -u)" = 0 ]; then
    expect_exit 2 env -u OMPI_ALLOW_RUN_AS_ROOT "$local_sh" 2 some.ini
    expect_message 'OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1'
    [ "$(wc -l <err)" = 1 ] || fail "not one line: $(cat err)"
fi

# A run.
write_config plain.ini plain
expect_exit 0 "$local_sh" 2 plain.ini --steps 20 --set run.output=short
expect_message 'on 2 ranks' out
[ -e short/latest.h5 ] || fail "it left no checkpoint"

expect_exit 2 "$local_sh" 2 missing.ini
expect_message missing.ini

# Asked to stop through it, by whichever signal.
for signal in USR1 TERM; do
    rm -rf stopped
    "$local_sh" 2 plain.ini --set train.epochs=20000 --set run.output=stopped >out 2>err </dev/null &
    launcher=$!
    if ! wait_for 120 test -e stopped/latest.h5; then
        kill $launcher
        fail "the ranks did not start: $(cat err)"
        finish
    fi
    kill -$signal $launcher
    wait $launcher
    code=$?
    [ $code = 85 ] || fail "stopped by $signal with exit code $code: $(cat err)"
    last=$(sed -n 's/^stopped after \([0-9]*\) steps.*/\1/p' out)
    [ "$(readlink stopped/latest.h5)" = "$(printf 'step-%08d.h5' "${last:-0}")" ] ||
        fail "latest.h5 is $(readlink stopped/latest.h5), and not of the last step: $(tail -n 3 out)"
done
finish
