#pragma once
/* Shape of one sample inside the network: height, width, channels, stored in this order (NHWC without the N).
 * Features without a place in space, as `flatten` and `dense` give them, are 1 x 1 x count. */
#include <stdbool.h>
#include <stddef.h>

struct shape {
    size_t h, w, c;
};

static inline size_t shape_count(struct shape s)
{
    return s.h * s.w * s.c;
}

static inline bool shape_is_flat(struct shape s)
{
    return s.h == 1 && s.w == 1;
}

static inline bool shape_equal(struct shape a, struct shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

/* "28x28x1", or "128" where it is flat; writes into `out` and returns it. */
char *shape_text(char out[64], struct shape s);
