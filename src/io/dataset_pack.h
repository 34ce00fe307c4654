#pragma once
/* A split as one block of bytes without addresses in it, which can be moved, or lie in memory that several
 * processes of the same program see at different addresses. */
#include "io/dataset.h"

enum { DATASET_PACK_ALIGNMENT = 64 }; /* of blocks, and of images and labels in them */

/* Bytes that dataset_pack needs. */
size_t dataset_packed_size(const struct dataset_split *split);

/* Fills `block`, dataset_packed_size bytes at an address that is a multiple of DATASET_PACK_ALIGNMENT. */
void dataset_pack(const struct dataset_split *split, void *block);

/* The split that was packed into `block`, which must stay as long as the view: its arrays lie there
 * (`borrowed`), to be read only. dataset_destroy ends the view. STATUS_INTERNAL for want of memory for a list
 * of class names; the view is then empty. */
enum status dataset_view(struct dataset_split *view, const void *block);
