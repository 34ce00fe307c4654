#include "io/dataset_pack.h"

#include "support/array.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 7, OUTPUTS = 3, GUARD = 64 };
static const struct shape image = {3, 5, 2};

enum label_kind { NONE, CLASSES, VALUES, BINARY };

struct kind {
    bool is_float, normalised, names;
    enum label_kind labels;
};

/* Every kind of split that dataset_read makes. */
static size_t list_kinds(struct kind kinds[64])
{
    size_t count = 0;
    for (int bits = 0; bits < 8; bits++)
        for (enum label_kind labels = NONE; labels <= BINARY; labels++)
            if (labels != NONE || !(bits & 4))
                kinds[count++] = (struct kind){bits & 1, bits & 2, bits & 4, labels};
    return count;
}

static struct dataset_split make(struct kind kind)
{
    size_t floats = COUNT * shape_count(image);
    struct dataset_split s = {
        .path = "folder/a file.h5", .name = "train", .count = COUNT, .shape = image, .digest = 0xFEDCBA98765};
    s.is_float = kind.is_float;
    s.images = malloc(floats * (kind.is_float ? sizeof(float) : 1));
    if (kind.is_float)
        array_fill(s.images, floats, 5);
    for (size_t i = 0; !kind.is_float && i < floats; i++)
        ((unsigned char *)s.images)[i] = (unsigned char)(i * 37 + 5);
    s.outputs = kind.labels == NONE ? 0 : OUTPUTS;
    s.binary = kind.labels == BINARY;
    s.classes = kind.labels == CLASSES ? malloc(COUNT * sizeof *s.classes) : NULL;
    s.values = kind.labels >= VALUES ? malloc(COUNT * OUTPUTS * sizeof *s.values) : NULL;
    for (size_t i = 0; s.classes && i < COUNT; i++)
        s.classes[i] = (int32_t)(i * 2 % OUTPUTS);
    for (size_t i = 0; s.values && i < COUNT * OUTPUTS; i++)
        s.values[i] = s.binary ? (float)(i % 2) : (float)i * 0.25f;
    static const char *const names[OUTPUTS] = {"", "\xc3\xb6\xc3\x9f", "a longer name"};
    s.class_names = kind.names ? malloc(OUTPUTS * sizeof *s.class_names) : NULL;
    for (size_t i = 0; kind.names && i < OUTPUTS; i++)
        s.class_names[i] = strdup(names[i]);
    s.normalization = (struct normalization){kind.normalised, image.c, malloc(8), malloc(8)};
    for (size_t c = 0; c < image.c; c++) {
        s.normalization.mean[c] = kind.normalised ? 0.25f + (float)c : 0;
        s.normalization.std[c] = kind.normalised ? 0.5f + (float)c : 1;
    }
    return s;
}

/* What the network would be fed with is the same, bit for bit. */
static void assert_same_gathered(const struct dataset_split *a, const struct dataset_split *b)
{
    static const size_t indices[] = {6, 0, 3, 3, 5};
    enum { TAKEN = sizeof indices / sizeof *indices };
    size_t floats = TAKEN * shape_count(image);
    const struct dataset_split *both[] = {a, b};
    float *x[2], *values[2];
    int32_t *classes[2];
    for (size_t i = 0; i < 2; i++) {
        x[i] = array_floats(floats);
        values[i] = array_floats(TAKEN * OUTPUTS);
        classes[i] = array_bytes(TAKEN * sizeof **classes);
        dataset_gather(both[i], &both[i]->normalization, indices, TAKEN, x[i], classes[i], values[i]);
    }
    assert_same_bits("images", x[0], x[1], floats);
    assert_memory_equal(values[0], values[1], TAKEN * OUTPUTS * sizeof(float));
    assert_memory_equal(classes[0], classes[1], TAKEN * sizeof **classes);
    for (size_t i = 0; i < 2; i++) {
        free(x[i]);
        free(values[i]);
        free(classes[i]);
    }
}

