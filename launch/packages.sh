#!/usr/bin/env bash
# The one place that names the packages of other people's software that this project needs. Installs what is missing.
#
#   launch/packages.sh run             what building and training need
#   launch/packages.sh test            that, and what tests/run.sh needs
#   launch/packages.sh fashion-mnist   the images that configs/fashion-mnist.ini trains on
#
# Debian and Ubuntu: through apt-get, as root or with sudo; nothing is asked, and nothing is done where all is there.
# Elsewhere, or where neither root nor sudo is to be had: says what is needed, and exits with 2.
# Exit code 1: apt-get failed.
set -euo pipefail

# package                what it is, for people who must find it under another name
run_packages='
cmake                    CMake 3.18 or newer
make                     make
gcc                      a C11 compiler with OpenMP (gcc; clang needs libomp beside it)
libc6-dev                the C library, headers
pkg-config               pkg-config
openmpi-bin              MPI: mpirun (Open MPI)
libopenmpi-dev           MPI: mpicc and headers
libhdf5-dev              HDF5, serial, C library and headers
libopenblas-dev          OpenBLAS and headers
libinih-dev              inih, the INI parser
librandom123-dev         Random123, counter-based random numbers (headers only)
libxxhash-dev            xxHash 0.8
libhwloc-dev             hwloc 2.1 or newer, which cores there are
zlib1g-dev               zlib
libpng-dev               libpng 1.6
libturbojpeg0-dev        libjpeg-turbo, its TurboJPEG interface
'
test_packages='
libcmocka-dev            cmocka 1.1.5, the unit test framework
hdf5-tools               h5diff and h5dump
python3-h5py             Python with h5py: writes the broken data files that the tests feed in
'
# Checks that are left out, with a notice, on a system that does not have them. The formatter is named with its version,
# because another one formats otherwise.
test_packages_if_known='
clang-format-14          clang-format 14
shellcheck               shellcheck
clang                    clang, a second compiler
libomp-dev               its OpenMP
libclang-rt-dev          its sanitizers and libFuzzer
python3-xxhash           xxHash for Python, with which the digests of checkpoints can be checked
python3-torch            PyTorch, which checkpoints are loaded into
python3-yaml             YAML for Python, which reads launch/mpijob.yaml
iproute2                 ip, with which tests/cluster makes hosts and networks inside this machine
slurmctld                Slurm, of which tests/cluster starts one of its own (as root)
slurmd                   Slurm: what runs on each node
slurm-client             Slurm: sbatch, srun, squeue, scontrol
slurm-wlm-basic-plugins  Slurm: plugins
munge                    MUNGE, by which Slurm knows who asks
'
fashion_packages='
dataset-fashion-mnist    the Fashion-MNIST images as IDX files, under /usr/share/datasets/fashion-mnist
'

usage()
{
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
}

# Names of a list; of those on the input, the ones that are not installed; those that apt knows.
names_of()
{
    awk 'NF { print $1 }' <<<"$1"
}
missing_of()
{
    local name
    while read -r name; do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}
known_of()
{
    local names
    mapfile -t names
    [ ${#names[@]} -eq 0 ] || LC_ALL=C apt-cache policy "${names[@]}" 2>/dev/null |
        awk '/^[^ ]/ { sub(/:$/, ""); name = $0 } /^  Candidate: [^(]/ { print name }'
}

# What is needed, for somebody who installs it in another way.
tell()
{
    printf '%s\n\n' "$1" >&2
    awk 'NF { name = $1; $1 = ""; printf "    %-24s%s\n", name, $0 }' <<<"$needed" >&2
    printf '\nThe left column is what Debian calls it. Where all of it is there already (environment modules, for instance),\n' >&2
    printf 'quickstart.sh and tests/run.sh go ahead with --no-install.\n' >&2
    exit 2
}

# RUNLEVEL=1: where there is no systemd, a package that brings a daemon does not start it; the tests start their own.
apt()
{
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y -o DPkg::Lock::Timeout=600 "$@" </dev/null
}

# Somebody else may hold the lock on the lists, which apt-get update does not wait for.
update()
{
    local try
    for try in 1 2 3; do
        ! apt update || return 0
        [ $try = 3 ] || sleep 10
    done
    return 1
}

[ $# -eq 1 ] || { usage >&2; exit 2; }
optional=
case $1 in
run) needed=$run_packages ;;
test) needed=$run_packages$test_packages optional=$test_packages_if_known ;;
fashion-mnist) needed=$fashion_packages ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    tell 'This is not Debian or Ubuntu, so nothing was installed. Needed:'
fi

mapfile -t missing < <(names_of "$needed" | missing_of)
mapfile -t missing_optional < <(names_of "$optional" | missing_of)
[ $((${#missing[@]} + ${#missing_optional[@]})) -gt 0 ] || exit 0

# Only what is needed is worth asking for a password.
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && { [ ${#missing[@]} -gt 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
elif [ ${#missing[@]} -eq 0 ]; then
    exit 0
else
    tell "Missing: ${missing[*]}. Installing it takes root or sudo. Needed in all:"
fi

# The package lists are fetched when one of the names is not on them yet, or when installing fails as it does with old lists.
mapfile -t all < <(printf '%s\n' "${missing[@]}" "${missing_optional[@]}" | sed '/^$/d')
fresh=no
if [ "$(printf '%s\n' "${all[@]}" | known_of | wc -l)" -lt ${#all[@]} ]; then
    update || echo "warning: apt-get update failed; going on with the package lists there are" >&2
    fresh=yes
fi
mapfile -t wanted < <(printf '%s\n' "${all[@]}" | known_of)
unknown=()
for name in "${missing[@]}"; do
    [[ " ${wanted[*]} " == *" $name "* ]] || unknown+=("$name")
done
if [ ${#unknown[@]} -gt 0 ]; then
    echo "error: this system's package sources do not have: ${unknown[*]}" >&2
    exit 1
fi
[ ${#wanted[@]} -gt 0 ] || exit 0
echo "installing ${wanted[*]}"
if ! apt install --no-install-recommends "${wanted[@]}"; then
    if [ $fresh = yes ] || ! update || ! apt install --no-install-recommends "${wanted[@]}"; then
        echo "error: apt-get could not install ${wanted[*]}" >&2
        exit 1
    fi
fi
