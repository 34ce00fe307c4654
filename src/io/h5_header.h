#pragma once
/* The headers of objects in HDF5's old format, which is what h5py writes by default and which has no check
 * sums: HDF5 1.10 reads as many bytes of an attribute as its type and its dimensions say, whether the header
 * has them or not. (HDF5 File Format Specification, version 3.0, "Version 1 Object Header Prefix", "Attribute
 * Message".) */
#include <hdf5.h>
#include <stdbool.h>

/* False where the open group or dataset has an attribute that is larger than its place in the header, or the
 * header cannot be followed. True for headers of the new format, whose check sums HDF5 compares, and where it
 * cannot be told. */
bool h5_header_is_sound(hid_t object);
