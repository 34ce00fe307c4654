#include "io/h5.h"

#include "io/file.h"
#include "io/h5_heap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any list that we write; beyond it the file is damaged. */
#define ATTRIBUTE_BYTES_MAX ((hsize_t)1 << 28)

enum { IMAGE_STEP = 1 << 20 /* by which a file in memory grows */, DEFLATE_LEVEL = 6 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are written as they are in memory");

/* Of the call that failed last, also when others succeeded since. */
static _Thread_local struct failure {
    bool truncated;
    char text[H5_FAILURE_MAX]; /* innermost of HDF5's own messages */
} last_failure = {.text = "unknown reason"};

static herr_t note_cause(unsigned depth, const H5E_error2_t *error, void *data)
{
    struct failure *failure = data;
    if (error->min_num == H5E_TRUNCATED)
        failure->truncated = true;
    if (depth == 0 && error->desc) {
        const char *quoted = strstr(error->desc, "error message = '"); /* the system's own words */
        const char *words = quoted ? strchr(quoted, '\'') + 1 : error->desc;
        snprintf(failure->text, sizeof failure->text, "%.*s",
                 (int)(quoted ? strcspn(words, "'") : strlen(words)), words);
    }
    return 0;
}

static herr_t note_failure(hid_t stack, void *unused)
{
    (void)unused;
    last_failure.truncated = false;
    return H5Ewalk2(stack, H5E_WALK_UPWARD, note_cause, &last_failure);
}

void h5_quiet(void)
{
    H5dont_atexit(); /* which, after a damaged file, may complain; every file is closed by then */
    H5Eset_auto2(H5E_DEFAULT, note_failure, NULL);
}

char *h5_failure(char out[H5_FAILURE_MAX])
{
    memcpy(out, last_failure.text, sizeof last_failure.text);
    return out;
}

static enum status open_failed(const char *path, enum status code)
{
    if (last_failure.truncated)
        return status_set(
            code, "%s: truncated HDF5 file, a copy or download may not have finished: make it again", path);
    return status_set(code, "%s: HDF5 file cannot be opened, it is damaged or being written: %s", path,
                      last_failure.text);
}

/* Cluster file systems often have no locks, and what we read was renamed into place when it was complete. */
static hid_t access_without_lock(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(list, false, true);
#endif
    return list;
}

enum status h5_open(const char *path, enum status code, hid_t *file)
{
    *file = H5I_INVALID_HID;
    h5_quiet();
    struct stat info;
    if (stat(path, &info))
        return errno == ENOENT ? status_set(code, "%s: no such file", path)
                               : status_set(code, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return status_set(code, "%s: is a folder, not an HDF5 file", path);
    if (access(path, R_OK))
        return status_set(code, "%s: cannot be read: %s", path, strerror(errno));
    if (info.st_size == 0)
        return status_set(code, "%s: empty file, not an HDF5 file", path);
    if (H5Fis_hdf5(path) <= 0)
        return status_set(code, "%s: not an HDF5 file", path);
    hid_t access_list = access_without_lock();
    *file = H5Fopen(path, H5F_ACC_RDONLY, access_list);
    enum status status = *file < 0 ? open_failed(path, code) : STATUS_OK;
    H5Pclose(access_list);
    return status;
}

hid_t h5_create(size_t user_block)
{
    static atomic_uint number; /* two files of one name cannot be open */
    char name[64];
    h5_quiet();
    hid_t access_list = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE),
          file = H5I_INVALID_HID;
    snprintf(name, sizeof name, "/dev/null/%u", atomic_fetch_add(&number, 1)); /* cannot be on the disk */
    if (H5Pset_fapl_core(access_list, IMAGE_STEP, false) >= 0 &&
        H5Pset_libver_bounds(access_list, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_userblock(creation, user_block) >= 0 && H5Pset_obj_track_times(creation, false) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access_list);
    H5Pclose(creation);
    H5Pclose(access_list);
    return file;
}

static bool user_block_of(hid_t file, hsize_t *size)
{
    hid_t creation = H5Fget_create_plist(file);
    bool good = creation >= 0 && H5Pget_userblock(creation, size) >= 0;
    if (creation >= 0)
        H5Pclose(creation);
    return good;
}

/* H5Fget_file_image can tell the length behind the user block, but not copy with one; H5Fget_filesize counts
 * what memory was taken in advance. */
bool h5_image(hid_t file, unsigned char **bytes, size_t *size)
{
    void *handle = NULL;
    hsize_t taken, block;
    ssize_t used;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 || H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 ||
        !handle || H5Fget_filesize(file, &taken) < 0 || (used = H5Fget_file_image(file, NULL, 0)) <= 0 ||
        !user_block_of(file, &block))
        return false;
    hsize_t exact = block + (hsize_t)used;
    *bytes = *(unsigned char **)handle;
    *size = (size_t)(exact < taken ? exact : taken);
    return *bytes != NULL;
}

enum status h5_save(hid_t file, const char *path, enum status code)
{
    char cause[H5_FAILURE_MAX];
    unsigned char *bytes;
    size_t size;
    return h5_image(file, &bytes, &size)
               ? file_put(path, bytes, size, code)
               : status_set(code, "%s: cannot be made: %s", path, h5_failure(cause));
}

/* Members are listed in the order in which they were made. */
hid_t h5_create_group(hid_t parent, const char *name)
{
    hid_t list = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    if (H5Pset_obj_track_times(list, false) >= 0 &&
        H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0)
        group = H5Gcreate2(parent, name, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Pclose(list);
    return group;
}

static bool set_storage(hid_t list, hid_t type, size_t rank, const hsize_t *chunk)
{
    if (H5Pset_obj_track_times(list, false) < 0)
        return false;
    return !chunk || (H5Pset_chunk(list, (int)rank, chunk) >= 0 &&
                      (H5Tget_size(type) == 1 || H5Pset_shuffle(list) >= 0) &&
                      H5Pset_deflate(list, DEFLATE_LEVEL) >= 0);
}

hid_t h5_write_array(hid_t parent, const char *name, hid_t type, size_t rank, const hsize_t *dimensions,
                     const hsize_t *chunk, const void *values)
{
    hid_t space = rank ? H5Screate_simple((int)rank, dimensions, NULL) : H5Screate(H5S_SCALAR),
          list = H5Pcreate(H5P_DATASET_CREATE), array = H5I_INVALID_HID;
    if (space >= 0 && set_storage(list, type, rank, chunk))
        array = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (array >= 0 && H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        H5Dclose(array);
        array = H5I_INVALID_HID;
    }
    H5Pclose(list);
    if (space >= 0)
        H5Sclose(space);
    return array;
}

bool h5_close(hid_t object)
{
    return object >= 0 && H5Oclose(object) >= 0;
}

/* Chunks that it takes to hold a space of that many chunks of the list; 0: it cannot be told. */
static double chunks_needed(hid_t space, hid_t list)
{
    hsize_t chunk[H5S_MAX_RANK], dimensions[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, dimensions, NULL);
    double count = 1;
    if (rank <= 0 || H5Pget_chunk(list, H5S_MAX_RANK, chunk) != rank)
        return 0;
    for (int i = 0; i < rank; i++)
        count *= chunk[i] ? (double)((dimensions[i] + chunk[i] - 1) / chunk[i]) : 0;
    return count;
}

static bool has_all_chunks(hid_t dataset, hid_t space, hid_t list)
{
#if H5_VERSION_GE(1, 10, 5)
    hsize_t count = 0;
    return H5Dget_num_chunks(dataset, space, &count) >= 0 && (double)count == chunks_needed(space, list);
#else
    (void)dataset;
    return chunks_needed(space, list) > 0;
#endif
}

bool h5_is_stored(hid_t dataset)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset), list = H5Dget_create_plist(dataset);
    bool ok = space >= 0 && type >= 0 && list >= 0;
    hssize_t points = ok ? H5Sget_simple_extent_npoints(space) : -1;
    if (ok && H5Pget_layout(list) == H5D_CHUNKED)
        ok = has_all_chunks(dataset, space, list);
    else if (ok)
        ok =
            points >= 0 && (double)points * (double)H5Tget_size(type) == (double)H5Dget_storage_size(dataset);
    if (list >= 0)
        H5Pclose(list);
    if (type >= 0)
        H5Tclose(type);
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

bool h5_read_rows(hid_t dataset, hid_t type, size_t first, size_t count, void *values)
{
    hsize_t dimensions[H5S_MAX_RANK], start[H5S_MAX_RANK] = {first};
    hid_t file = H5Dget_space(dataset), memory = H5I_INVALID_HID;
    int rank = file >= 0 ? H5Sget_simple_extent_dims(file, dimensions, NULL) : -1;
    bool ok = rank > 0 && first + count <= dimensions[0];
    dimensions[0] = count;
    ok = ok && H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, dimensions, NULL) >= 0 &&
         (memory = H5Screate_simple(rank, dimensions, NULL)) >= 0 &&
         H5Dread(dataset, type, memory, file, H5P_DEFAULT, values) >= 0;
    if (memory >= 0)
        H5Sclose(memory);
    if (file >= 0)
        H5Sclose(file);
    return ok;
}

