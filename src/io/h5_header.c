#include "io/h5_header.h"

#include "io/h5_disk.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* A header: version (1), 1 unused, messages (2), references (4), bytes of messages (4), 4 unused; then
 * messages, of which some say where more are. A message: type (2), size (2), flags (1), 3 unused; its bytes.
 */
enum {
    PREFIX_SIZE = 16,
    MESSAGE_HEAD_SIZE = 8,
    CONTINUATION = 0x10,
    ATTRIBUTE = 0x0c,
    SHARED = 2,
    BLOCKS_MAX = 256,
    BLOCK_SIZE_MAX = 1 << 24,
};

/* Places of messages that are still to be looked at. */
struct blocks {
    struct {
        uint64_t address, size;
    } list[BLOCKS_MAX];
    size_t count;
};

static uint64_t padded(unsigned version, uint64_t size)
{
    return version == 1 ? (size + 7) / 8 * 8 : size;
}

/* Bytes that a dataspace and a datatype of these messages take; infinite where it cannot be told. */
static double data_size(const unsigned char *type, uint64_t type_size, const unsigned char *space,
                        uint64_t space_size)
{
    double bytes = type_size >= 8 ? (double)h5_disk_number(type + 4, 4) : INFINITY;
    size_t rank = space_size >= 4 ? space[1] : SIZE_MAX, head = space_size && space[0] == 1 ? 8 : 4;
    if (rank > H5S_MAX_RANK || space_size < head + 8 * rank)
        return INFINITY;
    if (space[0] == 2 && space[3] == 2) /* no elements at all */
        return 0;
    for (size_t i = 0; i < rank; i++)
        bytes *= (double)h5_disk_number(space + head + 8 * i, 8);
    return bytes;
}

/* Version (1), flags (1), sizes of name, type and space (2 each), from version 3 on the encoding (1); then
 * those three, and the values. */
static bool attribute_is_sound(const unsigned char *bytes, uint64_t size)
{
    if (size < 9 || bytes[0] < 1 || bytes[0] > 3)
        return false;
    uint64_t name = padded(bytes[0], h5_disk_number(bytes + 2, 2)), type_size = h5_disk_number(bytes + 4, 2),
             space_size = h5_disk_number(bytes + 6, 2), type = (bytes[0] == 3 ? 9 : 8) + name,
             space = type + padded(bytes[0], type_size), data = space + padded(bytes[0], space_size);
    if (data > size)
        return false;
    if (bytes[0] > 1 && bytes[1]) /* type or space lie elsewhere */
        return true;
    return data_size(bytes + type, type_size, bytes + space, space_size) <= (double)(size - data);
}

static bool message_is_sound(const unsigned char *message, uint64_t size, struct blocks *blocks)
{
    uint64_t type = h5_disk_number(message, 2);
    const unsigned char *bytes = message + MESSAGE_HEAD_SIZE;
    if (type == ATTRIBUTE && !(message[4] & SHARED))
        return attribute_is_sound(bytes, size);
    if (type != CONTINUATION)
        return true;
    if (size < 16 || blocks->count == BLOCKS_MAX)
        return false;
    blocks->list[blocks->count].address = h5_disk_number(bytes, 8);
    blocks->list[blocks->count++].size = h5_disk_number(bytes + 8, 8);
    return true;
}

static bool block_is_sound(const struct h5_disk *disk, uint64_t address, uint64_t size, struct blocks *blocks)
{
    unsigned char *bytes = size <= BLOCK_SIZE_MAX && size <= disk->size ? malloc(size + 1) : NULL;
    bool ok = bytes && h5_disk_read(disk, address, bytes, (size_t)size);
    for (uint64_t at = 0; ok && size - at >= MESSAGE_HEAD_SIZE;) {
        uint64_t length = h5_disk_number(bytes + at + 2, 2);
        ok = length <= size - at - MESSAGE_HEAD_SIZE && message_is_sound(bytes + at, length, blocks);
        at += MESSAGE_HEAD_SIZE + length;
    }
    free(bytes);
    return ok;
}

static bool address_of(hid_t object, uint64_t *address)
{
#if H5_VERSION_GE(1, 12, 0)
    H5O_info1_t info;
#else
    H5O_info_t info;
#endif
    bool ok = H5Oget_info2(object, &info, H5O_INFO_BASIC) >= 0;
    *address = ok ? info.addr : 0;
    return ok;
}

bool h5_header_is_sound(hid_t object)
{
    unsigned char prefix[PREFIX_SIZE];
    struct h5_disk disk;
    struct blocks blocks = {.count = 1};
    uint64_t address;
    if (!h5_disk_open(object, &disk) || !address_of(object, &address))
        return true;
    if (!h5_disk_read(&disk, address, prefix, PREFIX_SIZE))
        return false;
    if (prefix[0] != 1)
        return true;
    blocks.list[0].address = address + PREFIX_SIZE;
    blocks.list[0].size = h5_disk_number(prefix + 8, 4);
    for (size_t i = 0; i < blocks.count; i++)
        if (!block_is_sound(&disk, blocks.list[i].address, blocks.list[i].size, &blocks))
            return false;
    return true;
}
