/* Speed of single convolutions: ours, oneDNN's (where it was found), and those by im2col and OpenBLAS.
 *
 *     bench_conv [--threads N] [--repeats N] [--ours] [--direct] [--bf16] [--pass y|dx|dw] [--images N]
 *                [PART]
 *
 * PART: only shapes whose line begins so.
 *
 * GFLOP/s count two operations per multiply-add of the formula, padding included, the best of several runs,
 * in the thread's own time where there is one; behind ours its share of the peak, which a loop in registers
 * measures before every shape (the most so far). Shapes are those of the networks in configs/bench, with the
 * batches there unless --images says another number, and a grid. A batch that fits into the last cache stays
 * there from one repetition to the next. */
#include "core/arena.h"
#include "core/kernels/bf16.h"
#include "core/kernels/conv2d_bf16.h"
#include "core/kernels/conv2d_winograd.h"
#include "core/kernels/gemm.h"
#include "core/kernels/isa.h"
#include "core/kernels/peak.h"
#include "im2col.h"
#include "onednn.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct shape {
    const char *name;
    size_t c, oc, size, kernel, stride, pad;
} shapes[] = {
    {"lenet5", 1, 6, 28, 5, 1, 2},         {"lenet5", 6, 16, 14, 5, 1, 0},
    {"fashion-mnist", 1, 32, 28, 3, 1, 1}, {"fashion-mnist", 32, 64, 14, 3, 1, 1},
    {"vgg-small", 3, 32, 32, 3, 1, 1},     {"vgg-small", 32, 32, 32, 3, 1, 1},
    {"vgg-small", 32, 64, 16, 3, 1, 1},    {"vgg-small", 64, 64, 16, 3, 1, 1},
    {"vgg-small", 64, 128, 8, 3, 1, 1},    {"vgg-small", 128, 128, 8, 3, 1, 1},
    {"resnet20", 3, 16, 32, 3, 1, 1},      {"resnet20", 16, 16, 32, 3, 1, 1},
    {"resnet20", 16, 32, 32, 3, 2, 1},     {"resnet20", 16, 32, 32, 1, 2, 0},
    {"resnet20", 32, 32, 16, 3, 1, 1},     {"resnet20", 32, 64, 16, 3, 2, 1},
    {"resnet20", 32, 64, 16, 1, 2, 0},     {"resnet20", 64, 64, 8, 3, 1, 1},
    {"resnet18", 3, 64, 224, 7, 2, 3},     {"resnet18", 64, 64, 56, 3, 1, 1},
    {"resnet18", 64, 128, 56, 3, 2, 1},    {"resnet18", 64, 128, 56, 1, 2, 0},
    {"resnet18", 128, 128, 28, 3, 1, 1},   {"resnet18", 128, 256, 28, 3, 2, 1},
    {"resnet18", 128, 256, 28, 1, 2, 0},   {"resnet18", 256, 256, 14, 3, 1, 1},
    {"resnet18", 256, 512, 14, 3, 2, 1},   {"resnet18", 256, 512, 14, 1, 2, 0},
    {"resnet18", 512, 512, 7, 3, 1, 1},    {"resnet50", 64, 64, 56, 1, 1, 0},
    {"resnet50", 64, 256, 56, 1, 1, 0},    {"resnet50", 256, 64, 56, 1, 1, 0},
    {"resnet50", 256, 128, 56, 1, 1, 0},   {"resnet50", 128, 128, 56, 3, 2, 1},
    {"resnet50", 128, 512, 28, 1, 1, 0},   {"resnet50", 256, 512, 56, 1, 2, 0},
    {"resnet50", 512, 128, 28, 1, 1, 0},   {"resnet50", 512, 256, 28, 1, 1, 0},
    {"resnet50", 256, 256, 28, 3, 2, 1},   {"resnet50", 256, 1024, 14, 1, 1, 0},
    {"resnet50", 512, 1024, 28, 1, 2, 0},  {"resnet50", 1024, 256, 14, 1, 1, 0},
    {"resnet50", 1024, 512, 14, 1, 1, 0},  {"resnet50", 512, 512, 14, 3, 2, 1},
    {"resnet50", 512, 2048, 7, 1, 1, 0},   {"resnet50", 1024, 2048, 14, 1, 2, 0},
    {"resnet50", 2048, 512, 7, 1, 1, 0},   {"grid", 16, 16, 56, 3, 1, 1},
    {"grid", 16, 16, 28, 3, 1, 1},         {"grid", 16, 16, 14, 3, 1, 1},
    {"grid", 16, 16, 7, 3, 1, 1},          {"grid", 32, 32, 56, 3, 1, 1},
    {"grid", 32, 32, 28, 3, 1, 1},         {"grid", 32, 32, 14, 3, 1, 1},
    {"grid", 32, 32, 7, 3, 1, 1},          {"grid", 64, 64, 28, 3, 1, 1},
    {"grid", 64, 64, 14, 3, 1, 1},         {"grid", 64, 64, 7, 3, 1, 1},
    {"grid", 128, 128, 14, 3, 1, 1},       {"grid", 128, 128, 7, 3, 1, 1},
    {"grid", 256, 256, 7, 3, 1, 1},        {"grid", 256, 256, 14, 1, 1, 0},
    {"grid", 33, 33, 28, 3, 1, 1},         {"grid", 17, 17, 28, 3, 1, 1},
    {"grid", 30, 30, 17, 3, 1, 1},         {"grid", 3, 64, 56, 3, 1, 1},
    {"grid", 1, 64, 56, 3, 1, 1},
};

