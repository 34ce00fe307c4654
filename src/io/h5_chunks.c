#include "io/h5_chunks.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { FILTERS_MAX = 8, WINDOW = 32 << 10, CHECK_SUM = 4 };

struct grid {
    int rank, filter_count;
    hsize_t dimensions[H5S_MAX_RANK], chunk[H5S_MAX_RANK], offset[H5S_MAX_RANK];
    H5Z_filter_t filters[FILTERS_MAX];
    uint64_t bytes; /* of a chunk */
};

/* The length of what zlib makes of the bytes, where it is no more than `limit`; UINT64_MAX: it cannot. */
static uint64_t inflated(unsigned char *bytes, uint64_t size, uint64_t limit)
{
    unsigned char window[WINDOW];
    z_stream stream = {.next_in = bytes, .avail_in = (uInt)size};
    int result = inflateInit(&stream);
    uint64_t length = 0;
    while (result == Z_OK && length <= limit) {
        stream.next_out = window;
        stream.avail_out = sizeof window;
        result = inflate(&stream, Z_NO_FLUSH);
        length += sizeof window - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_STREAM_END ? length : UINT64_MAX;
}

/* Filters are undone from the last to the first; bits of the mask are those that were left out. Shuffling
 * changes no length; a check sum comes last, and nothing is unpacked twice (read_filters). */
static bool unpacks(const struct grid *grid, unsigned char *bytes, uint64_t size, uint32_t mask)
{
    for (int i = grid->filter_count - 1; i >= 0; i--) {
        if (mask & 1u << i)
            continue;
        if (grid->filters[i] == H5Z_FILTER_FLETCHER32) {
            if (size < CHECK_SUM)
                return false;
            size -= CHECK_SUM;
        } else if (grid->filters[i] == H5Z_FILTER_DEFLATE) {
            size = inflated(bytes, size, grid->bytes);
        }
    }
    return size == grid->bytes;
}

static bool is_whole(hid_t dataset, const struct grid *grid)
{
    hsize_t size = 0;
    uint32_t mask = 0;
    if (H5Dget_chunk_storage_size(dataset, grid->offset, &size) < 0 || size == 0 || size > UINT32_MAX)
        return false;
    unsigned char *bytes = malloc(size);
    bool ok = bytes && H5Dread_chunk(dataset, H5P_DEFAULT, grid->offset, &mask, bytes) >= 0 &&
              unpacks(grid, bytes, size, mask);
    free(bytes);
    return ok;
}

/* The next chunk's offset; false: that was the last. */
static bool advance(struct grid *grid)
{
    for (int i = grid->rank - 1; i >= 0; i--) {
        grid->offset[i] += grid->chunk[i];
        if (grid->offset[i] < grid->dimensions[i])
            return true;
        grid->offset[i] = 0;
    }
    return false;
}

/* False: the filters are not those that we know. */
static bool read_filters(hid_t list, struct grid *grid)
{
    grid->filter_count = H5Pget_nfilters(list);
    if (grid->filter_count < 0 || grid->filter_count > FILTERS_MAX)
        return false;
    int deflates = 0; /* of what one has made there are no bytes for another */
    for (int i = 0; i < grid->filter_count; i++) {
        size_t values = 0;
        unsigned flags, config;
        grid->filters[i] = H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        deflates += grid->filters[i] == H5Z_FILTER_DEFLATE;
        if (grid->filters[i] != H5Z_FILTER_DEFLATE && grid->filters[i] != H5Z_FILTER_SHUFFLE &&
            grid->filters[i] != H5Z_FILTER_FLETCHER32)
            return false;
        if (grid->filters[i] == H5Z_FILTER_FLETCHER32 && i + 1 < grid->filter_count)
            return false;
    }
    return deflates <= 1;
}

static bool read_grid(hid_t dataset, hid_t list, struct grid *grid)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    grid->rank = space >= 0 ? H5Sget_simple_extent_dims(space, grid->dimensions, NULL) : -1;
    bool ok = type >= 0 && grid->rank > 0 && H5Pget_chunk(list, H5S_MAX_RANK, grid->chunk) == grid->rank;
    grid->bytes = ok ? H5Tget_size(type) : 0;
    for (int i = 0; ok && i < grid->rank; i++) {
        ok = grid->dimensions[i] > 0 && grid->chunk[i] > 0 && grid->bytes <= UINT32_MAX / grid->chunk[i];
        grid->bytes *= grid->chunk[i];
    }
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

bool h5_chunks_are_whole(hid_t dataset)
{
    struct grid grid = {0};
    hid_t list = H5Dget_create_plist(dataset);
    bool chunked = list >= 0 && H5Pget_layout(list) == H5D_CHUNKED, ok = list >= 0,
         known = chunked && read_filters(list, &grid);
    if (chunked)
        ok = read_grid(dataset, list, &grid);
    if (ok && known)
        do
            ok = is_whole(dataset, &grid);
        while (ok && advance(&grid));
    if (list >= 0)
        H5Pclose(list);
    return ok;
}
