#pragma once
/* Checkpoints: one HDF5 file holds all that a run needs to go on. checkpoints/README.md tells the format.
 *
 *   the first 512 bytes    the seal: what the file is, its step, length and digest (io/seal.h)
 *   /model/<layer>/<parameter>              float32, in PyTorch's layout
 *   /optimizer/<slot>/<layer>/<parameter>   float32, parallel to it
 *   /state         attributes: what struct progress has
 *   /data          attributes: mean, std, class_names, normalized, digest
 *   /config        the INI text in effect, one string
 *   /provenance    attributes: version, commit, compiler, libraries, MPI, hosts, ranks, threads, date
 *   /digest        attributes: XXH3 of each array, named by its path, of /config and of /state
 *   the root's attributes    format = "cnn-train checkpoint", format_version = 1, complete = 1 (written last)
 *
 * A file with a seal that it does not match is refused by every function here before HDF5 sees it. */
#include "core/network.h"
#include "io/claim.h"
#include "io/dataset.h"

/* Where training stands; all of it goes into /state. */
struct progress {
    uint64_t step, samples_seen; /* optimizer steps taken, training samples used, since the first start */
    uint64_t epoch;              /* completed epochs */
    uint64_t seed, shards, batch;
    double best_metric;        /* test accuracy, or minus the test loss where there is none; nan: none yet */
    uint64_t best_step;        /* of the checkpoint that best.h5 points to */
    struct loss_sum epoch_sum; /* of the running epoch, up to here */
    double seconds;            /* trained so far, all starts together */
    double epoch_seconds;      /* of the running epoch, up to here */
};

/* One more set of arrays parallel to the parameters, and perhaps to the buffers. */
struct checkpoint_slot {
    const char *name; /* "momentum" */
    float *values;    /* (network->parameter_count) */
    float *buffers;   /* (network->buffer_count); NULL: it has none */
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
    const char *changes; /* what the run was let change, a line each; NULL: nothing */
    int threads, ranks;  /* threads of the rank that writes */
    const char *mpi;     /* the library, by its own words; NULL: unknown */
    const char *hosts;   /* of all ranks: "n01 x 4, n02 x 4"; NULL: unknown */
    struct claim *claim; /* on the folder: checked before the file is renamed and before the links are turned;
                            NULL: nobody else writes there */
};

/* Writes FOLDER/step-00000123.h5 under a temporary name, flushes, renames, flushes the folder, and points the
 * link latest.h5 (and, where `best`, best.h5) at it; a link that cannot be made is warned of. `path` (at
 * least 1024 bytes) gets the name. STATUS_CHECKPOINT: it could not; nothing but the temporary file was
 * touched, and that is removed. Only where the last step failed, flushing the folder, the file is in place
 * already, and the links are as they were. Removes what killed runs left in the folder of files that they
 * were writing. Takes as much memory as the file has bytes while it works. Local to the calling rank. */
enum status checkpoint_write(const char *folder, const struct checkpoint_content *content, bool best,
                             char path[1024]);

/* Removes all but the newest `keep` checkpoints of the folder up to `step`, which is where the run stands,
 * and the one that best.h5 points to; never one of that step; keep 0: none is removed. Those that nothing can
 * be told of, and those beyond `step`, are left, and do not count. */
enum status checkpoint_prune(const char *folder, size_t keep, uint64_t step);

/* For a run that goes on from an older checkpoint: removes those beyond `step`. Links to one of them: best.h5
 * goes, latest.h5 points to the checkpoint of `step`, and goes where that lies in another folder. */
enum status checkpoint_remove_after(const char *folder, uint64_t step);

/* True, with its path, where the folder has a checkpoint beyond `step` that verifies: the newest of them. */
bool checkpoint_newer(const char *folder, uint64_t step, char path[1024]);

/* The newest checkpoint of the folder that verifies, by the step that its content says; warns of each one
 * passed over and why. STATUS_CHECKPOINT: there is none. */
enum status checkpoint_newest(const char *folder, char path[1024]);

/* Whether the folder holds a run: checkpoints, sound or not, or a metrics.csv that has more than its line of
 * names, which alone is what a run leaves that was stopped in its first epoch. A folder that is missing is
 * not used. STATUS_CHECKPOINT: it cannot be told. */
enum status checkpoint_folder_used(const char *folder, bool *used);

/* Removes every checkpoint and link of the folder, and its metrics.csv; other files stay. */
enum status checkpoint_remove_all(const char *folder);

/* STATUS_CHECKPOINT unless the file is a complete checkpoint that matches its seal and all its digests, with
 * arrays of finite numbers. */
enum status checkpoint_verify(const char *path);

/* What a checkpoint says of itself, without the arrays. checkpoint_info_destroy frees. Verifies the
 * seal and what it reads; on failure the info is empty. */
struct checkpoint_info {
    struct progress progress;
    struct normalization normalization;
    char **class_names;
    size_t class_count;
    uint64_t data_digest;
    char *config_text, *changes; /* changes: "" where there were none */
};
enum status checkpoint_read_info(const char *path, struct checkpoint_info *info);
void checkpoint_info_destroy(struct checkpoint_info *info);

/* /provenance, as texts. */
struct checkpoint_fact {
    char *name, *value;
};
struct checkpoint_provenance {
    struct checkpoint_fact *facts; /* by name */
    size_t count;
};
enum status checkpoint_read_provenance(const char *path, struct checkpoint_provenance *provenance);
void checkpoint_provenance_destroy(struct checkpoint_provenance *provenance);

/* The value of that name; "unknown" where there is none. */
const char *checkpoint_fact(const struct checkpoint_provenance *provenance, const char *name);

/* Fills the network's parameters from /model, which any HDF5 file may have that is laid out so: it needs
 * neither seal nor digests, but checks those that are there. STATUS_CHECKPOINT, with the parameters
 * unchanged: an array missing, superfluous (with the nearest name), of another shape (layer and both shapes
 * named) or type, or not finite. */
enum status checkpoint_read_model(const char *path, struct network *network);

/* Fills the slots from /optimizer; the same checks. A slot of the file that is not among them is
 * superfluous. */
enum status checkpoint_read_slots(const char *path, const struct network *network,
                                  const struct checkpoint_slot *slots, size_t slot_count);