bool h5_has_attribute(hid_t object, const char *name)
{
    h5_quiet();
    return H5Aexists(object, name) > 0;
}

/* count SIZE_MAX: a scalar. Takes the place of an attribute of that name. */
static bool write_attribute(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                            const void *values, size_t count)
{
    hsize_t dimension = count;
    if (h5_has_attribute(object, name) && H5Adelete(object, name) < 0)
        return false;
    hid_t space = count == SIZE_MAX ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dimension, NULL);
    hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = attribute >= 0 && H5Awrite(attribute, memory_type, values) >= 0;
    if (attribute >= 0)
        ok = H5Aclose(attribute) >= 0 && ok;
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

bool h5_write_u64(hid_t object, const char *name, uint64_t value)
{
    return write_attribute(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, SIZE_MAX);
}

bool h5_write_double(hid_t object, const char *name, double value)
{
    return write_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, SIZE_MAX);
}

bool h5_write_floats(hid_t object, const char *name, const float *values, size_t count)
{
    return write_attribute(object, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, values, count);
}

static hid_t text_type(size_t size, H5T_cset_t set)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0)
        (void)(H5Tset_size(type, size) >= 0 && H5Tset_cset(type, set) >= 0);
    return type;
}

static bool write_strings(hid_t object, const char *name, const char *const *values, size_t count)
{
    size_t items = count == SIZE_MAX ? 1 : count, size = 1;
    for (size_t i = 0; i < items; i++)
        size = strlen(values[i]) >= size ? strlen(values[i]) + 1 : size;
    char *block = calloc(items ? items : 1, size);
    if (!block)
        return false;
    for (size_t i = 0; i < items; i++)
        memcpy(block + i * size, values[i], strlen(values[i]));
    hid_t type = text_type(size, H5T_CSET_UTF8);
    bool ok = write_attribute(object, name, type, type, block, count);
    H5Tclose(type);
    free(block);
    return ok;
}

