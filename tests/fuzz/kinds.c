#include "fuzz/kinds.h"

#include "fuzz/foreign.h"
#include "io/class_names.h"
#include "io/dataset_report.h"
#include "io/dataset_writer.h"
#include "io/digest.h"
#include "io/h5.h"
#include "io/import_csv.h"
#include "io/import_idx.h"
#include "support/checkpoint_sample.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { SAMPLES = 24, SIDE = 5, CLASSES = 3 };

static struct sample sample;
static unsigned char pixels[SAMPLES * SIDE * SIDE];
static FILE *nowhere;
static char idx_images[512], idx_labels[512];

/* Adds to the digest of what was read. */
static void take(uint64_t *content, const void *bytes, size_t size)
{
    const uint64_t both[] = {*content, digest_bytes(bytes, size)};
    *content = digest_bytes(both, sizeof both);
}

static void make_checkpoint(const char *path)
{
    assert_int_equal(rename(sample_write(&sample, scratch_path(""), 123, false), path), 0);
}

static enum status read_model(const char *path, uint64_t *content)
{
    struct network *network = &sample.network;
    enum status status = checkpoint_read_model(path, network);
    if (!status)
        take(content, network->parameters, network->parameter_count * sizeof(float));
    return status;
}

static enum status read_slots(const char *path, uint64_t *content)
{
    enum status status = checkpoint_read_slots(path, &sample.network, &sample.momentum, 1);
    if (!status)
        take(content, sample.momentum.values, sample.network.parameter_count * sizeof(float));
    return status;
}

static enum status read_info(const char *path, uint64_t *content)
{
    struct checkpoint_info info;
    enum status status = checkpoint_read_info(path, &info);
    if (!status) {
        take(content, &info.progress, sizeof info.progress);
        take(content, info.config_text, strlen(info.config_text));
        take(content, &info.data_digest, sizeof info.data_digest);
        take(content, info.normalization.mean, info.normalization.channels * sizeof(float));
        take(content, info.normalization.std, info.normalization.channels * sizeof(float));
        for (size_t i = 0; i < info.class_count; i++)
            take(content, info.class_names[i], strlen(info.class_names[i]));
        checkpoint_info_destroy(&info);
    }
    return status;
}

/* Each of the readers alone, because they stop at different things. */
static enum status read_checkpoint(const char *path, uint64_t *content)
{
    enum status verified = checkpoint_verify(path), info = read_info(path, content),
                model = read_model(path, content), slots = read_slots(path, content);
    return verified ? verified : info ? info : model ? model : slots;
}

static enum status read_arrays(const char *path, uint64_t *content)
{
    enum status model = read_model(path, content), slots = read_slots(path, content);
    return model ? model : slots;
}

static struct dataset_split split_of(const char *name, size_t first, size_t count, int32_t *classes)
{
    for (size_t i = 0; i < count; i++)
        classes[i] = (int32_t)((first + i) % CLASSES);
    return (struct dataset_split){.path = "pixels",
                                  .count = count,
                                  .shape = {SIDE, SIDE, 1},
                                  .images = pixels + first * SIDE * SIDE,
                                  .outputs = CLASSES,
                                  .classes = classes,
                                  .name = {name[0], name[1]}};
}

static void make_dataset(const char *path)
{
    static const char *const names[] = {"one", "two", "Gr\xc3\xbcn"};
    int32_t train_classes[SAMPLES], test_classes[SAMPLES];
    struct dataset_split train = split_of("train", 0, SAMPLES / 2, train_classes),
                         test = split_of("test", SAMPLES / 2, SAMPLES / 2, test_classes);
    const struct dataset_content content = {&train, &test, names, CLASSES};
    assert_done(dataset_write(path, &content, true));
}

static void take_split(uint64_t *content, const struct dataset_split *split)
{
    take(content, &split->digest, sizeof split->digest);
    for (size_t i = 0; split->class_names && i < split->outputs; i++)
        take(content, split->class_names[i], strlen(split->class_names[i]));
}

/* As cnn-data info and cnn-train do. */
static enum status read_dataset(const char *path, uint64_t *content)
{
    struct dataset_split train, test;
    bool has_test;
    dataset_exists(path, "test", &has_test);
    enum status status = dataset_read(&train, path, "train", true), tested = STATUS_OK;
    if (has_test)
        tested = dataset_read(&test, path, "test", true);
    if (!status) {
        take_split(content, &train);
        if (has_test && !tested)
            take_split(content, &test);
        dataset_report(&train, has_test && !tested ? &test : NULL, true, nowhere);
        dataset_destroy(&train);
    }
    if (has_test && !tested)
        dataset_destroy(&test);
    return status ? status : tested;
}

static void write_gz(const char *path, const void *bytes, size_t size)
{
    gzFile file = gzopen(path, "wb");
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
    assert_int_equal(gzclose(file), Z_OK);
}

static size_t idx_of_images(unsigned char out[16 + sizeof pixels])
{
    const unsigned char head[16] = {0, 0, 8, 3, 0, 0, 0, SAMPLES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, pixels, sizeof pixels);
    return sizeof head + sizeof pixels;
}

static size_t idx_of_labels(unsigned char out[8 + SAMPLES])
{
    const unsigned char head[8] = {0, 0, 8, 1, 0, 0, 0, SAMPLES};
    memcpy(out, head, sizeof head);
    for (size_t i = 0; i < SAMPLES; i++)
        out[sizeof head + i] = (unsigned char)(i % CLASSES);
    return sizeof head + SAMPLES;
}

