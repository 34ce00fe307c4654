#!/usr/bin/env bash
# A first convolution that whitens the images: its weights are those that numpy computes from the same images, on any number
# of ranks; what does not fit is refused.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/networks.sh
. "$source/tests/system/networks.sh"

python=$(find_python) || skip "there is no Python with h5py on this machine"
write_config a.ini run
sed -i 's/^conv1.*/conv1 = conv2d filters=18 kernel=3 init=whiten lr=0 bias_lr=1 epochs=3/' a.ini
export OMP_NUM_THREADS=1
options=(--set distributed.shards=4 --set distributed.allreduce=tree)

expect_exit 0 cnn-train "${options[@]}" --steps 3 --set run.output=one a.ini
"$python" - "$source/data/digits.h5" one/latest.h5 <<'PY' || fail "the weights are not those of numpy"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    images = f["train/images"]
    x = images[:5000].astype(np.float64).reshape(-1, 8, 8)
    if images.dtype == np.uint8:
        x /= 255
    if "mean" in images.attrs:
        x = (x - images.attrs["mean"][0]) / images.attrs["std"][0]
patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2)).reshape(-1, 9)
values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
wanted = (vectors.T / np.sqrt(values + 5e-4)[:, None])[::-1]
with h5py.File(sys.argv[2]) as f:
    w, bias = f["model/conv1/weight"][()].reshape(18, 9), f["model/conv1/bias"][()]
assert (w[9:] == -w[:9]).all()
for got, want in zip(w, wanted):
    want = want * np.sign(got @ want)
    assert abs(got - want).max() < 1e-4 * abs(want).max(), (got, want)
assert len(set(bias)) == 18 and 0 < abs(bias).max() < 0.34 + 0.1
PY
expect_exit 0 cnn-train --set run.output=two --init one/latest.h5 --set run.seed=8 --steps 1 --set train.lr=0 a.ini
"$python" -c 'import h5py; a, b = (h5py.File(f"{n}/latest.h5")["model/conv1/weight"][()] for n in ("one", "two")); assert (a == b).all()' ||
    fail "--init does not keep the weights"
if command -v mpirun >/dev/null && command -v h5diff >/dev/null; then
    for ranks in 2 4; do
        expect_exit 0 ranks $ranks cnn-train "${options[@]}" --steps 3 --set run.output=ranks-$ranks a.ini
        expect_same_arrays one/latest.h5 ranks-$ranks/latest.h5 "$ranks ranks"
    done
fi

expect_exit 2 cnn-train --dry-run --set 'network.conv1=conv2d filters=16 kernel=3 init=whiten' a.ini
expect_message 'init=whiten needs filters=18 here: 2 for each of the 9 numbers of a window, not 16'
finish