bool h5_write_text(hid_t object, const char *name, const char *value)
{
    return write_strings(object, name, &value, SIZE_MAX);
}

bool h5_write_texts(hid_t object, const char *name, const char *const *values, size_t count)
{
    return write_strings(object, name, values, count);
}

/* An attribute opened for reading. */
struct attribute {
    hid_t id, type;
    H5T_class_t kind;
    size_t count;
};

static void attribute_close(struct attribute *a)
{
    if (a->type >= 0)
        H5Tclose(a->type);
    if (a->id >= 0)
        H5Aclose(a->id);
}

static bool attribute_open(hid_t object, const char *name, struct attribute *a)
{
    *a = (struct attribute){H5I_INVALID_HID, H5I_INVALID_HID, H5T_NO_CLASS, 0};
    hid_t space = H5I_INVALID_HID;
    hssize_t points = -1;
    if (h5_has_attribute(object, name) && (a->id = H5Aopen(object, name, H5P_DEFAULT)) >= 0 &&
        (a->type = H5Aget_type(a->id)) >= 0 && (space = H5Aget_space(a->id)) >= 0)
        points = H5Sget_simple_extent_npoints(space);
    if (space >= 0)
        H5Sclose(space);
    if (points < 0 || (hsize_t)points > ATTRIBUTE_BYTES_MAX / H5Tget_size(a->type)) {
        attribute_close(a);
        return false;
    }
    a->kind = H5Tget_class(a->type);
    a->count = (size_t)points;
    return true;
}

