#include "io/tta.h"

#include "io/augment.h"

static const struct tta_view none[] = {{false, 0, 0, 1}};
static const struct tta_view flip[] = {{false, 0, 0, 0.5f}, {true, 0, 0, 0.5f}};
/* An image that is moved and then mirrored is the mirrored one moved the other way. */
static const struct tta_view flip_shift[] = {{false, 0, 0, 0.25f},    {true, 0, 0, 0.25f},
                                             {false, 1, 1, 0.125f},   {true, 1, -1, 0.125f},
                                             {false, -1, -1, 0.125f}, {true, -1, 1, 0.125f}};

static const struct {
    const struct tta_view *views;
    size_t count;
} kinds[] = {[TTA_NONE] = {none, sizeof none / sizeof *none},
             [TTA_FLIP] = {flip, sizeof flip / sizeof *flip},
             [TTA_FLIP_SHIFT] = {flip_shift, sizeof flip_shift / sizeof *flip_shift}};

const struct tta_view *tta_views(enum tta tta, size_t *count)
{
    *count = kinds[tta].count;
    return kinds[tta].views;
}

enum status tta_check(enum tta tta, struct shape shape)
{
    if (tta == TTA_FLIP_SHIFT && (shape.h < 2 || shape.w < 2))
        return status_set(STATUS_USAGE,
                          "evaluate.tta = flip,shift: images are %zux%zu, and it moves them by a pixel",
                          shape.h, shape.w);
    return STATUS_OK;
}

void tta_show(const struct tta_view *view, const float *x, size_t n, struct shape shape, float *y,
              int threads)
{
    size_t item = shape_count(shape);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t i = 0; i < n; i++)
        augment_view(x + i * item, shape, view->mirrored, view->dy, view->dx, y + i * item);
}
