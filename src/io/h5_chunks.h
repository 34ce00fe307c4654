#pragma once
/* Chunks of files that have no seal: HDF5 1.10 takes it for granted that a chunk, unpacked, is as long as a
 * chunk of the dataset, and reads beyond its memory where a damaged file says otherwise. */
#include <hdf5.h>
#include <stdbool.h>

/* False where a chunk is missing, or unpacks to another length than the dataset's chunks have. True for what
 * is not chunked, and for chunks with filters other than deflate, shuffle and Fletcher's check sum, which
 * cannot be told. Reads and unpacks the whole dataset. */
bool h5_chunks_are_whole(hid_t dataset);
