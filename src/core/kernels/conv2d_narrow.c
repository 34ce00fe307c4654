#include "core/kernels/conv2d_narrow.h"

#include "core/kernels/axis.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

struct narrow {
    const struct conv2d *g;
    size_t n;
    const float *dy, *relu_output;
    float *dx;
    size_t columns, width; /* kw * c, and what a tile computes for them */
    size_t phases;         /* pixels of a row that give to the same inputs */
    size_t images;         /* of a task, together in its tiles */
    size_t bands, band_rows;
    size_t row_floats; /* of a row of dx, with the padding that is left out later */
    struct axis_class *rows;
    size_t row_classes;
    float *packed;         /* (kernel rows turned around, oc, width) */
    float *sums;           /* (thread, images, row_floats) */
    struct tile_run *runs; /* (thread, kernel rows) */
};

bool conv2d_narrow_fits(const struct conv2d *g)
{
    size_t columns = g->c * g->w.kernel;
    if (g->groups > 1 || g->w.dilation > 1 || columns > 2 * g->kernel->vector)
        return false;
    /* a quarter fuller at least */
    return 4 * columns * tile_width(g->kernel, g->c) > 5 * g->c * tile_width(g->kernel, columns);
}

static struct narrow narrow_init(const struct conv2d *g, size_t n, int threads, void *workspace,
                                 size_t *bytes)
{
    struct narrow p = {.g = g, .columns = g->c * g->w.kernel};
    p.width = tile_width(g->kernel, p.columns);
    p.phases = size_divide_up(g->w.kernel, g->w.stride);
    size_t most = size_max(1, g->kernel->rows / size_divide_up(g->w.out, p.phases));
    p.images = size_min(most, n);
    size_t tasks = size_divide_up(n, p.images), wanted = parallel_enough(threads);
    p.bands = tasks < wanted ? size_min(size_divide_up(wanted, tasks), g->h.in) : 1;
    p.band_rows = size_divide_up(g->h.in, p.bands);
    p.row_floats = size_max((g->w.in + g->w.pad) * g->c, (g->w.out - 1) * g->w.stride * g->c + p.columns);
    struct workspace w = {.memory = workspace};
    p.rows = workspace_take(&w, g->h.in * sizeof *p.rows);
    p.packed = workspace_take(&w, g->h.kernel * g->oc * p.width * sizeof *p.packed);
    p.sums = workspace_take(&w, (size_t)threads * most * p.row_floats * sizeof *p.sums);
    p.runs = workspace_take(&w, (size_t)threads * g->h.kernel * sizeof *p.runs);
    *bytes = w.used;
    return p;
}

size_t conv2d_narrow_workspace(const struct conv2d *g, size_t n, int threads)
{
    size_t bytes;
    narrow_init(g, n, threads, NULL, &bytes);
    return bytes;
}

/* weight (oc, c, kh, kw) */
static void pack(const struct narrow *p, const float *weight)
{
    const struct conv2d *g = p->g;
    size_t kh = g->h.kernel, kw = g->w.kernel;
    memset(p->packed, 0, kh * g->oc * p->width * sizeof *p->packed);
    for (size_t o = 0; o < g->oc; o++)
        for (size_t i = 0; i < g->c; i++)
            for (size_t ky = 0; ky < kh; ky++)
                for (size_t kx = 0; kx < kw; kx++)
                    p->packed[((kh - 1 - ky) * g->oc + o) * p->width + kx * g->c + i] = *weight++;
}

/* Adds what output row `y` and those that follow in the runs give to one row of dx in each of the images. dy:
 * the first image. */
static void row_add(const struct narrow *p, const struct tile_product *product, size_t images, size_t y,
                    const float *dy, float *sums)
{
    const struct conv2d *g = p->g;
    for (size_t phase = 0; phase < size_min(p->phases, g->w.out); phase++) {
        size_t in_row = size_divide_up(g->w.out - phase, p->phases), pixels = images * in_row;
        size_t tiles = size_divide_up(pixels, g->kernel->rows);
        for (size_t tile = 0; tile < tiles; tile++) {
            const float *a[TILE_ROWS_MAX];
            float *c[TILE_ROWS_MAX];
            size_t first = size_cut(pixels, tiles, tile), count = size_cut(pixels, tiles, tile + 1) - first;
            for (size_t m = 0; m < count; m++) {
                size_t image = (first + m) / in_row, x = phase + (first + m) % in_row * p->phases;
                a[m] = dy + ((image * g->h.out + y) * g->w.out + x) * g->oc;
                c[m] = sums + image * p->row_floats + x * g->w.stride * g->c;
            }
            g->kernel->product(product, count, p->columns, a, p->packed, c);
        }
    }
}

static void row_store(size_t count, const float *restrict sum, const float *restrict relu_output,
                      float *restrict dx)
{
    if (!relu_output)
        memcpy(dx, sum, count * sizeof *dx);
    else
        for (size_t i = 0; i < count; i++)
            dx[i] = relu_output[i] <= 0 ? 0 : sum[i];
}

/* Rows of a class in some images; dy and dx are the first image's. */
static void class_compute(const struct narrow *p, const struct axis_class *class, size_t images,
                          const float *dy, const float *relu_output, float *dx, size_t thread)
{
    const struct conv2d *g = p->g;
    size_t line = g->w.in * g->c;
    float *sums = p->sums + thread * p->images * p->row_floats;
    struct tile_run *runs = p->runs + thread * g->h.kernel;
    for (size_t t = 0; t < class->taps; t++)
        runs[t] = (struct tile_run){t * class->source_tap * g->w.out * g->oc,
                                    (class->tap + t * class->tap_step) * g->oc * p->width, g->oc};
    struct tile_product product = {
        .runs = runs, .run_count = class->taps, .a_step = 1, .b_step = p->width, .accumulate = true};
    for (size_t k = 0; k < class->count; k++) {
        memset(sums, 0, images * p->row_floats * sizeof *sums);
        if (class->taps)
            row_add(p, &product, images, class->source + k * class->source_step, dy, sums);
        for (size_t image = 0; image < images; image++) {
            size_t at = (image * g->h.in + class->first + k * class->step) * line;
            row_store(line, sums + image * p->row_floats + g->w.pad * g->c,
                      relu_output ? relu_output + at : NULL, dx + at);
        }
    }
}

static void task_run(const void *work, size_t task, size_t thread)
{
    const struct narrow *p = work;
    const struct conv2d *g = p->g;
    size_t image = task / p->bands * p->images, first_row = task % p->bands * p->band_rows;
    size_t at = image * g->h.in * g->w.in * g->c;
    for (size_t i = 0; i < p->row_classes; i++) {
        struct axis_class class = axis_clip(&p->rows[i], first_row, first_row + p->band_rows);
        class_compute(p, &class, size_min(p->images, p->n - image),
                      p->dy + image * g->h.out * g->w.out * g->oc,
                      p->relu_output ? p->relu_output + at : NULL, p->dx + at, thread);
    }
}

void conv2d_narrow_backward_input(const struct conv2d *g, size_t n, const float *dy, const float *weight,
                                  const float *relu_output, float *dx, void *workspace, int threads)
{
    size_t bytes;
    struct narrow p = narrow_init(g, n, threads, workspace, &bytes);
    p.n = n;
    p.dy = dy;
    p.relu_output = relu_output;
    p.dx = dx;
    p.row_classes = axis_backward(&g->h, p.rows);
    pack(&p, weight);
    parallel_for(size_divide_up(n, p.images) * p.bands, threads, task_run, &p);
}
