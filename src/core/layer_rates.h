#pragma once
/* How fast a layer learns: options that every layer with parameters has beside those of its type, one table
 * for all of them. plan gives each parameter its share of them. */
#include "core/layer.h"

/* The table; offsets are into struct layer_rates. */
extern const struct option layer_rates_options[];
extern const size_t layer_rates_option_count;

/* Gives the planned layer's parameters theirs. STATUS_USAGE: options were given to a layer that has none. */
enum status layer_rates_apply(struct layer *layer);

/* Whether the optimizer leaves every parameter of the layer alone from the first step on. */
bool layer_rates_frozen(const struct layer *layer);
