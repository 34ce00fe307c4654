#include "core/build_info.h"
#include "io/checkpoint_format.h"
#include "io/file.h"
#include "io/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The image of the file grows in such steps, so it has at most so many bytes too many. */
enum { IMAGE_STEP = 512 };

/* What every step of writing needs; `doing` names the object in work, for the message. */
struct writer {
    hid_t file, digests;
    const struct checkpoint_content *content;
    char doing[CHECKPOINT_NAME_MAX];
};

static bool doing(struct writer *w, const char *what)
{
    snprintf(w->doing, sizeof w->doing, "%s", what);
    return true;
}

/* Without time stamps, so that equal content is equal bytes; members listed in the order they were made. */
static hid_t create_group(hid_t parent, const char *name)
{
    hid_t properties = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    if (properties >= 0 && H5Pset_obj_track_times(properties, false) >= 0 &&
        H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) >= 0)
        group = H5Gcreate2(parent, name, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (properties >= 0)
        H5Pclose(properties);
    return group;
}

static bool close_group(hid_t group)
{
    return group >= 0 && H5Gclose(group) >= 0;
}

static hid_t create_dataset(hid_t parent, const char *name, hid_t type, hid_t space)
{
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE), dataset = H5I_INVALID_HID;
    if (properties >= 0 && space >= 0 && H5Pset_obj_track_times(properties, false) >= 0)
        dataset = H5Dcreate2(parent, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (properties >= 0)
        H5Pclose(properties);
    return dataset;
}

static bool write_dataset(hid_t parent, const char *name, hid_t type, hid_t space, const void *bytes)
{
    hid_t dataset = create_dataset(parent, name, type, space);
    bool ok = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
    if (dataset >= 0)
        ok = H5Dclose(dataset) >= 0 && ok;
    return ok;
}

static bool write_digest(struct writer *w, const char *name, const void *bytes, size_t size)
{
    char digest[17];
    return h5_write_text(w->digests, name, checkpoint_digest(digest, bytes, size));
}

static bool write_parameter(struct writer *w, hid_t layer_group, const char *group, const struct layer *layer,
                            const struct parameter *p, const float *array)
{
    hsize_t dimensions[LAYER_DIMENSIONS_MAX];
    if (!checkpoint_array_name(w->doing, group, layer, p))
        return false;
    for (size_t i = 0; i < p->dimension_count; i++)
        dimensions[i] = p->dimensions[i];
    hid_t space = H5Screate_simple((int)p->dimension_count, dimensions, NULL);
    const float *values = array + p->offset;
    bool ok = write_dataset(layer_group, p->name, H5T_IEEE_F32LE, space, values) &&
              write_digest(w, w->doing, values, p->count * sizeof *values);
    if (space >= 0)
        H5Sclose(space);
    return ok;
}

/* An array parallel to the parameters, as a group per layer. */
static bool write_arrays(struct writer *w, const char *name, const float *array)
{
    const struct network *network = w->content->network;
    doing(w, name);
    hid_t group = create_group(w->file, name);
    bool ok = group >= 0;
    for (size_t i = 0; i < network->layer_count && ok; i++) {
        const struct layer *layer = &network->layers[i];
        if (layer->parameter_count == 0)
            continue;
        hid_t layer_group = create_group(group, layer->name);
        ok = layer_group >= 0;
        for (size_t p = 0; p < layer->parameter_count && ok; p++)
            ok = write_parameter(w, layer_group, name, layer, &layer->parameters[p], array);
        ok = close_group(layer_group) && ok;
    }
    return close_group(group) && ok;
}

static bool write_slots(struct writer *w)
{
    char name[CHECKPOINT_NAME_MAX];
    bool ok = doing(w, "/optimizer") && close_group(create_group(w->file, "/optimizer"));
    for (size_t i = 0; i < w->content->slot_count && ok; i++) {
        snprintf(name, sizeof name, "/optimizer/%s", w->content->slots[i].name);
        ok = write_arrays(w, name, w->content->slots[i].values);
    }
    return ok;
}

static bool write_state(struct writer *w)
{
    const unsigned char *progress = (const unsigned char *)w->content->progress;
    char digest[17];
    doing(w, "/state");
    hid_t group = create_group(w->file, "/state");
    bool ok = group >= 0;
    for (size_t i = 0; i < checkpoint_state_count && ok; i++) {
        const struct state_field *field = &checkpoint_state[i];
        uint64_t number;
        double real;
        memcpy(&number, progress + field->offset, sizeof number);
        memcpy(&real, progress + field->offset, sizeof real);
        ok = field->real ? h5_write_double(group, field->name, real)
                         : h5_write_u64(group, field->name, number);
    }
    ok = ok && h5_write_text(w->digests, "/state", checkpoint_state_digest(digest, w->content->progress));
    return close_group(group) && ok;
}

static bool write_data(struct writer *w)
{
    const struct checkpoint_content *c = w->content;
    const struct normalization *n = c->normalization;
    char digest[17];
    snprintf(digest, sizeof digest, "%016" PRIx64, c->data_digest);
    doing(w, "/data");
    hid_t group = create_group(w->file, "/data");
    bool ok = group >= 0 && h5_write_u64(group, "normalized", n->present) &&
              h5_write_floats(group, "mean", n->mean, n->channels) &&
              h5_write_floats(group, "std", n->std, n->channels) && h5_write_text(group, "digest", digest) &&
              (c->class_count == 0 || h5_write_texts(group, "class_names", c->class_names, c->class_count));
    return close_group(group) && ok;
}

