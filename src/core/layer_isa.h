#pragma once
/* For layers whose products are of core/kernels/tile.h: which of its kernels they use. */
#include "core/kernels/isa.h"
#include "core/status.h"

/* The fastest that this processor has, or the one that the environment variable CNN_ISA names; STATUS_USAGE
 * where that names none. */
enum status layer_choose_isa(const struct tile_kernel **kernel);
