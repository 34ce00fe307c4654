#include "core/build_info.h"
#include "io/checkpoint_format.h"
#include "io/file.h"
#include "io/h5_lock.h"
#include "io/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
    const float *values = array + p->offset;
    return h5_close(h5_write_array(layer_group, p->name, H5T_IEEE_F32LE, p->dimension_count, dimensions, NULL,
                                   values)) &&
           write_digest(w, w->doing, values, p->count * sizeof *values);
}

/* An array parallel to the parameters, and the buffers where they are not NULL, as a group per layer. */
static bool write_arrays(struct writer *w, const char *name, const float *array, const float *buffers)
{
    const struct network *network = w->content->network;
    doing(w, name);
    hid_t group = h5_create_group(w->file, name);
    bool ok = group >= 0;
    for (size_t i = 0; i < network->layer_count && ok; i++) {
        const struct layer *layer = &network->layers[i];
        size_t buffer_count = buffers ? layer->buffer_count : 0;
        if (layer->parameter_count + buffer_count == 0)
            continue;
        hid_t layer_group = h5_create_group(group, layer->name);
        ok = layer_group >= 0;
        for (size_t p = 0; p < layer->parameter_count && ok; p++)
            ok = write_parameter(w, layer_group, name, layer, &layer->parameters[p], array);
        for (size_t b = 0; b < buffer_count && ok; b++)
            ok = write_parameter(w, layer_group, name, layer, &layer->buffers[b], buffers);
        ok = h5_close(layer_group) && ok;
    }
    return h5_close(group) && ok;
}

static bool write_slots(struct writer *w)
{
    char name[CHECKPOINT_NAME_MAX];
    bool ok = doing(w, "/optimizer") && h5_close(h5_create_group(w->file, "/optimizer"));
    for (size_t i = 0; i < w->content->slot_count && ok; i++) {
        snprintf(name, sizeof name, "/optimizer/%s", w->content->slots[i].name);
        ok = write_arrays(w, name, w->content->slots[i].values, w->content->slots[i].buffers);
    }
    return ok;
}

static bool write_state(struct writer *w)
{
    const unsigned char *progress = (const unsigned char *)w->content->progress;
    char digest[17];
    doing(w, "/state");
    hid_t group = h5_create_group(w->file, "/state");
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
    return h5_close(group) && ok;
}

static bool write_data(struct writer *w)
{
    const struct checkpoint_content *c = w->content;
    const struct normalization *n = c->normalization;
    char digest[17];
    snprintf(digest, sizeof digest, "%016" PRIx64, c->data_digest);
    doing(w, "/data");
    hid_t group = h5_create_group(w->file, "/data");
    bool ok = group >= 0 && h5_write_u64(group, "normalized", n->present) &&
              h5_write_floats(group, "mean", n->mean, n->channels) &&
              h5_write_floats(group, "std", n->std, n->channels) && h5_write_text(group, "digest", digest) &&
              (c->class_count == 0 || h5_write_texts(group, "class_names", c->class_names, c->class_count));
    return h5_close(group) && ok;
}

static bool write_config(struct writer *w)
{
    const char *text = w->content->config_text;
    size_t size = strlen(text);
    doing(w, "/config");
    hid_t type = H5Tcopy(H5T_C_S1);
    bool ok = type >= 0 && H5Tset_size(type, size ? size : 1) >= 0 &&
              H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
              h5_close(h5_write_array(w->file, "/config", type, 0, NULL, NULL, text)) &&
              write_digest(w, "/config", text, size ? size : 1);
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
    hid_t group = h5_create_group(w->file, "/provenance");
    bool ok = group >= 0 && h5_write_text(group, "version", build_version()) &&
              h5_write_text(group, "commit", build_commit()) &&
              h5_write_text(group, "compiler", build_compiler()) &&
              h5_write_text(group, "flags", build_flags()) && h5_write_text(group, "hdf5", hdf5) &&
              h5_write_text(group, "blas", build_blas()) && h5_write_text(group, "host", host) &&
              h5_write_text(group, "mpi", w->content->mpi ? w->content->mpi : "unknown") &&
              h5_write_text(group, "hosts", w->content->hosts ? w->content->hosts : host) &&
              h5_write_u64(group, "ranks", (uint64_t)w->content->ranks) &&
              h5_write_u64(group, "threads", (uint64_t)w->content->threads) &&
              h5_write_text(group, "date", date) &&
              (!w->content->changes || h5_write_text(group, "changes", w->content->changes));
    return h5_close(group) && ok;
}

static bool write_content(struct writer *w)
{
    w->digests = h5_create_group(w->file, "/digest");
    bool ok = w->digests >= 0 &&
              write_arrays(w, "/model", w->content->network->parameters, w->content->network->buffers) &&
              write_slots(w) && write_state(w) && write_data(w) && write_config(w) && write_provenance(w) &&
              doing(w, "the root attributes") && h5_write_text(w->file, "format", CHECKPOINT_FORMAT) &&
              h5_write_u64(w->file, "format_version", CHECKPOINT_VERSION);
    ok = h5_close(w->digests) && ok;
    return ok && h5_write_u64(w->file, "complete", 1);
}

/* HDF5 is others' while the disk is written to: the bytes stay where they are. */
enum status checkpoint_write_file(const char *path, const struct checkpoint_content *content)
{
    struct writer w = {.digests = H5I_INVALID_HID, .content = content};
    enum status status;
    unsigned char *bytes;
    size_t size;
    char reason[H5_FAILURE_MAX];
    doing(&w, "the file");
    h5_lock();
    w.file = h5_create(SEAL_SIZE);
    bool made = w.file >= 0 && write_content(&w) && h5_image(w.file, &bytes, &size);
    h5_unlock();
    if (made) {
        seal_write(bytes, size, content->progress->step);
        status = file_put_guarded(path, bytes, size, claim_guard(content->claim), STATUS_CHECKPOINT);
        status = status_prefix(status, "checkpoint not written: ");
    } else {
        status = status_set(STATUS_CHECKPOINT, "checkpoint not written: HDF5 cannot make %s: %s", w.doing,
                            h5_failure(reason));
    }
    h5_lock();
    if (w.file >= 0)
        H5Fclose(w.file);
    h5_unlock();
    return status;
}
