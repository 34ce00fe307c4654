#!/usr/bin/env bash
# From a fresh machine to a trained network. Usage: launch/quickstart.sh [options]
#
#   --digits-only     without Fashion-MNIST
#   --epochs N        trains Fashion-MNIST for N epochs instead of what its configuration says
#   --no-install      never calls apt-get; what is missing shows up as it does
#   --help
#
# Installs what is missing (launch/packages.sh; asks for a password where sudo does), builds into build/, trains on the
# handwritten digits of data/digits.h5, then imports Fashion-MNIST, where the system has a package of it, and trains on that.
# Running it again is safe: a stopped training goes on where it was, a finished one is left alone, nothing is overwritten.
set -euo pipefail
cd "$(dirname "$0")/.."

digits_only=no install=yes
fashion_options=()
while [ $# -gt 0 ]; do
    case $1 in
    --digits-only) digits_only=yes ;;
    --no-install) install=no ;;
    --epochs)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "error: --epochs wants a number" >&2; exit 2; }
        fashion_options=(--set "train.epochs=$2")
        shift
        ;;
    -h | --help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "error: unknown option $1; try --help" >&2; exit 2 ;;
    esac
    shift
done

heading()
{
    printf '\n== %s\n\n' "$*"
}

# train NAME [OPTION...]: configs/NAME.ini, from the start or from where a run of it stopped.
train()
{
    local folder=checkpoints/$1 config=configs/$1.ini
    shift
    if compgen -G "$folder/step-*.h5" >/dev/null; then
        echo "$folder holds a run already: going on from its newest checkpoint."
        echo "(For a new run, move that folder away or call build/cnn-train --overwrite $config)"
        echo
        build/cnn-train --resume "$@" "$config"
    else
        build/cnn-train "$@" "$config"
    fi
}

# Class names, in the order of the labels, as Zalando Research gives them.
fashion_classes='T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot'
fashion_folder=/usr/share/datasets/fashion-mnist

heading "1. What must be there"
[ $install = no ] || launch/packages.sh run
[ $install = no ] || echo "nothing is missing"

heading "2. Building, into build/"
mkdir -p build
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >build/quickstart.log 2>&1 &&
    cmake --build build -j "$(nproc)" >>build/quickstart.log 2>&1 || {
    tail -n 30 build/quickstart.log
    echo "error: the build failed; all it said is in build/quickstart.log" >&2
    exit 1
}
ls -1 build/cnn-*

heading "3. Training on handwritten digits (seconds)"
train digits

if [ $digits_only = yes ]; then
    exit 0
fi

heading "4. Fashion-MNIST: 70,000 photographs of clothes"
if [ -e data/fashion-mnist.h5 ]; then
    echo "data/fashion-mnist.h5 is there already"
else
    if [ ! -d $fashion_folder ] && [ $install = yes ] && ! launch/packages.sh fashion-mnist; then
        echo "The images cannot be had here, so this is all. Anywhere else, they are four files that cnn-data import idx takes."
        exit 0
    elif [ ! -d $fashion_folder ]; then
        echo "There is no $fashion_folder, and --no-install was given, so this is all."
        exit 0
    fi
    build/cnn-data import idx \
        --train-images $fashion_folder/train-images-idx3-ubyte.gz --train-labels $fashion_folder/train-labels-idx1-ubyte.gz \
        --test-images $fashion_folder/t10k-images-idx3-ubyte.gz --test-labels $fashion_folder/t10k-labels-idx1-ubyte.gz \
        --class-names "$fashion_classes" data/fashion-mnist.h5
fi

heading "5. Training on Fashion-MNIST (minutes; stopped with Ctrl-C, it goes on where it was when this script is called again)"
train fashion-mnist "${fashion_options[@]}"

cat <<END

The networks are in checkpoints/digits and checkpoints/fashion-mnist. What to do next is in README.md; for instance

    build/cnn-train --evaluate checkpoints/fashion-mnist/best.h5 configs/fashion-mnist.ini
END
