#include "io/checkpoint_format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status check_root(const char *path, hid_t file)
{
    char *format = NULL;
    uint64_t version = 0, complete = 0;
    bool known = h5_read_text(file, "format", &format) && !strcmp(format, CHECKPOINT_FORMAT) &&
                 h5_read_u64(file, "format_version", &version);
    free(format);
    if (!known)
        return status_set(STATUS_CHECKPOINT, "%s: not a checkpoint of cnn-train", path);
    if (version != CHECKPOINT_VERSION)
        return status_set(STATUS_CHECKPOINT, "%s: format version %" PRIu64 ", this program knows version %d",
                          path, version, CHECKPOINT_VERSION);
    if (!h5_read_u64(file, "complete", &complete) || complete != 1)
        return status_set(STATUS_CHECKPOINT, "%s: not complete: its writing was interrupted", path);
    return STATUS_OK;
}

static enum status read_state(const char *path, hid_t file, hid_t digests, struct progress *progress)
{
    char name[64], digest[17], *should = NULL;
    hid_t group = checkpoint_group_open(file, "/state");
    enum status status = group >= 0 ? STATUS_OK : checkpoint_bad(path, "/state");
    for (size_t i = 0; i < checkpoint_state_count && status == STATUS_OK; i++) {
        const struct state_field *field = &checkpoint_state[i];
        uint64_t number = 0;
        double real = 0;
        bool ok = field->real ? h5_read_double(group, field->name, &real)
                              : h5_read_u64(group, field->name, &number);
        snprintf(name, sizeof name, "/state, %s", field->name);
        if (!ok)
            status = checkpoint_bad(path, name);
        memcpy((unsigned char *)progress + field->offset, field->real ? (void *)&real : (void *)&number, 8);
    }
    if (status == STATUS_OK && !(digests >= 0 && h5_read_text(digests, "/state", &should)))
        status = checkpoint_bad(path, "the digest of /state");
    if (status == STATUS_OK && strcmp(should, checkpoint_state_digest(digest, progress)))
        status =
            status_set(STATUS_CHECKPOINT, "%s: /state is damaged or was changed: digest %s instead of %.16s",
                       path, digest, should);
    free(should);
    checkpoint_group_close(group);
    return status;
}

static bool normalization_sound(const struct normalization *n, size_t std_count)
{
    bool ok = n->channels > 0 && n->channels <= DATASET_CHANNELS_MAX && std_count == n->channels;
    for (size_t i = 0; i < n->channels && ok; i++)
        ok = isfinite(n->mean[i]) && isfinite(n->std[i]) && n->std[i] > 0;
    return ok;
}

static enum status read_data(const char *path, hid_t file, struct checkpoint_info *info)
{
    struct normalization *n = &info->normalization;
    char *digest = NULL, *end;
    uint64_t normalized = 0;
    size_t std_count = 0;
    hid_t group = checkpoint_group_open(file, "/data");
    enum status status = group >= 0 ? STATUS_OK : checkpoint_bad(path, "/data");
    if (status == STATUS_OK &&
        !(h5_read_u64(group, "normalized", &normalized) && normalized <= 1 &&
          h5_read_floats(group, "mean", &n->mean, &n->channels) &&
          h5_read_floats(group, "std", &n->std, &std_count) && normalization_sound(n, std_count)))
        status = checkpoint_bad(path, "/data, normalized, mean or std");
    n->present = normalized == 1;
    if (status == STATUS_OK && !(h5_read_text(group, "digest", &digest) && strlen(digest) == 16))
        status = checkpoint_bad(path, "/data, digest");
    if (status == STATUS_OK) {
        info->data_digest = strtoull(digest, &end, 16);
        if (*end)
            status = checkpoint_bad(path, "/data, digest");
    }
    if (status == STATUS_OK && h5_has_attribute(group, "class_names") &&
        (!h5_read_texts(group, "class_names", &info->class_names, &info->class_count) ||
         info->class_count > DATASET_CLASSES_MAX))
        status = checkpoint_bad(path, "/data, class_names");
    free(digest);
    checkpoint_group_close(group);
    return status;
}

/* The dataset's type if it is a text of fixed length and sound size. */
static hid_t config_type(hid_t dataset, size_t *size)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    *size = type >= 0 ? H5Tget_size(type) : 0;
    bool ok = type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
              H5Sget_simple_extent_npoints(space) == 1 && *size <= CHECKPOINT_TEXT_MAX;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0 && !ok)
        H5Tclose(type);
    return ok ? type : H5I_INVALID_HID;
}

static enum status read_config(const char *path, hid_t file, hid_t digests, char **text)
{
    size_t size = 0;
    hid_t dataset = H5Lexists(file, "/config", H5P_DEFAULT) > 0 ? H5Dopen2(file, "/config", H5P_DEFAULT)
                                                                : H5I_INVALID_HID;
    hid_t type = dataset >= 0 ? config_type(dataset, &size) : H5I_INVALID_HID;
    enum status status = type >= 0 ? STATUS_OK : checkpoint_bad(path, "/config");
    if (status == STATUS_OK && !(*text = calloc(size + 1, 1)))
        status = status_no_memory("the configuration in a checkpoint", size);
    if (status == STATUS_OK && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *text) < 0)
        status = checkpoint_bad(path, "/config");
    if (status == STATUS_OK)
        status = checkpoint_check_digest(path, digests, "/config", *text, size, true);
    if (type >= 0)
        H5Tclose(type);
    if (dataset >= 0)
        H5Dclose(dataset);
    return status;
}

/* Files of before have no such attribute. */
static enum status read_changes(const char *path, hid_t file, char **changes)
{
    hid_t group = checkpoint_group_open(file, "/provenance");
    bool noted = group >= 0 && h5_has_attribute(group, "changes");
    bool ok = noted ? h5_read_text(group, "changes", changes) : (*changes = strdup("")) != NULL;
    checkpoint_group_close(group);
    return ok ? STATUS_OK : checkpoint_bad(path, "/provenance, changes");
}

enum status checkpoint_read_info_of(const char *path, hid_t file, struct checkpoint_info *info)
{
    *info = (struct checkpoint_info){0};
    hid_t digests = checkpoint_group_open(file, "/digest");
    enum status status = check_root(path, file);
    if (status == STATUS_OK)
        status = read_state(path, file, digests, &info->progress);
    if (status == STATUS_OK)
        status = read_data(path, file, info);
    if (status == STATUS_OK)
        status = read_config(path, file, digests, &info->config_text);
    if (status == STATUS_OK)
        status = read_changes(path, file, &info->changes);
    checkpoint_group_close(digests);
    if (status != STATUS_OK)
        checkpoint_info_destroy(info);
    return status;
}

enum status checkpoint_read_info(const char *path, struct checkpoint_info *info)
{
    hid_t file;
    *info = (struct checkpoint_info){0};
    enum status status = checkpoint_open(path, true, &file);
    if (status != STATUS_OK)
        return status;
    status = checkpoint_read_info_of(path, file, info);
    H5Fclose(file);
    return status;
}

void checkpoint_info_destroy(struct checkpoint_info *info)
{
    normalization_destroy(&info->normalization);
    for (size_t i = 0; info->class_names && i < info->class_count; i++)
        free(info->class_names[i]);
    free(info->class_names);
    free(info->config_text);
    free(info->changes);
    *info = (struct checkpoint_info){0};
}
