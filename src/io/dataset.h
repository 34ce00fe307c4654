#pragma once
/* Datasets: HDF5 files with /train/images, /train/labels, /test/images, /test/labels.
 *
 *   images   (N, H, W, C) or (N, H, W) for one channel, uint8 or any float type
 *            attributes: layout = "NHWC" (assumed where missing)
 *                        mean and std (C), of pixel/255 over the training set
 *   labels   (N) integers: class indices; (N, K) integers 0 or 1; (N) or (N, K) floats
 *            attribute: class_names (K texts)
 *
 * Those that cnn-data writes have a seal in front (io/seal.h); one that does not match it is refused.
 *
 * What the network sees of uint8 images is (pixel/255 - mean)/std, with mean 0 and std 1 where the attributes
 * are missing. Float images are taken as they are unless they have the attributes: (value - mean)/std. */
#include "core/loss.h"
#include "core/shape.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { DATASET_CLASSES_MAX = 65536, DATASET_CHANNELS_MAX = 4096, DATASET_RUN_BYTES = 1 << 20 };

/* How pixels become what the network sees; kept in checkpoints, so that prediction cannot forget it. */
struct normalization {
    bool present; /* the file had mean and std */
    size_t channels;
    float *mean, *std; /* (channels); owned; 0 and 1 where not present */
};

struct dataset_split {
    bool borrowed; /* what is called "owned" below lies in a block of dataset_pack, but for the list of
                      class_names' pointers */
    char path[1024], name[16]; /* of the file; "train" or "test": for messages */
    size_t count;
    struct shape shape;
    bool is_float;
    void *images; /* uint8_t or float (count, h, w, c), owned; NULL: they stay in the file (io/stream.h) */

    size_t run; /* images that are read together from there, the last ones may be fewer: whole chunks
                   of the file, about DATASET_RUN_BYTES; also of images in memory */
    uint64_t *run_digests; /* (dataset_runs), owned: digest_bytes of each run's images, as memory would have
                              them; NULL where images are in memory */

    size_t outputs;     /* K of (N, K) labels, 1 + the highest class index or the number of class_names where
                           classes are given; 0: no labels */
    int32_t *classes;   /* (count), owned; NULL where labels are not class indices */
    float *values;      /* (count, outputs), owned; NULL where labels are class indices */
    bool binary;        /* all values are 0 or 1 */
    char **class_names; /* (outputs), owned; NULL: none in the file */
    struct normalization normalization;
    uint64_t digest; /* XXH3 over shapes, images, labels and normalization */
    bool sealed;     /* the file has a seal, and matches it (io/seal.h) */
};

/* Reads a split into memory. STATUS_DATA with file, dataset and index for: file missing, not HDF5, truncated,
 * no such dataset, wrong rank or type, counts that differ, no sample, labels out of range, values that are
 * not finite. `labels_needed` false: a file without labels will do. */
enum status dataset_read(struct dataset_split *split, const char *path, const char *name, bool labels_needed);
void dataset_destroy(struct dataset_split *split);

/* The same, but images that take more than `limit` bytes are left in the file: all of it is gone through
 * once, and checked, for the digests. STATUS_DATA as well where the file's chunks are so large that two runs
 * are more than the limit. */
enum status dataset_scan(struct dataset_split *split, const char *path, const char *name, bool labels_needed,
                         size_t limit);

/* Bytes that the split's images take in memory; 0 where the file or the split is not there, or cannot be
 * read, which dataset_scan tells. */
double dataset_images_bytes(const char *path, const char *name);

/* Room for more samples in arrays that hold `capacity` of them: twice as many, first `first`. STATUS_DATA
 * where so many are more than this machine's memory. */
enum status dataset_grow(struct dataset_split *split, size_t *capacity, size_t first);

/* Of one image, in memory. */
size_t dataset_image_bytes(const struct dataset_split *split);

/* How many runs there are, and how many images run number `run` has. */
size_t dataset_runs(const struct dataset_split *split);
size_t dataset_run_count(const struct dataset_split *split, size_t run);

/* Whether the file has images of that split. STATUS_DATA where it cannot be opened. */
enum status dataset_exists(const char *path, const char *name, bool *exists);

/* Whether the network may see one split after the other: STATUS_DATA where their images differ in shape or in
 * type. */
enum status dataset_splits_match(const struct dataset_split *train, const struct dataset_split *test);

/* Whether the split's labels are what a network with this loss and so many outputs is trained with.
 * STATUS_DATA, saying what would fit (a class index beyond the outputs, with the sample's index; K that
 * differs; classes for a linear output, ...). */
enum status dataset_fits(const struct dataset_split *split, enum loss_kind loss, size_t outputs);

/* What the network is fed with: x (n, h, w, c) from the samples indices[0..n-1], normalised; labels into
 * classes (n) or values (n, outputs), the one that the split has; each may be NULL. On the calling thread
 * alone. */
void dataset_gather(const struct dataset_split *split, const struct normalization *normalization,
                    const size_t *indices, size_t n, float *x, int32_t *classes, float *values);

/* Whether images can have that shape: nothing empty, no more channels than DATASET_CHANNELS_MAX, fewer than
 * 2^31 numbers. */
bool dataset_shape_possible(struct shape shape);

/* Bytes of `count` samples with `element` bytes per number; 0 where that is more than this machine's memory.
 */
size_t dataset_bytes(size_t count, struct shape shape, size_t element);

/* One that changes nothing; one like another. STATUS_INTERNAL for want of memory. */
enum status normalization_create(struct normalization *normalization, bool present, size_t channels);
enum status normalization_copy(struct normalization *to, const struct normalization *from);
void normalization_destroy(struct normalization *normalization);
