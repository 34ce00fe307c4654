#pragma once
/* The network's forward in double, layer by layer from the formulas: slow, and right. */
#include "core/network.h"

struct reference {
    const struct network *network; /* borrowed */
    size_t n;
    double *parameters; /* (parameter_count): the network's, as doubles; the caller may change them */
    double *x;          /* (n, h, w, c): the caller fills it */
    double **y;         /* one per layer, (n, out); the list is owned */
    double *memory;     /* owned: all of the above but for that list */
};

/* Takes memory for n samples and copies the network's parameters. reference_destroy frees. */
enum status reference_create(struct reference *reference, const struct network *network, size_t n);
void reference_destroy(struct reference *reference);

/* The layers from `first` on, with what the ones before gave last time. */
void reference_forward(struct reference *reference, const struct pass *pass, size_t first);

/* After forward: the mean of the n samples' losses. */
double reference_loss(const struct reference *reference, struct labels labels);
