#pragma once
/* Checkpoints: one HDF5 file holds all that a run needs to go on. The format is told in checkpoints/README.md.
 *
 *   /model/<layer>/<parameter>              float32, in PyTorch's layout
 *   /optimizer/<slot>/<layer>/<parameter>   float32, parallel to it
 *   /state          attributes: epoch, step, samples_seen, seed, shards, batch, best_metric, the running epoch's sums
 *   /data           attributes: mean, std, class_names, normalized, digest
 *   /config         the INI text in effect
 *   /provenance     attributes: version, commit, compiler, libraries, host, threads, date
 *   /digest         attributes, one per array, named by its path: XXH3 of its bytes
 *   root attributes format = "cnn-train checkpoint", format_version = 1, complete = 1 (written last) */
#include "core/network.h"
#include "io/dataset.h"

/* Where training stands; all of it goes into /state. */
struct progress {
    uint64_t step, samples_seen; /* optimizer steps taken, training samples used, since the first start */
    uint64_t epoch;              /* completed epochs */
    uint64_t seed, shards, batch;
    double best_metric;        /* of best.h5: test accuracy, or minus the test loss where there is none; nan: none yet */
    uint64_t best_step;        /* of the checkpoint that best.h5 points to */
    struct loss_sum epoch_sum; /* of the running epoch, up to here */
    double seconds;            /* trained so far, all starts together */
    double epoch_seconds;      /* of the running epoch, up to here */
};

/* One more set of arrays parallel to the parameters. */
struct checkpoint_slot {
    const char *name; /* "momentum" */
    float *values;    /* (network->parameter_count) */
};

struct checkpoint_content {
    const struct network *network; /* its layers name and shape the arrays; its parameters are written */
    const struct checkpoint_slot *slots;
    size_t slot_count;
    const struct progress *progress;
    const struct normalization *normalization;
    const char *const *class_names; /* (class_count); NULL: none */
    size_t class_count;
    uint64_t data_digest;
    const char *config_text;
    int threads;
};

/* Writes FOLDER/step-00000123.h5 under a temporary name, flushes, renames, flushes the folder, and points the link latest.h5 (and, where
 * `best`, best.h5) at it. `path` (at least 1024 bytes) gets the name. STATUS_CHECKPOINT: it could not; nothing but the temporary file was touched,
 * and that is removed. Local to the calling rank. */
enum status checkpoint_write(const char *folder, const struct checkpoint_content *content, bool best, char path[1024]);

/* Removes all but the newest `keep` checkpoints of the folder and the one that best.h5 points to; keep 0: none is removed. */
enum status checkpoint_prune(const char *folder, size_t keep);

/* The newest checkpoint of the folder that verifies; warns of each one passed over and why. STATUS_CHECKPOINT: there is none. */
enum status checkpoint_newest(const char *folder, char path[1024]);

/* True where the folder holds checkpoints or metrics of a run. */
bool checkpoint_folder_used(const char *folder);

/* STATUS_CHECKPOINT unless the file is a complete checkpoint whose arrays all match their digests. */
enum status checkpoint_verify(const char *path);

/* What a checkpoint says of itself, without the arrays. checkpoint_info_destroy frees. Verifies nothing but what it reads. */
struct checkpoint_info {
    struct progress progress;
    struct normalization normalization;
    char **class_names;
    size_t class_count;
    uint64_t data_digest;
    char *config_text;
};
enum status checkpoint_read_info(const char *path, struct checkpoint_info *info);
void checkpoint_info_destroy(struct checkpoint_info *info);

/* Fills the network's parameters from /model, which any file may have that is laid out so; needs no digests but checks those that are there.
 * STATUS_CHECKPOINT: an array missing, superfluous (with the nearest name), of another shape (layer and both shapes named), or not finite. */
enum status checkpoint_read_model(const char *path, struct network *network);

/* Fills the slots from /optimizer; the same checks. */
enum status checkpoint_read_slots(const char *path, const struct network *network, const struct checkpoint_slot *slots,
                                  size_t slot_count);