static void assert_same_split(const struct dataset_split *a, const struct dataset_split *b)
{
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->count, b->count);
    assert_true(shape_equal(a->shape, b->shape));
    assert_int_equal(a->is_float, b->is_float);
    assert_int_equal(a->outputs, b->outputs);
    assert_int_equal(a->binary, b->binary);
    assert_int_equal(a->digest, b->digest);
    assert_int_equal(!a->classes, !b->classes);
    assert_int_equal(!a->values, !b->values);
    assert_int_equal(!a->class_names, !b->class_names);
    for (size_t i = 0; a->class_names && i < a->outputs; i++)
        assert_string_equal(a->class_names[i], b->class_names[i]);
    assert_int_equal(a->normalization.present, b->normalization.present);
    assert_int_equal(a->normalization.channels, b->normalization.channels);
    assert_same_gathered(a, b);
}

/* Every pointer of the view lies in the block, arrays at the alignment that is promised. */
static void assert_inside(const struct dataset_split *v, const char *block, size_t size)
{
    const void *const arrays[] = {v->images, v->classes, v->values, v->normalization.mean,
                                  v->normalization.std};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        size_t offset = (size_t)((const char *)arrays[i] - block);
        if (arrays[i] && (offset >= size || (uintptr_t)arrays[i] % DATASET_PACK_ALIGNMENT))
            fail_msg("array %zu at %zu of %zu bytes", i, offset, size);
    }
    for (size_t i = 0; v->class_names && i < v->outputs; i++)
        assert_in_range(v->class_names[i] - block, 0, size - 1);
}

/* Packed, moved to another address, and where it was before overwritten. */
static void test_every_kind(void **state)
{
    (void)state;
    struct kind kinds[64];
    size_t count = list_kinds(kinds);
    assert_int_equal(count, 28);
    for (size_t k = 0; k < count; k++) {
        struct dataset_split split = make(kinds[k]), view;
        size_t size = dataset_packed_size(&split);
        assert_int_equal(size % DATASET_PACK_ALIGNMENT, 0);
        char *first = array_bytes(size + GUARD), *moved = array_bytes(size);
        dataset_pack(&split, first);
        for (size_t i = size; i < size + GUARD; i++)
            assert_int_equal((unsigned char)first[i], 0xA5);
        memcpy(moved, first, size);
        array_poison_bytes(first, size);
        assert_done(dataset_view(&view, moved));
        assert_true(view.borrowed);
        assert_inside(&view, moved, size);
        assert_same_split(&view, &split);
        dataset_destroy(&view);
        assert_null(view.images);
        assert_done(dataset_view(&view, moved)); /* the block is untouched */
        assert_same_split(&view, &split);
        dataset_destroy(&view);
        dataset_destroy(&split);
        free(first);
        free(moved);
    }
}

/* What a view is made into can be packed as what was read. */
/* Of images that stay in the file there are the digests of their runs alone. */
static void test_streamed(void **state)
{
    (void)state;
    enum { RUN = 3 };
    struct kind kinds[64];
    list_kinds(kinds);
    struct dataset_split split = make(kinds[0]), view;
    free(split.images);
    split.images = NULL;
    split.run = RUN;
    split.run_digests = malloc(dataset_runs(&split) * sizeof *split.run_digests);
    for (size_t i = 0; i < dataset_runs(&split); i++)
        split.run_digests[i] = 1000 + i;
    size_t size = dataset_packed_size(&split);
    char *block = array_bytes(size);
    dataset_pack(&split, block);
    assert_done(dataset_view(&view, block));
    assert_true(!view.images && view.run == RUN && view.count == split.count);
    assert_in_range((char *)view.run_digests - block, 0, size - dataset_runs(&split) * sizeof(uint64_t));
    assert_memory_equal(view.run_digests, split.run_digests, dataset_runs(&split) * sizeof(uint64_t));
    dataset_destroy(&view);
    dataset_destroy(&split);
    free(block);
}

static void test_view_of_a_view(void **state)
{
    (void)state;
    struct dataset_split split = make((struct kind){false, true, true, CLASSES}), view, again;
    size_t size = dataset_packed_size(&split);
    char *block = array_bytes(size), *other = array_bytes(size);
    dataset_pack(&split, block);
    assert_done(dataset_view(&view, block));
    assert_int_equal(dataset_packed_size(&view), size);
    dataset_pack(&view, other);
    assert_done(dataset_view(&again, other));
    assert_same_split(&again, &split);
    dataset_destroy(&again);
    dataset_destroy(&view);
    dataset_destroy(&split);
    free(block);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_view_of_a_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
