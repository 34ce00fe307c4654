#include "core/shape.h"

#include <stdio.h>

char *shape_text(char out[64], struct shape s)
{
    if (shape_is_flat(s))
        snprintf(out, 64, "%zu", s.c);
    else
        snprintf(out, 64, "%zux%zux%zu", s.h, s.w, s.c);
    return out;
}
