#include "io/checkpoint_diff.h"

#include "io/checkpoint_format.h"
#include "io/config_compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const groups[] = {"/model", "/optimizer"};
enum { GROUPS = sizeof groups / sizeof *groups };

/* One of the two files. */
struct side {
    const char *path;
    hid_t file, digests;
};

static enum status open_side(struct side *s, const char *path)
{
    *s = (struct side){path, H5I_INVALID_HID, H5I_INVALID_HID};
    enum status status = checkpoint_open(path, true, &s->file);
    if (status == STATUS_OK)
        s->digests = checkpoint_group_open(s->file, "/digest");
    return status;
}

static void close_side(struct side *s)
{
    checkpoint_group_close(s->digests);
    if (s->file >= 0)
        H5Fclose(s->file);
}

static void name_shape(const struct checkpoint_array *array, char out[64])
{
    size_t used = 0;
    strcpy(out, array->rank ? "" : "one number");
    for (size_t i = 0; i < array->rank && used < 64; i++)
        used += (size_t)snprintf(out + used, 64 - used, "%s%zu", i ? "x" : "", array->dimensions[i]);
}

/* The array's values, to be freed. */
static enum status read_array(const struct side *s, const char *name, char shape[64], size_t *count,
                              float **values)
{
    struct checkpoint_array array;
    *values = NULL;
    *count = 0;
    shape[0] = 0;
    enum status status = checkpoint_array_open(s->path, s->file, name, &array);
    if (status != STATUS_OK)
        return status;
    name_shape(&array, shape);
    *count = array.count;
    *values = malloc(array.count * sizeof **values);
    if (!*values)
        status = status_no_memory(name, array.count * sizeof **values);
    else
        status = checkpoint_array_read(s->path, s->digests, name, &array, true, *values);
    checkpoint_array_close(&array);
    return status;
}

static void measure(struct array_difference *d, const float *a, const float *b)
{
    for (size_t i = 0; i < d->count; i++) {
        if (!memcmp(&a[i], &b[i], sizeof *a))
            continue;
        double size = fmax(fabs((double)a[i]), fabs((double)b[i])), apart = fabs((double)a[i] - (double)b[i]);
        if (d->differing++ == 0)
            d->first = i;
        d->absolute = fmax(d->absolute, apart);
        d->relative = size > 0 ? fmax(d->relative, apart / size) : d->relative;
    }
}

static enum status add_array(struct checkpoint_diff *diff, const struct array_difference *d, const char *name)
{
    struct array_difference *grown = realloc(diff->arrays, (diff->array_count + 1) * sizeof *grown);
    char *copy = strdup(name);
    if (grown)
        diff->arrays = grown;
    if (!grown || !copy) {
        free(copy);
        return status_no_memory("the list of differences", sizeof *grown);
    }
    grown[diff->array_count] = *d;
    grown[diff->array_count++].name = copy;
    return STATUS_OK;
}

static bool has(const struct side *s, const char *name)
{
    char part[CHECKPOINT_NAME_MAX];
    for (size_t i = 1; name[i - 1]; i++)
        if (name[i] == '/' || name[i] == 0) {
            snprintf(part, sizeof part, "%.*s", (int)i, name);
            if (H5Lexists(s->file, part, H5P_DEFAULT) <= 0)
                return false;
        }
    return true;
}

/* An array that one of the two has, at least. */
static enum status compare_array(struct checkpoint_diff *diff, const struct side sides[2], const char *name)
{
    struct array_difference d = {.kind = DIFFERS_IN_VALUES};
    float *values[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    bool there[2] = {has(&sides[0], name), has(&sides[1], name)};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++)
        if (there[i])
            status = read_array(&sides[i], name, d.shapes[i], &counts[i], &values[i]);
    if (status != STATUS_OK)
        goto done;
    d.count = there[0] ? counts[0] : counts[1];
    if (!there[1])
        d.kind = ONLY_IN_FIRST;
    else if (!there[0])
        d.kind = ONLY_IN_SECOND;
    else if (strcmp(d.shapes[0], d.shapes[1]))
        d.kind = DIFFERS_IN_SHAPE;
    else
        measure(&d, values[0], values[1]);
    if (d.kind == DIFFERS_IN_VALUES && d.differing == 0)
        diff->same++;
    else
        status = add_array(diff, &d, name);
done:
    free(values[0]);
    free(values[1]);
    return status;
}

/* Those of the first file, or of the second those that the first has not. */
static enum status compare_group(struct checkpoint_diff *diff, const struct side sides[2], size_t of,
                                 const char *group)
{
    char name[CHECKPOINT_NAME_MAX];
    struct checkpoint_names list;
    enum status status = checkpoint_list(sides[of].path, sides[of].file, group, &list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        int length = snprintf(name, sizeof name, "%s/%s", group, list.names[i]);
        if (length < 0 || (size_t)length >= sizeof name)
            status = checkpoint_bad(sides[of].path, name);
        else if (of == 0 || !has(&sides[0], name))
            status = compare_array(diff, sides, name);
    }
    checkpoint_names_free(&list);
    return status;
}

static enum status add_fact(struct checkpoint_diff *diff, const char *name, const char *was, const char *is,
                            bool counts)
{
    struct fact_difference *grown = realloc(diff->facts, (diff->fact_count + 1) * sizeof *grown);
    struct fact_difference fact = {strdup(name), strdup(was), strdup(is), counts};
    if (grown)
        diff->facts = grown;
    if (!grown || !fact.name || !fact.was || !fact.is) {
        free(fact.name);
        free(fact.was);
        free(fact.is);
        return status_no_memory("the list of differences", sizeof *grown);
    }
    grown[diff->fact_count++] = fact;
    return STATUS_OK;
}