enum { SHAPES = sizeof shapes / sizeof *shapes, PASSES = 3, BATCH_MAX = 128 };

static const double RUN_FLOP = 3e9; /* of the grid's shapes, with BATCH_MAX images at most */

/* Images of a shape that needs so many operations for one. */
static size_t batch(const struct shape *s, double image)
{
    if (!strcmp(s->name, "resnet50"))
        return 8;
    if (!strcmp(s->name, "resnet18"))
        return 16;
    if (!strcmp(s->name, "grid") && image * BATCH_MAX > RUN_FLOP)
        return image > RUN_FLOP ? 1 : (size_t)(RUN_FLOP / image);
    return BATCH_MAX;
}

/* One thread's own time, which neighbours disturb less; of several the wall clock's. */
static clockid_t clock_used = CLOCK_THREAD_CPUTIME_ID;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(clock_used, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In an arena, as in training: memory in large pages. */
static float *floats(struct arena *arena, size_t count)
{
    float *memory = arena_alloc(arena, count * sizeof *memory);
    for (size_t i = 0; memory && i < count; i++)
        memory[i] = (float)(i % 17) * 1e-3f;
    return memory;
}

struct work {
    struct conv2d g;
    size_t n;
    int threads;
    float *x, *y, *dx, *dy, *weight, *dweight, *bias, *dbias;
    void *workspace;
    struct onednn *onednn;
    struct arena arena;
};

static void our_pass(struct work *w, int pass)
{
    if (pass == 0)
        conv2d_forward(&w->g, w->n, w->x, w->weight, &(struct conv2d_epilogue){.bias = w->bias}, w->y,
                       w->workspace, w->threads);
    else if (pass == 1)
        conv2d_backward_input(&w->g, w->n, w->dy, w->weight, NULL, w->dx, w->workspace, w->threads);
    else
        conv2d_backward_weight(&w->g, w->n, w->x, w->dy, w->dweight, w->dbias, w->workspace, w->threads);
}

static void im2col_pass(struct work *w, int pass)
{
    if (pass == 0)
        im2col_forward(&w->g, w->n, w->x, w->weight, w->bias, w->y, w->workspace, w->threads);
    else if (pass == 1)
        im2col_backward_input(&w->g, w->n, w->dy, w->weight, w->dx, w->workspace, w->threads);
    else
        im2col_backward_weight(&w->g, w->n, w->x, w->dy, w->dweight, w->dbias, w->workspace, w->threads);
}

static void onednn_pass(struct work *w, int pass)
{
    (void)pass;
    onednn_run(w->onednn);
}

static double best_seconds(struct work *w, void (*run)(struct work *w, int pass), int pass, int repeats)
{
    double best = 0;
    run(w, pass);
    for (int r = 0; r < repeats; r++) {
        double start = seconds();
        run(w, pass);
        double time = seconds() - start;
        best = r == 0 || time < best ? time : best;
    }
    return best;
}

static void work_floats(struct work *w)
{
    const struct conv2d *g = &w->g;
    size_t in = w->n * g->h.in * g->w.in * g->c, out = w->n * g->h.out * g->w.out * g->oc,
           weights = g->c * g->oc * g->h.kernel * g->w.kernel, ours = conv2d_workspace(g, w->n, w->threads),
           theirs = im2col_workspace(g, w->n, w->threads);
    w->x = floats(&w->arena, in);
    w->dx = floats(&w->arena, in);
    w->y = floats(&w->arena, out);
    w->dy = floats(&w->arena, out);
    w->weight = floats(&w->arena, weights);
    w->dweight = floats(&w->arena, weights);
    w->bias = floats(&w->arena, g->oc);
    w->dbias = floats(&w->arena, g->oc);
    w->workspace = floats(&w->arena, (ours > theirs ? ours : theirs) / sizeof(float));
}

static struct work work_create(const struct shape *s, const struct tile_kernel *kernel, int threads,
                               bool winograd, bool bf16, size_t images, double *flop)
{
    struct work w = {.threads = threads};
    struct window window = {.in = s->size,
                            .kernel = s->kernel,
                            .stride = s->stride,
                            .dilation = 1,
                            .pad = s->pad,
                            .pad_end = s->pad};
    window_plan(&window, false);
    w.g = (struct conv2d){.h = window, .w = window, .c = s->c, .oc = s->oc, .groups = 1, .kernel = kernel};
    w.g.winograd = winograd && conv2d_winograd_fits(&w.g);
    w.g.bf16 = bf16 && conv2d_bf16_can(&w.g) ? bf16_kernel() : NULL;
    size_t weights = s->c * s->oc * s->kernel * s->kernel, out = window.out * window.out;
    double image = 2 * (double)(weights * out);
    w.n = images ? images : batch(s, image);
    *flop = image * (double)w.n;
    w.arena = arena_counter();
    work_floats(&w);
    size_t bytes = w.arena.used;
    if (arena_create(&w.arena, bytes, "a convolution")) {
        fprintf(stderr, "error: %s\n", status_message());
        exit(1);
    }
    work_floats(&w);
    return w;
}

static void measure_onednn(struct work *w, double flop, int repeats, int only)
{
    for (int pass = 0; pass < PASSES; pass++) {
        bool wanted = only < 0 || pass == only;
        w->onednn = wanted ? onednn_create(&w->g, w->n, (enum onednn_pass)pass) : NULL;
        if (w->onednn)
            printf(" %6.1f", flop / best_seconds(w, onednn_pass, pass, repeats) / 1e9);
        else
            printf(" %6s", "-");
        onednn_destroy(w->onednn);
    }
}

static int pass_number(const char *name)
{
    static const char *const names[PASSES] = {"y", "dx", "dw"};
    for (int pass = 0; pass < PASSES; pass++)
        if (!strcmp(name, names[pass]))
            return pass;
    return PASSES;
}

int main(int argc, char **argv)
{
    int threads = 1, repeats = 5, only = -1, images = 0;
    bool ours_only = false, winograd = true, bf16 = false;
    const char *part = "";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            threads = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--repeats") && i + 1 < argc)
            repeats = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--ours"))
            ours_only = true;
        else if (!strcmp(argv[i], "--images") && i + 1 < argc)
            images = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--pass") && i + 1 < argc)
            only = pass_number(argv[++i]);
        else if (!strcmp(argv[i], "--bf16"))
            bf16 = true;
        else if (!strcmp(argv[i], "--direct"))
            winograd = false;
        else
            part = argv[i];
    }
    const struct tile_kernel *kernel = isa_choose();
    if (!kernel || threads < 1 || repeats < 1 || only == PASSES || images < 0) {
        fprintf(stderr,
                "usage: bench_conv [--threads N] [--repeats N] [--ours] [--direct] [--bf16] [--pass y|dx|dw] "
                "[--images N] [PART]\n");
        return 2;
    }
    omp_set_num_threads(threads);
    if (threads > 1)
        clock_used = CLOCK_MONOTONIC;
    gemm_prepare();
    double peak = 0;
    printf("%s, %d thread%s, GFLOP/s best of %d; y: forward, dx: input gradient, dw: weight gradient\n\n",
           kernel->name, threads, threads > 1 ? "s" : "", repeats);
    printf("%-42s %6s  %6s %4s %6s %4s %6s %4s  %20s  %20s\n", "", "peak", "y", "%", "dx", "%", "dw", "%",
           "oneDNN y     dx     dw", "im2col y     dx     dw");
    for (size_t i = 0; i < SHAPES; i++) {
        const struct shape *s = &shapes[i];
        char line[128];
        double flop, now = peak_measure(kernel, threads, seconds) / 1e9;
        peak = now > peak ? now : peak;
        snprintf(line, sizeof line, "%s %zu -> %zu %zux%zu/%zu at %zu", s->name, s->c, s->oc, s->kernel,
                 s->kernel, s->stride, s->size);
        if (strncmp(line, part, strlen(part)))
            continue;
        struct work w = work_create(s, kernel, threads, winograd, bf16, (size_t)images, &flop);
        printf("%-36s x%-4zu %6.1f ", line, w.n, peak);
        for (int pass = 0; pass < PASSES; pass++) {
            if (only >= 0 && pass != only) {
                printf(" %6s %4s", "-", "");
                continue;
            }
            double rate = flop / best_seconds(&w, our_pass, pass, repeats) / 1e9;
            printf(" %6.1f %3.0f%%", rate, 100 * rate / peak);
        }
        printf(" ");
        if (!ours_only) {
            measure_onednn(&w, flop, repeats, only);
            printf(" ");
            for (int pass = only < 0 ? 0 : only; pass < (only < 0 ? PASSES : only + 1); pass++)
                printf(" %6.1f", flop / best_seconds(&w, im2col_pass, pass, repeats) / 1e9);
        }
        printf("\n");
        fflush(stdout);
        arena_destroy(&w.arena);
    }
    return 0;
}