static void make_idx_images(const char *path)
{
    unsigned char bytes[16 + sizeof pixels];
    scratch_write(path, bytes, idx_of_images(bytes));
}

static void make_idx_images_gz(const char *path)
{
    unsigned char bytes[16 + sizeof pixels];
    write_gz(path, bytes, idx_of_images(bytes));
}

static void make_idx_labels(const char *path)
{
    unsigned char bytes[8 + SAMPLES];
    scratch_write(path, bytes, idx_of_labels(bytes));
}

static enum status taken(enum status status, struct dataset_split *split, uint64_t *content)
{
    if (status)
        return status;
    take(content, split->images, split->count * shape_count(split->shape));
    take(content, split->classes, split->count * sizeof *split->classes);
    dataset_report(split, NULL, true, nowhere);
    dataset_destroy(split);
    return STATUS_OK;
}

static enum status read_idx_images(const char *path, uint64_t *content)
{
    struct dataset_split split = {0};
    return taken(import_idx(&split, "train", path, idx_labels), &split, content);
}

static enum status read_idx_labels(const char *path, uint64_t *content)
{
    struct dataset_split split = {0};
    return taken(import_idx(&split, "train", idx_images, path), &split, content);
}

static size_t csv_text(char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t j = 0; j < SIDE * SIDE; j++)
            used += (size_t)snprintf(out + used, size - used, "%u,", pixels[i * SIDE * SIDE + j]);
        used += (size_t)snprintf(out + used, size - used, "%zu\n", i % CLASSES);
    }
    return used;
}

static void make_csv(const char *path)
{
    char text[SAMPLES * (SIDE * SIDE + 1) * 4 + 1];
    scratch_write(path, text, csv_text(text, sizeof text));
}

static void make_csv_gz(const char *path)
{
    char text[SAMPLES * (SIDE * SIDE + 1) * 4 + 1];
    write_gz(path, text, csv_text(text, sizeof text));
}

static enum status read_csv(const char *path, uint64_t *content)
{
    const struct import_csv_options options = {.shape = {SIDE, SIDE, 1}, .max = 255};
    struct dataset_split split = {0};
    return taken(import_csv(&split, "train", path, &options), &split, content);
}

static void make_names(const char *path)
{
    static const char text[] = "one\ntwo\nGr\xc3\xbcn\nseven, with a comma\n";
    write_gz(path, text, strlen(text));
}

static enum status read_names(const char *path, uint64_t *content)
{
    char text[600];
    struct class_names names;
    snprintf(text, sizeof text, "@%s", path);
    enum status status = class_names_parse(&names, text);
    for (size_t i = 0; !status && i < names.count; i++)
        take(content, names.names[i], strlen(names.names[i]));
    if (!status)
        class_names_destroy(&names);
    return status;
}

static void make_model(const char *path)
{
    foreign_model(path, &sample.network, false);
}

static void make_model_latest(const char *path)
{
    foreign_model(path, &sample.network, true);
}

/* A checkpoint whose seal somebody wiped out. */
static void make_unsealed(const char *path)
{
    size_t size;
    make_checkpoint(path);
    char *bytes = scratch_read(path, &size);
    memset(bytes, 0, 512);
    scratch_write(path, bytes, size);
    free(bytes);
}

static void make_foreign(const char *path)
{
    foreign_dataset(path, false);
}

static void make_foreign_latest(const char *path)
{
    foreign_dataset(path, true);
}

const struct kind kinds[] = {
    {"checkpoint", true, false, make_checkpoint, read_checkpoint},
    {"checkpoint-sealed-anew", false, true, make_checkpoint, read_checkpoint},
    {"checkpoint-without-seal", false, false, make_unsealed, read_arrays},
    {"model-of-others", false, false, make_model, read_model},
    {"model-of-others-latest", false, false, make_model_latest, read_model},
    {"dataset", true, false, make_dataset, read_dataset},
    {"dataset-sealed-anew", false, true, make_dataset, read_dataset},
    {"dataset-of-others", false, false, make_foreign, read_dataset},
    {"dataset-of-others-latest", false, false, make_foreign_latest, read_dataset},
    {"idx-images", false, false, make_idx_images, read_idx_images},
    {"idx-images-gz", true, false, make_idx_images_gz, read_idx_images},
    {"idx-labels", false, false, make_idx_labels, read_idx_labels},
    {"csv", false, false, make_csv, read_csv},
    {"csv-gz", true, false, make_csv_gz, read_csv},
    {"class-names-gz", true, false, make_names, read_names},
};
const size_t kind_count = sizeof kinds / sizeof *kinds;

void kinds_create(void)
{
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * i * 7 + i * 13);
    sample_create(&sample, 1);
    nowhere = fopen("/dev/null", "w");
    assert_non_null(nowhere);
    snprintf(idx_images, sizeof idx_images, "%s", scratch_path("beside-images"));
    snprintf(idx_labels, sizeof idx_labels, "%s", scratch_path("beside-labels"));
    make_idx_images(idx_images);
    make_idx_labels(idx_labels);
}

void kinds_destroy(void)
{
    fclose(nowhere);
    sample_destroy(&sample);
}
