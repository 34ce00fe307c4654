#pragma once
/* Why a step was not finite: found by doing it once more, which gives the same numbers, and looking where
 * they leave the finite ones. For after the fact: a step that goes well pays nothing for it. */
#include "train/step.h"

enum { FAULT_SAMPLES_MAX = 8, FAULT_TEXT_MAX = 768 };

struct fault {
    bool gradient;              /* all outputs and losses were finite, a gradient was not */
    char layer[LAYER_NAME_MAX]; /* first whose output, or last whose gradient is not; "": none */
    int rank;                   /* that met it; -1: none did alone, the sum over shards overflowed */
    char host[COMM_HOST_MAX];   /* of that rank */
    size_t shard;
    size_t sample_count;               /* samples that are known to do it; 0: none alone */
    size_t samples[FAULT_SAMPLES_MAX]; /* the first of them, as positions in the batch */
};

/* Collective, after step_take was not finite with the same arguments, and before anything else is done with
 * the step. The lowest shard that is not finite is told of, on all ranks alike. Each shard is looked at
 * alone, also where layers have statistics of the whole batch, with which one bad sample spoils all the
 * others. */
struct fault fault_find(struct step *step, const struct comm *comm, uint64_t number, size_t batch,
                        step_source *source, void *user);

/* "first in the output of layer `conv1`: rank 3 on HOST, shard 3, samples 17, 54"; `batch`: the samples of
 * the batch by their index in the dataset. Returns `out`. */
const char *fault_text(char out[FAULT_TEXT_MAX], const struct fault *fault, const size_t *batch);
