# shellcheck shell=bash
# What the tests of whole clusters share. They run in namespaces of their own (network, processes, mounts, host name): nothing that
# they set up is seen outside, two of them do not meet, and all of it is gone with the first process in there, however that ends.
# Sourced first, with the test's arguments; it needs root.
self=$(readlink -f "$0")
# shellcheck source=tests/system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

if [ -z "${CNN_CLUSTER_INSIDE:-}" ]; then
    [ "$(id -u)" -eq 0 ] || skip "a cluster inside this machine takes root"
    command -v ip >/dev/null || skip "there is no ip (iproute2) on this machine"
    # setpriv, --kill-child: who outlives this script, which ctest may kill, is killed.
    namespaces=(setpriv --pdeathsig KILL unshare --net --uts --mount --pid --fork --kill-child --mount-proc)
    "${namespaces[@]}" true 2>err || skip "no namespaces can be made here: $(cat err)"
    CNN_CLUSTER_INSIDE=yes TMPDIR=$tmp "${namespaces[@]}" "$self" "$build" "$source" &
    inside=$!
    trap 'kill -KILL $inside; exit 143' INT TERM HUP
    wait $inside
    exit $?
fi

trap 'exit 143' INT TERM HUP
mount -t tmpfs none /run && mount -t tmpfs none /dev/shm && ip link set lo up || skip "no mounts can be made here"

# need PACKAGE PROGRAM...: skips the test where one is missing.
need()
{
    local package=$1 program
    shift
    for program; do
        command -v "$program" >/dev/null || skip "there is no $program on this machine (Debian: $package)"
    done
}

# ended REGEX: no process has a command line that matches; those of the test itself do not.
ended()
{
    ! pgrep -f "$1" >/dev/null
}

# show FILE...: the end of each, for failures.
show()
{
    local file
    for file; do
        printf '... the end of %s:\n' "$file" >&2
        tail -n 25 "$file" 2>&1 | sed 's/^/    /' >&2
    done
}

# step_of FOLDER: number of optimizer steps of its newest checkpoint.
step_of()
{
    readlink "$1/latest.h5" | sed 's/^step-0*//; s/\.h5$//'
}

# has_step FOLDER N: its newest checkpoint has so many steps or more.
has_step()
{
    [ -e "$1/latest.h5" ] && [ "$(step_of "$1")" -ge "$2" ]
}

# write_endless FILE NAME: a run on four ranks that goes on until end_soon.
write_endless()
{
    write_config "$1" "$2"
    sed -i 's/^epochs = .*/epochs = 20000/' "$1"
    printf '[distributed]\nshards = 4\nallreduce = tree\n[checkpoint]\nevery = 3\nkeep = 2\n' >>"$1"
}

# end_soon CONFIG FOLDER: a run that is not going at the moment ends two epochs behind its newest checkpoint when it is started again.
end_soon()
{
    sed -i "s/^epochs = .*/epochs = $(($(step_of "$2") / 72 + 2))/" "$1"
}
