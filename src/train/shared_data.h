#pragma once
/* The data of a job, in memory once per host: its first rank reads the file, and the others see what it has
 * read. */
#include "dist/node.h"
#include "io/dataset.h"

struct data_source {
    const struct comm *comm;
    const struct node *node;
    const char *path;
    bool share; /* on hosts with several ranks; false: every rank reads a copy of its own. Set to false where
                   sharing turns out to be impossible */
    size_t limit; /* of dataset_scan; 0: none */
};

/* Collective over the job: the split `name` of the file, with labels, on every rank. `memory` holds it where
 * it is shared; it is to be read only. Where a host cannot share, one warning for the job says why, and its
 * ranks read copies of their own. `found` NULL: the split must be there; else it gets whether it is. A
 * failure on any rank is everybody's, and leaves nothing behind. */
enum status shared_data_read(struct data_source *source, const char *name, struct dataset_split *split,
                             struct node_memory *memory, bool *found);

/* Collective over the node. */
void shared_data_release(struct dataset_split *split, struct node_memory *memory);
