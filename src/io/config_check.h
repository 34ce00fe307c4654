#pragma once
/* What keys of [train] say together, which no row of the table can know. */
#include "io/config.h"

/* STATUS_USAGE: `key` is the one to point at. */
enum status config_check_train(const struct config *config, const char **key);
