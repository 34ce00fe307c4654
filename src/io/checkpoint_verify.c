#include "io/checkpoint_format.h"

#include <stdio.h>
#include <stdlib.h>

static enum status verify_array(const char *path, hid_t file, hid_t digests, const char *name)
{
    struct checkpoint_array array;
    float *values = NULL;
    enum status status = checkpoint_array_open(path, file, name, &array);
    if (status != STATUS_OK)
        return status;
    if (H5Dget_storage_size(array.id) != array.count * sizeof *values)
        status = checkpoint_bad(path, name);
    else if (!(values = malloc(array.count * sizeof *values)))
        status = status_no_memory(name, array.count * sizeof *values);
    if (status == STATUS_OK)
        status = checkpoint_array_read(path, digests, name, &array, true, values);
    free(values);
    checkpoint_array_close(&array);
    return status;
}

static enum status verify_group(const char *path, hid_t file, hid_t digests, const char *group)
{
    char name[CHECKPOINT_NAME_MAX];
    struct checkpoint_names list;
    enum status status = checkpoint_list(path, file, group, &list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        int length = snprintf(name, sizeof name, "%s/%s", group, list.names[i]);
        if (length < 0 || (size_t)length >= sizeof name)
            status = checkpoint_bad(path, name);
        else
            status = verify_array(path, file, digests, name);
    }
    checkpoint_names_free(&list);
    return status;
}

enum status checkpoint_verify(const char *path)
{
    hid_t file, digests = H5I_INVALID_HID;
    struct checkpoint_info info;
    enum status status = checkpoint_open(path, true, &file);
    if (status != STATUS_OK)
        return status;
    status = checkpoint_read_info_of(path, file, &info);
    if (status != STATUS_OK)
        goto done;
    checkpoint_info_destroy(&info);
    digests = checkpoint_group_open(file, "/digest");
    status = verify_group(path, file, digests, "/model");
    if (status == STATUS_OK)
        status = verify_group(path, file, digests, "/optimizer");
done:
    checkpoint_group_close(digests);
    H5Fclose(file);
    return status;
}
