#include "core/layer_isa.h"

#include <stdio.h>
#include <stdlib.h>

enum status layer_choose_isa(const struct tile_kernel **kernel)
{
    char names[256] = "";
    size_t used = 0;
    *kernel = isa_choose();
    if (*kernel)
        return STATUS_OK;
    for (size_t i = 0; isa_kernel(i) && used < sizeof names; i++)
        used +=
            (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", isa_kernel(i)->name);
    return status_set(STATUS_USAGE, "CNN_ISA=%s: expected one of those that this processor has: %s",
                      getenv("CNN_ISA"), names);
}
