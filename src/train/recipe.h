#pragma once
/* What [train] says, as the structures of core. */
#include "core/optimizer.h"
#include "train/job.h"

struct optimizer_settings recipe_optimizer(const struct job *job);