static enum status compare_state(struct checkpoint_diff *diff, const struct progress *a,
                                 const struct progress *b)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < checkpoint_state_count && status == STATUS_OK; i++) {
        const struct state_field *field = &checkpoint_state[i];
        const struct progress *from[2] = {a, b};
        char text[2][32], name[64];
        uint64_t bits[2];
        double real;
        for (size_t k = 0; k < 2; k++) {
            memcpy(&bits[k], (const unsigned char *)from[k] + field->offset, sizeof bits[k]);
            memcpy(&real, &bits[k], sizeof real);
            if (field->real)
                snprintf(text[k], sizeof text[k], "%.9g", real);
            else
                snprintf(text[k], sizeof text[k], "%" PRIu64, bits[k]);
        }
        snprintf(name, sizeof name, "state.%s", field->name);
        if (bits[0] != bits[1])
            status = add_fact(diff, name, text[0], text[1], !strstr(field->name, "seconds"));
    }
    return status;
}

/* config_differs */
static enum status note_key(void *user, const struct config_difference *d)
{
    bool place =
        !strcmp(d->name, "run.name") || !strcmp(d->name, "run.output") || !strcmp(d->name, "data.file");
    return add_fact(user, d->name, d->was, d->is, !place);
}

/* A text that this program cannot read, of another version, is compared as it is. */
static enum status compare_config(struct checkpoint_diff *diff, const char *a, const char *b)
{
    struct config was, is;
    if (!strcmp(a, b))
        return STATUS_OK;
    if (config_parse(&was, "/config", a, NULL, 0) != STATUS_OK)
        return add_fact(diff, "config", "a text", "another text", true);
    enum status status = config_parse(&is, "/config", b, NULL, 0) != STATUS_OK
                             ? add_fact(diff, "config", "a text", "another text", true)
                             : config_compare(&was, &is, note_key, diff);
    config_destroy(&is);
    config_destroy(&was);
    return status;
}

static enum status compare_facts(struct checkpoint_diff *diff, const struct side sides[2])
{
    struct checkpoint_info a = {0}, b = {0};
    char digests[2][17];
    enum status status = checkpoint_read_info_of(sides[0].path, sides[0].file, &a);
    if (status == STATUS_OK)
        status = checkpoint_read_info_of(sides[1].path, sides[1].file, &b);
    if (status == STATUS_OK)
        status = compare_state(diff, &a.progress, &b.progress);
    if (status == STATUS_OK && a.data_digest != b.data_digest) {
        snprintf(digests[0], sizeof digests[0], "%016" PRIx64, a.data_digest);
        snprintf(digests[1], sizeof digests[1], "%016" PRIx64, b.data_digest);
        status = add_fact(diff, "data.digest", digests[0], digests[1], true);
    }
    if (status == STATUS_OK)
        status = compare_config(diff, a.config_text, b.config_text);
    checkpoint_info_destroy(&a);
    checkpoint_info_destroy(&b);
    return status;
}

enum status checkpoint_diff(const char *a, const char *b, struct checkpoint_diff *diff)
{
    struct side sides[2] = {{NULL, H5I_INVALID_HID, H5I_INVALID_HID},
                            {NULL, H5I_INVALID_HID, H5I_INVALID_HID}};
    *diff = (struct checkpoint_diff){0};
    enum status status = open_side(&sides[0], a);
    if (status == STATUS_OK)
        status = open_side(&sides[1], b);
    if (status == STATUS_OK)
        status = compare_facts(diff, sides);
    for (size_t i = 0; i < 2 * GROUPS && status == STATUS_OK; i++)
        status = compare_group(diff, sides, i / GROUPS, groups[i % GROUPS]);
    close_side(&sides[0]);
    close_side(&sides[1]);
    if (status != STATUS_OK)
        checkpoint_diff_destroy(diff);
    return status;
}

void checkpoint_diff_destroy(struct checkpoint_diff *diff)
{
    for (size_t i = 0; i < diff->array_count; i++)
        free(diff->arrays[i].name);
    for (size_t i = 0; i < diff->fact_count; i++) {
        free(diff->facts[i].name);
        free(diff->facts[i].was);
        free(diff->facts[i].is);
    }
    free(diff->arrays);
    free(diff->facts);
    *diff = (struct checkpoint_diff){0};
}

bool checkpoint_differs(const struct checkpoint_diff *diff, bool arrays)
{
    bool differs = diff->array_count > 0;
    for (size_t i = 0; i < diff->fact_count && !arrays; i++)
        differs = differs || diff->facts[i].counts;
    return differs;
}

enum status checkpoint_visit_arrays(const char *path, checkpoint_visit *visit, void *user)
{
    char name[CHECKPOINT_NAME_MAX];
    struct side side;
    enum status status = open_side(&side, path);
    for (size_t g = 0; g < GROUPS && status == STATUS_OK; g++) {
        struct checkpoint_names list;
        status = checkpoint_list(path, side.file, groups[g], &list);
        for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
            struct checkpoint_array array;
            snprintf(name, sizeof name, "%s/%.900s", groups[g], list.names[i]);
            status = checkpoint_array_open(path, side.file, name, &array);
            if (status != STATUS_OK)
                break;
            status = visit(user, name, array.dimensions, array.rank, array.count);
            checkpoint_array_close(&array);
        }
        checkpoint_names_free(&list);
    }
    close_side(&side);
    return status;
}
