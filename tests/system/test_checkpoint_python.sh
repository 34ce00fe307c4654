#!/usr/bin/env bash
# The Python that checkpoints/README.md shows, word for word: a checkpoint loads into PyTorch, which then says what
# cnn-predict says; PyTorch's weights go back through --init; seal and digests can be recomputed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import h5py, torch' 2>/dev/null && python=$candidate && break
done
[ -n "${python:-}" ] || skip "there is no Python with h5py and torch (python3-h5py, python3-torch)"

mkdir -p data checkpoints
cp "$source/data/digits.h5" data/
expect_exit 0 cnn-train --set run.output=checkpoints/digits --steps 60 "$source/configs/digits.ini" || finish
expect_exit 0 cnn-predict checkpoints/digits/best.h5 data/digits.h5 predicted.h5 || finish

# Where the package xxhash is missing, the library that cnn-train itself uses stands in.
"$python" -c 'import xxhash' 2>/dev/null || cat >xxhash.py <<'PYTHON'
import ctypes
library = ctypes.CDLL("libxxhash.so.0")
library.XXH3_64bits.restype = ctypes.c_uint64
library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
def xxh3_64_hexdigest(data):
    return "%016x" % library.XXH3_64bits(data, len(data))
PYTHON

awk '/^```python$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside { print > ("block" n ".py") }' \
    "$source/checkpoints/README.md"
for n in 1 2 3 4; do
    [ -s "block$n.py" ] || fail "checkpoints/README.md has no Python block $n"
done
cat block1.py block2.py - block3.py >load.py <<'PYTHON'
import numpy
with h5py.File("predicted.h5") as file:
    predicted = file["test/probabilities"][()]
assert predicted.shape == probabilities.shape == (360, 10), (predicted.shape, probabilities.shape)
difference = numpy.abs(predicted - probabilities).max()
print(f"largest difference of a probability: {difference:.1e}")
assert difference < 1e-4
assert numpy.abs(probabilities - 0.1).max() > 0.5, "the network has learned nothing"
PYTHON
PYTHONPATH=. expect_exit 0 "$python" load.py && cat out
PYTHONPATH=. expect_exit 0 "$python" block4.py

# Weights that went through PyTorch and back are those of the checkpoint: runs that start from either are the same.
for init in init.h5 checkpoints/digits/best.h5; do
    expect_exit 0 cnn-train --set run.output="from-$(basename $init)" --init $init --steps 3 "$source/configs/digits.ini"
done
expect_same_arrays from-init.h5/latest.h5 from-best.h5/latest.h5 "a run from PyTorch's weights"

# What the README's code should notice, it notices.
printf 'X' | dd of=checkpoints/digits/best.h5 bs=1 seek=300000 conv=notrunc status=none
PYTHONPATH=. expect_exit 1 "$python" block4.py && expect_message damaged
finish
