#pragma once
/* Initial weights that hang on the training images: those of convolutions with init=whiten. */
#include "train/job.h"

/* Collective, after network_init: gives such layers their weights, the same on all ranks; rank 0 computes
 * them from the first images, normalised and otherwise as they are. Nothing where no layer wants it. The job
 * is bound and has data. STATUS_INTERNAL for want of memory, STATUS_DATA for images that cannot be read; on
 * all ranks. */
enum status whiten_network(struct job *job);
