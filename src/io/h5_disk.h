#pragma once
/* An open HDF5 file as the bytes that lie on the disk, for the few of HDF5's own structures that are looked
 * at before HDF5 may read them (io/h5_heap.h, io/h5_header.h). */
#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct h5_disk {
    int fd;              /* HDF5's own */
    uint64_t base, size; /* addresses count from the base, the end of the user block; bytes behind it */
};

/* The file of that file, object or attribute. False: addresses or lengths are not of 8 bytes, as everybody's
 * are, or it is not a plain file. */
bool h5_disk_open(hid_t object, struct h5_disk *disk);

/* `size` bytes from an address on; false: the file does not have them. */
bool h5_disk_read(const struct h5_disk *disk, uint64_t address, void *bytes, size_t size);

/* The little-endian number of `width` bytes, 8 at most. */
uint64_t h5_disk_number(const unsigned char *bytes, size_t width);
