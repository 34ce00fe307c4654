"""Writes data files that are wrong in one way each into the folder given, and ok.h5, which is right."""
import os
import sys

import h5py
import numpy

folder = sys.argv[1]
images = numpy.arange(20 * 8 * 8, dtype=numpy.uint8).reshape(20, 8, 8, 1)
labels = (numpy.arange(20) % 10).astype(numpy.uint8)


def write(name, **changes):
    """train_images, train_labels, test_images, test_labels: an array to take instead, or None to leave it out."""
    with h5py.File(os.path.join(folder, name + ".h5"), "w") as f:
        for split in "train", "test":
            for what, right in ("images", images), ("labels", labels):
                data = changes.get(split + "_" + what, right)
                if data is not None:
                    f.create_dataset(split + "/" + what, data=data)


def changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


write("ok")
write("no_images", train_images=None)
write("no_labels", train_labels=None)
write("no_test_labels", test_labels=None)
write("rank_2", train_images=images.reshape(20, 64))
write("rank_5", train_images=images.reshape(20, 8, 8, 1, 1))
write("text_images", train_images=numpy.full((20, 8, 8, 1), b"x"))
write("text_labels", train_labels=numpy.full((20,), b"x"))
write("labels_rank_3", train_labels=labels.reshape(20, 1, 1))
write("fewer_labels", train_labels=labels[:19])
write("no_sample", train_images=images[:0], train_labels=labels[:0])
write("label_10", train_labels=changed(labels, 13, 10))
write("label_negative", train_labels=changed(labels.astype(numpy.int32), 13, -1))
write("label_huge", train_labels=changed(labels.astype(numpy.int64), 13, 2**40))
write("nan_image", train_images=changed(images.astype(numpy.float32), (13, 2, 3, 0), numpy.nan))
write("infinite_image", train_images=changed(images.astype(numpy.float32), (13, 2, 3, 0), numpy.inf))
write("nan_label", train_labels=changed(labels.astype(numpy.float32).reshape(20, 1), 13, numpy.nan))
write("test_of_other_shape", test_images=images[:, :7])
write("test_of_floats", test_images=images.astype(numpy.float32))
write("test_of_bytes", train_images=images.astype(numpy.float32))
write("float_labels", train_labels=numpy.zeros((20, 10), numpy.float32), test_labels=numpy.zeros((20, 10), numpy.float32))
write("binary_labels", train_labels=numpy.eye(10, dtype=numpy.uint8)[labels], test_labels=numpy.eye(10, dtype=numpy.uint8)[labels])
h5py.File(os.path.join(folder, "no_groups.h5"), "w").close()

right = open(os.path.join(folder, "ok.h5"), "rb").read()
for name, content in ("truncated", right[: len(right) // 2]), ("not_hdf5", b"GIF89a" * 100), ("empty", b""):
    with open(os.path.join(folder, name + ".h5"), "wb") as f:
        f.write(content)
