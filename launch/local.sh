#!/usr/bin/env bash
# Trains on this machine with several ranks.
#
#   launch/local.sh NP CONFIG [options of cnn-train]
#
# NP ranks share the cores: each is bound to as many of them as it has threads, so that no rank moves and none waits for
# another one's core. More ranks than cores work too, to try what a cluster will do: they take turns, and it is slow.
#
#   DRY=1 launch/local.sh ...    prints the mpirun command and does not run it
#   CNN_TRAIN=FILE               the program; otherwise build/cnn-train beside this folder, or the one in PATH
#
# Ctrl-C, or SIGTERM to this script: all ranks finish their step, write a checkpoint and leave with exit code 85; `--resume`
# goes on. A second one ends them at once.
set -euo pipefail

usage()
{
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
}

fail()
{
    echo "error: $*" >&2
    exit 2
}

# Physical cores that this shell may use: two threads of one core share its arithmetic.
cores()
{
    local allowed
    allowed=$(taskset -cp $$ 2>/dev/null | sed 's/.*: //') || allowed=
    lscpu -p=CPU,CORE,SOCKET 2>/dev/null | awk -F, -v allowed="$allowed" '
        BEGIN {
            parts = split(allowed, list, ",")
            for (i = 1; i <= parts; i++) {
                ends = split(list[i], range, "-")
                for (cpu = range[1]; cpu <= range[ends]; cpu++)
                    may[cpu] = 1
            }
        }
        !/^#/ && (allowed == "" || $1 in may) && !seen[$2 "," $3]++ { count++ }
        END { print count }'
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
ranks=$1
shift
[[ $ranks =~ ^[1-9][0-9]*$ ]] || fail "NP is $ranks, a number of ranks is wanted"
[ "$(id -u)" != 0 ] || [ -n "${OMPI_ALLOW_RUN_AS_ROOT:-}" ] || [ -n "${DRY:-}" ] ||
    fail "mpirun does not start as root: export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 allows it, in a container for instance"
command -v mpirun >/dev/null || fail "there is no mpirun; launch/packages.sh run installs it on Debian and Ubuntu"

here=$(cd "$(dirname "$0")/.." && pwd)
program=${CNN_TRAIN:-$here/build/cnn-train}
[ -x "$program" ] || [ -z "${CNN_TRAIN:-}" ] || fail "CNN_TRAIN is $CNN_TRAIN, which is no program"
[ -x "$program" ] || program=$(command -v cnn-train) || fail "there is no $here/build/cnn-train; build it, or name one in CNN_TRAIN"

cores=$(cores)
cores=${cores:-$(nproc)}
threads=$((cores / ranks))
if [ $threads -ge 1 ]; then
    placement=(--map-by "slot:PE=$threads" --bind-to core)
else
    threads=1
    # mpi_yield_when_idle: a rank that waits gives its core to one that computes.
    placement=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
fi
command=(mpirun -np "$ranks" "${placement[@]}" -x "OMP_NUM_THREADS=${OMP_NUM_THREADS:-$threads}" "$program" "$@")
if [ -n "${DRY:-}" ]; then
    printf '%s\n' "${command[*]}"
    exit 0
fi

# shellcheck source=launch/stuck.sh
. "$here/launch/stuck.sh"

# mpirun kills its ranks soon after Ctrl-C or SIGTERM, but hands SIGUSR1 on to them; before there are any, it loses it.
# In a process group of its own (set -m) it does not see the terminal's Ctrl-C.
asked=no interrupted=no
stop()
{
    interrupted=yes
    if [ $asked = no ]; then
        for _ in {1..100}; do
            pgrep -P $launcher >/dev/null && break
            sleep 0.1
        done
        kill -USR1 $launcher
    else
        kill -TERM $launcher
    fi 2>/dev/null || true
    asked=yes
}
# Where a batch system sends SIGTERM to everything at once, mpirun too, the ranks have so many seconds for a checkpoint, and
# as many again until they are killed. After a rank has died, mpirun takes as long to end.
export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout:-5}
set -m
"${command[@]}" </dev/null &
launcher=$!
end_stuck $launcher "${STUCK_MAX:-30}" &
watcher=$!
disown # bash would tell of its end
trap stop INT TERM HUP USR1
while :; do
    code=0 interrupted=no
    wait $launcher || code=$?
    [ $interrupted = yes ] || break
done
kill $watcher 2>/dev/null || true
exit $code
