#pragma once
/* HDF5 files as others write them: h5py, for one, which stores texts with a length of their own each. */
#include "core/network.h"

/* A dataset with float images in compressed chunks with check sums, labels as a plain list, and texts of
 * variable length. `latest`: with the newest structures that the library knows (h5py: libver="latest"). */
void foreign_dataset(const char *path, bool latest);

/* The network's parameters under /model. */
void foreign_model(const char *path, const struct network *network, bool latest);
