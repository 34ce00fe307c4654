#include "core/kernels/pixels.h"

void pixels_pair(const struct bf16 *bf16, const struct pixels *p, const float *from, size_t channels,
                 float *to, size_t to_step)
{
    size_t count = p->images * p->rows * p->columns, column = 0, row = 0, image = 0;
    const float *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const float *at = from + image * p->image_step + row * p->row_step + column * p->column_step;
        if (i % 2 == 0)
            first = at;
        if (i % 2 || i + 1 == count) {
            bf16->lines(first, i % 2 ? at : NULL, channels, to);
            to += to_step;
        }
        if (++column == p->columns) {
            column = 0;
            if (++row == p->rows) {
                row = 0;
                image++;
            }
        }
    }
}
