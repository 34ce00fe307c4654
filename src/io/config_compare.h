#pragma once
/* What differs between two configurations: a resumed run and the one that it goes on from, or two
 * checkpoints. Whether a run may go on with the difference is in the key table. */
#include "io/config.h"

struct config_difference {
    char name[2 * LAYER_NAME_MAX]; /* "train.lr"; "network.conv1" */
    enum option_change change;
    char was[OPTION_TEXT_MAX], is[OPTION_TEXT_MAX]; /* as a user would write it; of a layer that is not there:
                                                       "no layer" */
};

/* Called for each key, in the order of the table, and for the first line of [network] that differs by more
 * than its blanks. What it returns, if not OK, ends the comparison. */
typedef enum status config_differs(void *user, const struct config_difference *difference);

/* STATUS_OK, or what `differs` returned first. */
enum status config_compare(const struct config *was, const struct config *is, config_differs *differs,
                           void *user);