static bool write_config(struct writer *w)
{
    const char *text = w->content->config_text;
    size_t size = strlen(text);
    doing(w, "/config");
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    bool ok = type >= 0 && H5Tset_size(type, size ? size : 1) >= 0 &&
              H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
              write_dataset(w->file, "/config", type, space, text) &&
              write_digest(w, "/config", text, size ? size : 1);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return ok;
}

static bool write_provenance(struct writer *w)
{
    char host[256] = "unknown", date[32] = "unknown", hdf5[64];
    unsigned major, minor, release;
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    gethostname(host, sizeof host - 1);
    H5get_libversion(&major, &minor, &release);
    snprintf(hdf5, sizeof hdf5, "HDF5 %u.%u.%u", major, minor, release);
    doing(w, "/provenance");
    hid_t group = create_group(w->file, "/provenance");
    bool ok = group >= 0 && h5_write_text(group, "version", build_version()) &&
              h5_write_text(group, "commit", build_commit()) &&
              h5_write_text(group, "compiler", build_compiler()) &&
              h5_write_text(group, "flags", build_flags()) && h5_write_text(group, "hdf5", hdf5) &&
              h5_write_text(group, "blas", build_blas()) && h5_write_text(group, "host", host) &&
              h5_write_u64(group, "threads", (uint64_t)w->content->threads) &&
              h5_write_text(group, "date", date);
    return close_group(group) && ok;
}

static bool write_content(struct writer *w)
{
    w->digests = create_group(w->file, "/digest");
    bool ok = w->digests >= 0 && write_arrays(w, "/model", w->content->network->parameters) &&
              write_slots(w) && write_state(w) && write_data(w) && write_config(w) && write_provenance(w) &&
              doing(w, "the root attributes") && h5_write_text(w->file, "format", CHECKPOINT_FORMAT) &&
              h5_write_u64(w->file, "format_version", CHECKPOINT_VERSION);
    ok = close_group(w->digests) && ok;
    return ok && H5Fflush(w->file, H5F_SCOPE_GLOBAL) >= 0 && h5_write_u64(w->file, "complete", 1) &&
           H5Fflush(w->file, H5F_SCOPE_GLOBAL) >= 0;
}

/* A file that HDF5 keeps in memory: it never meets a full disk, which leaves it with handles that cannot be
 * closed. Its name is one that cannot be on the disk, where HDF5 would look first. Format of HDF5 1.8, the
 * oldest one with check sums over HDF5's own structures. */
static hid_t create_image(const char *path)
{
    char name[FILE_PATH_MAX + 16];
    snprintf(name, sizeof name, "/dev/null/%s", path);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE), file = H5I_INVALID_HID;
    if (access >= 0 && creation >= 0 && H5Pset_fapl_core(access, IMAGE_STEP, false) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_userblock(creation, SEAL_SIZE) >= 0 && H5Pset_obj_track_times(creation, false) >= 0)
        file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    if (creation >= 0)
        H5Pclose(creation);
    if (access >= 0)
        H5Pclose(access);
    return file;
}

/* Borrows the bytes that the core driver holds; H5Fget_file_image cannot cope with a user block. */
static bool image_bytes(hid_t file, unsigned char **bytes, size_t *size)
{
    void *handle = NULL;
    hsize_t length;
    if (H5Fget_vfd_handle(file, H5P_DEFAULT, &handle) < 0 || !handle || H5Fget_filesize(file, &length) < 0)
        return false;
    *bytes = *(unsigned char **)handle;
    *size = (size_t)length;
    return *bytes && length > SEAL_SIZE;
}

static enum status put(const char *path, const unsigned char *bytes, size_t size)
{
    char temporary[FILE_PATH_MAX];
    enum status status = file_begin(path, STATUS_CHECKPOINT, temporary);
    if (status == STATUS_OK)
        status = file_write(temporary, bytes, size, path, STATUS_CHECKPOINT);
    if (status == STATUS_OK)
        status = file_commit(temporary, path, STATUS_CHECKPOINT);
    if (status != STATUS_OK)
        file_abandon(temporary);
    return status_prefix(status, "checkpoint not written: ");
}

enum status checkpoint_write_file(const char *path, const struct checkpoint_content *content)
{
    enum status status = STATUS_OK;
    struct writer w = {.digests = H5I_INVALID_HID, .content = content, .doing = "the file"};
    unsigned char *bytes;
    size_t size;
    h5_quiet();
    w.file = create_image(path);
    if (w.file < 0 || !write_content(&w) || !image_bytes(w.file, &bytes, &size)) {
        char reason[H5_FAILURE_MAX];
        status = status_set(STATUS_CHECKPOINT, "checkpoint not written: HDF5 cannot make %s: %s", w.doing,
                            h5_failure(reason));
        goto done;
    }
    seal_write(bytes, size, content->progress->step);
    status = put(path, bytes, size);
done:
    if (w.file >= 0)
        H5Fclose(w.file);
    return status;
}
