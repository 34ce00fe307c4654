#include "io/checkpoint_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* H5A_operator2_t. What is neither a text nor a number was put there by somebody else, and is passed over. */
static herr_t append(hid_t group, const char *name, const H5A_info_t *unused, void *data)
{
    struct checkpoint_provenance *p = data;
    char *text = NULL;
    uint64_t number;
    (void)unused;
    if (h5_read_u64(group, name, &number)) {
        text = malloc(32);
        if (text)
            snprintf(text, 32, "%" PRIu64, number);
    } else if (!h5_read_text(group, name, &text)) {
        return 0;
    }
    struct checkpoint_fact *facts = realloc(p->facts, (p->count + 1) * sizeof *facts);
    char *copy = strdup(name);
    if (facts)
        p->facts = facts;
    if (!facts || !copy || !text) {
        free(text);
        free(copy);
        status_no_memory("the provenance of a checkpoint", 0);
        return -1;
    }
    p->facts[p->count++] = (struct checkpoint_fact){copy, text};
    return 0;
}

enum status checkpoint_read_provenance(const char *path, struct checkpoint_provenance *provenance)
{
    hid_t file;
    *provenance = (struct checkpoint_provenance){0};
    enum status status = checkpoint_open(path, true, &file);
    if (status != STATUS_OK)
        return status;
    hid_t group = checkpoint_group_open(file, "/provenance");
    if (group < 0 || H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, NULL, append, provenance) < 0)
        status = checkpoint_bad(path, "/provenance");
    checkpoint_group_close(group);
    H5Fclose(file);
    if (status != STATUS_OK)
        checkpoint_provenance_destroy(provenance);
    return status;
}

const char *checkpoint_fact(const struct checkpoint_provenance *provenance, const char *name)
{
    for (size_t i = 0; i < provenance->count; i++)
        if (!strcmp(provenance->facts[i].name, name))
            return provenance->facts[i].value;
    return "unknown";
}

void checkpoint_provenance_destroy(struct checkpoint_provenance *provenance)
{
    for (size_t i = 0; i < provenance->count; i++) {
        free(provenance->facts[i].name);
        free(provenance->facts[i].value);
    }
    free(provenance->facts);
    *provenance = (struct checkpoint_provenance){0};
}
