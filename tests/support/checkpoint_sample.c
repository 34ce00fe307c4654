#include "support/checkpoint_sample.h"

#include "io/h5.h"
#include "io/seal.h"
#include "support/array.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const class_names[] = {"T-shirt", "Gr\xc3\xbcn", ""};

void sample_create(struct sample *sample, uint64_t seed)
{
    *sample = (struct sample){0};
    struct network *network = &sample->network;
    network_must_plan(network, (struct shape){8, 8, 1},
                      "conv1 = conv2d filters=4 kernel=3\nrelu1 = relu\nflat = flatten\n"
                      "fc1 = dense units=10 bias=no\nout = softmax");
    assert_done(network_bind(network, 2, false, 1));
    array_fill(network->parameters, network->parameter_count, seed);
    sample->momentum = (struct checkpoint_slot){"momentum", array_floats(network->parameter_count), NULL};
    array_fill(sample->momentum.values, network->parameter_count, seed + 1000);
    sample->progress = (struct progress){
        .step = 123,
        .samples_seen = (1ull << 40) + seed,
        .epoch = 7,
        .seed = UINT64_MAX - seed,
        .shards = 4,
        .batch = 128,
        .best_metric = 0.1 + (double)seed,
        .best_step = 100,
        .epoch_sum = {.loss = 1.0 / 3, .samples = 11, .hits = 10, .tries = 11},
        .seconds = 1e-9,
        .epoch_seconds = 2.5,
    };
    sample->normalization = (struct normalization){true, 1, array_floats(1), array_floats(1)};
    sample->normalization.mean[0] = 0.3f;
    sample->normalization.std[0] = 0.7f;
    sample->content = (struct checkpoint_content){
        .network = network,
        .slots = &sample->momentum,
        .slot_count = 1,
        .progress = &sample->progress,
        .normalization = &sample->normalization,
        .class_names = class_names,
        .class_count = sizeof class_names / sizeof *class_names,
        .data_digest = 0x00123456789abcdeull + seed,
        .config_text = SAMPLE_CONFIG,
        .threads = 2,
    };
}

void sample_destroy(struct sample *sample)
{
    free(sample->momentum.values);
    normalization_destroy(&sample->normalization);
    network_destroy(&sample->network);
}

const char *sample_write(struct sample *sample, const char *folder, uint64_t step, bool best)
{
    static char path[1024];
    sample->progress.step = step;
    assert_done(checkpoint_write(folder, &sample->content, best, path));
    return path;
}

hid_t sample_edit(const char *path)
{
    h5_quiet();
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

void sample_edited(const char *path, hid_t file)
{
    assert_true(H5Fclose(file) >= 0);
    sample_seal(path);
}

void sample_seal(const char *path)
{
    size_t size;
    uint64_t step = 0;
    char *bytes = scratch_read(path, &size);
    if (seal_step(path, &step) || memcmp(bytes, "cnn-train dataset", 17))
        seal_write((unsigned char *)bytes, size, step);
    else
        seal_write_dataset((unsigned char *)bytes, size);
    scratch_write(path, bytes, size);
    free(bytes);
}

void sample_flip(const char *path, size_t offset)
{
    unsigned char byte = 0;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pread(fd, &byte, 1, (off_t)offset) == 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

size_t sample_find(const char *path, const void *bytes, size_t size)
{
    size_t length;
    char *file = scratch_read(path, &length), *at = memmem(file, length, bytes, size);
    assert_non_null(at);
    assert_null(memmem(at + 1, length - (size_t)(at + 1 - file), bytes, size));
    size_t offset = (size_t)(at - file);
    free(file);
    return offset;
}
