#pragma once
/* The network over a whole split, without dropout, each sample once. */
#include "core/network.h"
#include "dist/comm.h"
#include "io/tta.h"
#include "train/reader.h"

/* What is evaluated: borrowed. */
struct evaluation_data {
    const struct dataset_split *split;
    const struct normalization *normalization;
    enum tta tta;          /* has passed tta_check */
    struct stream *stream; /* where the split's images are; NULL: in memory */
};

/* Collective. The data in batches of the network's size, dealt out to the ranks; the sums are the same on
 * all of them, and have the same bits for any number, and for any number of threads. Loss and hits over the
 * split, whose labels fit the network. `confusion`: (outputs, outputs) counts, row = the true class, column =
 * the one that the network takes; NULL: not wanted. `probabilities`: (count, outputs), what the network
 * gives, on a job of one rank; NULL: not wanted. A split without labels gives probabilities only, one whose
 * labels are no classes leaves `confusion` alone. STATUS_DATA: the normalization is for another number of
 * channels; images that are streamed cannot be read. */
enum status evaluation_run(struct network *network, const struct comm *comm,
                           const struct evaluation_data *data, struct loss_sum *sum, uint64_t *confusion,
                           float *probabilities);

/* The same for an evaluation in the middle of training, with the network of the reader, which is ready for
 * images that are streamed (reader_stage). `stop_asked`, on
 * every rank, tells whether it was asked to stop; the ranks compare between batches, at every
 * EVALUATION_VOTE-th of each, and where one was, all end without a result and with `stopped` set. */
enum { EVALUATION_VOTE = 2 };
enum status evaluation_run_until(struct reader *reader, const struct comm *comm,
                                 const struct evaluation_data *data, bool (*stop_asked)(void *user),
                                 void *user, bool *stopped, struct loss_sum *sum);

/* Prints a confusion matrix as a table, with recall and precision of every class; names may be NULL. Up to 40
 * classes as a matrix, more as a list of the pairs most often confused. */
void evaluation_print_confusion(const uint64_t *confusion, size_t classes, char *const *names);
