#pragma once
/* Texts of variable length, which h5py writes for every Python string: the attribute holds places in HDF5's
 * "global heap", collections of objects elsewhere in the file. HDF5 itself believes what a damaged file says
 * of lengths there, and writes beyond its memory; so the places are taken from HDF5 as they are, and the heap
 * is read here. (HDF5 File Format Specification, version 3.0, "Global Heap" and "Variable-Length".) */
#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

/* The `count` texts of the open attribute, of a type of variable length, into `list`; each to be freed by the
 * caller, those before the first that failed too. False: damaged, no memory, or a file that is not on the
 * disk. */
bool h5_heap_read_texts(hid_t attribute, size_t count, char **list);
