#include "io/h5_disk.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t h5_disk_number(const unsigned char *bytes, size_t width)
{
    uint64_t number = 0;
    for (size_t i = width; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

bool h5_disk_read(const struct h5_disk *disk, uint64_t address, void *bytes, size_t size)
{
    size_t done = 0;
    if (address > disk->size || size > disk->size - address)
        return false;
    while (done < size) {
        ssize_t got =
            pread(disk->fd, (char *)bytes + done, size - done, (off_t)(disk->base + address + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

bool h5_disk_open(hid_t object, struct h5_disk *disk)
{
    void *handle = NULL;
    hsize_t block = 0;
    size_t address_size = 0, length_size = 0;
    struct stat info;
    hid_t file = H5Iget_file_id(object), access = file >= 0 ? H5Fget_access_plist(file) : H5I_INVALID_HID,
          creation = file >= 0 ? H5Fget_create_plist(file) : H5I_INVALID_HID;
    bool ok = access >= 0 && creation >= 0 && H5Pget_driver(access) == H5FD_SEC2 &&
              H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) >= 0 && handle &&
              H5Pget_sizes(creation, &address_size, &length_size) >= 0 && address_size == 8 &&
              length_size == 8 && H5Pget_userblock(creation, &block) >= 0 &&
              fstat(*(int *)handle, &info) == 0 && (uint64_t)info.st_size >= block;
    if (ok)
        *disk = (struct h5_disk){*(int *)handle, block, (uint64_t)info.st_size - block};
    if (creation >= 0)
        H5Pclose(creation);
    if (access >= 0)
        H5Pclose(access);
    if (file >= 0)
        H5Fclose(file); /* one of its handles: the file stays open */
    return ok;
}
