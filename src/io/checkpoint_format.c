#include "io/checkpoint_format.h"

#include "io/digest.h"
#include "io/h5_header.h"
#include "io/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "digests are of little-endian bytes");

#define INTEGER(name, field)                                                                                 \
    {                                                                                                        \
        name, offsetof(struct progress, field), false                                                        \
    }
#define REAL(name, field)                                                                                    \
    {                                                                                                        \
        name, offsetof(struct progress, field), true                                                         \
    }
const struct state_field checkpoint_state[] = {
    INTEGER("step", step),
    INTEGER("samples_seen", samples_seen),
    INTEGER("epoch", epoch),
    INTEGER("seed", seed),
    INTEGER("shards", shards),
    INTEGER("batch", batch),
    REAL("best_metric", best_metric),
    INTEGER("best_step", best_step),
    REAL("epoch_loss", epoch_sum.loss),
    INTEGER("epoch_samples", epoch_sum.samples),
    INTEGER("epoch_hits", epoch_sum.hits),
    INTEGER("epoch_tries", epoch_sum.tries),
    REAL("seconds", seconds),
    REAL("epoch_seconds", epoch_seconds),
};
enum { STATE_COUNT = sizeof checkpoint_state / sizeof *checkpoint_state };
const size_t checkpoint_state_count = STATE_COUNT;

char *checkpoint_digest(char out[17], const void *bytes, size_t size)
{
    snprintf(out, 17, "%016" PRIx64, digest_bytes(bytes, size));
    return out;
}

char *checkpoint_state_digest(char out[17], const struct progress *progress)
{
    unsigned char bytes[STATE_COUNT * 8];
    for (size_t i = 0; i < STATE_COUNT; i++)
        memcpy(bytes + 8 * i, (const unsigned char *)progress + checkpoint_state[i].offset, 8);
    return checkpoint_digest(out, bytes, sizeof bytes);
}

bool checkpoint_array_name(char out[CHECKPOINT_NAME_MAX], const char *group, const struct layer *layer,
                           const struct parameter *parameter)
{
    int length = snprintf(out, CHECKPOINT_NAME_MAX, "%s/%s/%s", group, layer->name, parameter->name);
    return length > 0 && length < CHECKPOINT_NAME_MAX;
}

enum status checkpoint_check_digest(const char *path, hid_t digests, const char *name, const void *bytes,
                                    size_t size, bool needed)
{
    char is[17], *should = NULL;
    if (digests < 0 || !h5_has_attribute(digests, name))
        return needed ? status_set(STATUS_CHECKPOINT, "%s: no digest of %s", path, name) : STATUS_OK;
    if (!h5_read_text(digests, name, &should))
        return status_set(STATUS_CHECKPOINT, "%s: the digest of %s is not a text", path, name);
    enum status status = STATUS_OK;
    if (strcmp(checkpoint_digest(is, bytes, size), should))
        status = status_set(STATUS_CHECKPOINT, "%s: %s is damaged or was changed: digest %s instead of %.16s",
                            path, name, is, should);
    free(should);
    return status;
}

enum status checkpoint_open(const char *path, bool seal_needed, hid_t *file)
{
    bool sealed;
    *file = H5I_INVALID_HID;
    enum status status = seal_check(path, STATUS_CHECKPOINT, &sealed);
    if (status == STATUS_OK)
        status = h5_open(path, STATUS_CHECKPOINT, file);
    if (status != STATUS_OK || sealed || !seal_needed)
        return status;
    H5Fclose(*file);
    *file = H5I_INVALID_HID;
    return status_set(STATUS_CHECKPOINT,
                      "%s: an HDF5 file, but not a checkpoint of cnn-train: it does not begin as one", path);
}

hid_t checkpoint_group_open(hid_t file, const char *name)
{
    hid_t group =
        H5Lexists(file, name, H5P_DEFAULT) > 0 ? H5Gopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
    if (group < 0 || h5_header_is_sound(group))
        return group;
    H5Gclose(group);
    return H5I_INVALID_HID;
}

void checkpoint_group_close(hid_t group)
{
    if (group >= 0)
        H5Gclose(group);
}

enum status checkpoint_bad(const char *path, const char *object)
{
    return status_set(STATUS_CHECKPOINT, "%s: %s is missing or damaged", path, object);
}
