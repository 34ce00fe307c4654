#include "io/h5_heap.h"

#include "io/h5_disk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A place as it stands in the file: length (4 bytes), address of the collection (8), index of the object (4).
 * A collection: "GCOL", version (1), 3 unused, its size (8), objects. An object: index (2), 6 of no interest,
 * size (8), its bytes, filled up to a multiple of 8; index 0 is what is free, and ends the collection. */
enum { PLACE_SIZE = 16, HEAD_SIZE = 16, OBJECT_HEAD_SIZE = 16, COLLECTION_MAX = 1 << 28 };

static const uint64_t no_address = UINT64_MAX;

struct place {
    uint64_t address;
    uint32_t length, index;
};

/* The collection read last. */
struct heap {
    struct h5_disk disk;
    uint64_t address;
    unsigned char *bytes;
    size_t size;
};

static bool load(struct heap *heap, uint64_t address)
{
    unsigned char head[HEAD_SIZE];
    if (heap->bytes && heap->address == address)
        return true;
    free(heap->bytes);
    heap->bytes = NULL;
    if (!h5_disk_read(&heap->disk, address, head, HEAD_SIZE) || memcmp(head, "GCOL\1", 5))
        return false;
    uint64_t size = h5_disk_number(head + 8, 8);
    if (size < HEAD_SIZE || size > heap->disk.size || size > COLLECTION_MAX || !(heap->bytes = malloc(size)))
        return false;
    heap->address = address;
    heap->size = (size_t)size;
    return h5_disk_read(&heap->disk, address, heap->bytes, heap->size);
}

/* The object of that index and exactly that size in the collection; NULL: there is none. */
static const unsigned char *find(const struct heap *heap, const struct place *place)
{
    size_t at = HEAD_SIZE;
    while (heap->size - at >= OBJECT_HEAD_SIZE) {
        const unsigned char *object = heap->bytes + at;
        uint64_t index = h5_disk_number(object, 2), size = h5_disk_number(object + 8, 8),
                 space = heap->size - at - OBJECT_HEAD_SIZE;
        if (index == 0 || size > space)
            return NULL;
        if (index == place->index)
            return size == place->length ? object + OBJECT_HEAD_SIZE : NULL;
        size_t padded = (size_t)(size + 7) / 8 * 8;
        at += OBJECT_HEAD_SIZE + (padded < space ? padded : (size_t)space);
    }
    return NULL;
}

static char *read_text(struct heap *heap, const struct place *place)
{
    if (place->length == 0 && (place->address == 0 || place->address == no_address))
        return strdup("");
    const unsigned char *object = load(heap, place->address) ? find(heap, place) : NULL;
    return object ? strndup((const char *)object, place->length) : NULL;
}

/* HDF5's conversion of variable-length values into opaque bytes: leaves them as they are in the file. */
static herr_t leave(hid_t from, hid_t to, H5T_cdata_t *data, size_t count, size_t stride, size_t other,
                    void *values, void *background, hid_t list)
{
    (void)count, (void)stride, (void)other, (void)values, (void)background, (void)list;
    data->need_bkg = H5T_BKG_NO;
    return H5Tget_size(from) == PLACE_SIZE && H5Tget_size(to) == PLACE_SIZE ? 0 : -1;
}

/* The attribute's places as they are in the file, PLACE_SIZE bytes each. */
static bool read_places(hid_t attribute, unsigned char *places)
{
    hid_t opaque = H5Tcreate(H5T_OPAQUE, PLACE_SIZE), variable = H5Aget_type(attribute);
    bool ok = opaque >= 0 && variable >= 0 &&
              H5Tregister(H5T_PERS_SOFT, "places in the heap", variable, opaque, leave) >= 0;
    if (ok) {
        ok = H5Aread(attribute, opaque, places) >= 0;
        H5Tunregister(H5T_PERS_SOFT, "places in the heap", variable, opaque, leave);
    }
    if (variable >= 0)
        H5Tclose(variable);
    if (opaque >= 0)
        H5Tclose(opaque);
    return ok;
}

bool h5_heap_read_texts(hid_t attribute, size_t count, char **list)
{
    struct heap heap = {0};
    unsigned char *places = calloc(count ? count : 1, PLACE_SIZE);
    bool ok = places && h5_disk_open(attribute, &heap.disk) && (count == 0 || read_places(attribute, places));
    for (size_t i = 0; ok && i < count; i++) {
        const unsigned char *p = places + i * PLACE_SIZE;
        const struct place place = {.length = (uint32_t)h5_disk_number(p, 4),
                                    .address = h5_disk_number(p + 4, 8),
                                    .index = (uint32_t)h5_disk_number(p + 12, 4)};
        list[i] = read_text(&heap, &place);
        ok = list[i] != NULL;
    }
    free(heap.bytes);
    free(places);
    return ok;
}