bool h5_read_u64(hid_t object, const char *name, uint64_t *value)
{
    struct attribute a;
    if (!attribute_open(object, name, &a))
        return false;
    bool ok = a.kind == H5T_INTEGER && a.count == 1;
    int64_t number = 0;
    if (ok && H5Tget_sign(a.type) == H5T_SGN_2)
        ok = H5Aread(a.id, H5T_NATIVE_INT64, &number) >= 0 && number >= 0;
    uint64_t result;
    ok = ok && H5Aread(a.id, H5T_NATIVE_UINT64, &result) >= 0;
    if (ok)
        *value = result;
    attribute_close(&a);
    return ok;
}

bool h5_read_double(hid_t object, const char *name, double *value)
{
    struct attribute a;
    if (!attribute_open(object, name, &a))
        return false;
    double result;
    bool ok = (a.kind == H5T_FLOAT || a.kind == H5T_INTEGER) && a.count == 1 &&
              H5Aread(a.id, H5T_NATIVE_DOUBLE, &result) >= 0;
    if (ok)
        *value = result;
    attribute_close(&a);
    return ok;
}

bool h5_read_floats(hid_t object, const char *name, float **values, size_t *count)
{
    struct attribute a;
    if (!attribute_open(object, name, &a))
        return false;
    float *list = calloc(a.count ? a.count : 1, sizeof *list);
    bool ok = list && (a.kind == H5T_FLOAT || a.kind == H5T_INTEGER) &&
              (a.count == 0 || H5Aread(a.id, H5T_NATIVE_FLOAT, list) >= 0);
    if (ok) {
        *values = list;
        *count = a.count;
    } else {
        free(list);
    }
    attribute_close(&a);
    return ok;
}

static void texts_free(char **list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        free(list[i]);
    free(list);
}

static bool read_fixed(const struct attribute *a, char **list)
{
    size_t size = H5Tget_size(a->type);
    bool ok = true, space_padded = H5Tget_strpad(a->type) == H5T_STR_SPACEPAD;
    char *block = calloc(a->count ? a->count : 1, size);
    ok = block && (a->count == 0 || H5Aread(a->id, a->type, block) >= 0);
    for (size_t i = 0; ok && i < a->count; i++) {
        list[i] = strndup(block + i * size, size);
        ok = list[i] != NULL;
        for (size_t end = ok ? strlen(list[i]) : 0; space_padded && end && list[i][end - 1] == ' '; end--)
            list[i][end - 1] = 0;
    }
    free(block);
    return ok;
}

bool h5_read_texts(hid_t object, const char *name, char ***values, size_t *count)
{
    struct attribute a;
    if (!attribute_open(object, name, &a))
        return false;
    char **list = calloc(a.count ? a.count : 1, sizeof *list);
    bool ok =
        list && a.kind == H5T_STRING &&
        (H5Tis_variable_str(a.type) > 0 ? h5_heap_read_texts(a.id, a.count, list) : read_fixed(&a, list));
    if (ok) {
        *values = list;
        *count = a.count;
    } else {
        texts_free(list, a.count);
    }
    attribute_close(&a);
    return ok;
}

bool h5_read_text(hid_t object, const char *name, char **value)
{
    char **list;
    size_t count;
    if (!h5_read_texts(object, name, &list, &count))
        return false;
    if (count == 1)
        *value = list[0];
    else
        texts_free(list, count);
    if (count == 1)
        free(list);
    return count == 1;
}
