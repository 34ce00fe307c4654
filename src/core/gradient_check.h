#pragma once
/* The gradients that backward computes against central finite differences of the reference, which are in
 * double: so neither rounding nor a forward that is wrong in the same way hides a fault. */
#include "core/network.h"

/* Of one parameter array. */
struct gradient_check {
    const struct layer *layer;
    const struct parameter *parameter;
    size_t checks; /* single weights looked at, and one direction through all of them */
    double worst;  /* largest |difference| / largest of both and of a tenth of the array's mean gradient */
    double loss_error; /* |loss - reference's| / loss: the same for all arrays */
    bool passed;
};

enum { GRADIENT_CHECK_WEIGHTS = 8 }; /* per array */

/* Largest relative error that passes. */
#define GRADIENT_CHECK_TOLERANCE 1e-3

/* Random labels that fit the network's loss for n samples, into classes (n) or values (n, outputs), whichever
 * applies. */
void gradient_check_labels(const struct network *network, size_t n, uint64_t seed, int32_t *classes,
                           float *values);

/* Checks every parameter array of a bound network (with gradients, for at least n samples) on n random
 * samples, dropout on; calls `report` for each array as it is done. `gradients`: scratch (parameter_count).
 * `*passed`: all of them did; undefined after a failure, STATUS_INTERNAL for want of memory. */
enum status gradient_check_run(struct network *network, size_t n, uint64_t seed, float *gradients,
                               void (*report)(const struct gradient_check *check, void *user), void *user,
                               bool *passed);
