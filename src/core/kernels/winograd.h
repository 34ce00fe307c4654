#pragma once
/* Convolutions with a 3x3 kernel and stride 1 in fewer multiplications (Winograd 1980; Lavin and Gray 2015,
 * arXiv 1509.09308): of a tile of 6x6 inputs d and the kernel g, 4x4 outputs
 *
 *   y = At [(G g Gt) . (Bt d B)] A           . : position by position, 36 of them
 *
 * take 36 multiplications in place of 144. Summed over input channels, each position is a matrix product of
 * tiles x channels. The gradient of the kernel, from those of the outputs, is dg = Gt [(A dy At) . (Bt d B)]
 * G.
 *
 * The polynomials are interpolated at 0, p, -p, q, -q and infinity, with p = sqrt(1/2) and q = sqrt(2), where
 * rounding errors are a third of those at the customary 0, 1, -1, 2, -2:
 *
 *        1    0 -5/2    0  1  0           1      0    0
 *        0   -q   -2    p  1  0        -2/3 -2p/3 -1/3          1  1  1  1  1  0
 *   Bt = 0    q   -2   -p  1  0    G = -2/3  2p/3 -1/3     At = 0  p -p  q -q  0
 *        0   -p -1/2    q  1  0         1/6   q/6  1/3          0 1/2 1/2 2  2  0
 *        0    p -1/2   -q  1  0         1/6  -q/6  1/3          0 p/2 -p/2 2q -2q 1
 *        0    1    0 -5/2  0  1           0      0    1
 *
 * Each function here goes over `channels` channels, which lie together; position k = 6i + j of tiles and
 * kernels is `step` floats behind position k - 1. Of positions, whole registers are read and written. */
#include <stddef.h>

enum { WINOGRAD_OUT = 4, WINOGRAD_IN = 6, WINOGRAD_POSITIONS = 36, WINOGRAD_PIXELS = 16, WINOGRAD_TAPS = 9 };

/* What is done to outputs; as in struct tile_product. */
struct winograd_epilogue {
    const float *bias; /* whole registers; or NULL */
    int relu;
    const float *relu_output, *origin;
};

struct winograd {
    /* Bt d B of 6x6 pixels. */
    void (*input)(size_t channels, const float *const *pixel, float *to, size_t step);
    /* At m A to 4x4 pixels; NULL: not wanted. */
    void (*output)(const struct winograd_epilogue *epilogue, size_t channels, const float *from, size_t step,
                   float *const *pixel);
    /* A dy At of 4x4 pixels; `sum`, where not NULL: whole registers that the pixels are added to. */
    void (*gradient)(size_t channels, const float *const *pixel, float *to, size_t step, float *sum);
    /* G g Gt of 3x3 taps, each `taps_step` floats behind the one before; whole registers. */
    void (*weight)(size_t channels, const float *taps, size_t taps_step, float *to, size_t step);
    /* Gt u G to 3x3 taps. */
    void (*weight_gradient)(size_t channels, const float *from, size_t step, float *taps, size_t taps_step);
};
