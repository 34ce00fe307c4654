#include "core/kernels/batchnorm.h"

#include "core/kernels/channel.h"
#include "core/kernels/cut.h"
#include "core/kernels/parallel.h"

#include <string.h>

enum {
    PART_ROWS = 1024, /* rows and channels that one task sums over */
    PART_CHANNELS = 64,
    PIECE = 16 * 1024, /* numbers that one task goes through where nothing is summed */
};

/* The workspace: two sums per part and channel, and numbers per channel. */
struct room {
    double *first, *second; /* (parts, c) */
    float *scale, *a, *b;   /* (c) */
};

static struct room take_room(struct workspace *w, size_t rows, size_t c)
{
    size_t sums = size_divide_up(rows, PART_ROWS) * c * sizeof(double);
    struct room room;
    room.first = workspace_take(w, sums);
    room.second = workspace_take(w, sums);
    room.scale = workspace_take(w, c * sizeof(float));
    room.a = workspace_take(w, c * sizeof(float));
    room.b = workspace_take(w, c * sizeof(float));
    return room;
}

size_t batchnorm_workspace(size_t rows, size_t c)
{
    struct workspace w = {0};
    take_room(&w, rows, c);
    return w.used;
}

static struct room open_room(void *workspace, size_t rows, size_t c)
{
    struct workspace w = {.memory = workspace};
    return take_room(&w, rows, c);
}

/* Rows and channels of task t. */
struct part {
    size_t index, row, rows, channel, channels;
};

static size_t part_count(size_t rows, size_t c)
{
    return size_divide_up(rows, PART_ROWS) * size_divide_up(c, PART_CHANNELS);
}

static struct part part_of(size_t rows, size_t c, size_t t)
{
    size_t groups = size_divide_up(c, PART_CHANNELS);
    struct part p = {
        .index = t / groups, .row = t / groups * PART_ROWS, .channel = t % groups * PART_CHANNELS};
    p.rows = size_min(PART_ROWS, rows - p.row);
    p.channels = size_min(PART_CHANNELS, c - p.channel);
    return p;
}

void batchnorm_moments(size_t rows, size_t c, const float *x, double *mean, double *squares, void *workspace,
                       int threads)
{
    struct room room = open_room(workspace, rows, c);
    size_t tasks = part_count(rows, c), parts = size_divide_up(rows, PART_ROWS);
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * c >= PARALLEL_MIN)
    for (size_t t = 0; t < tasks; t++) {
        struct part p = part_of(rows, c, t);
        channel_moments(x + p.row * c + p.channel, p.rows, c, p.channels,
                        room.first + p.index * c + p.channel, room.second + p.index * c + p.channel);
    }
    for (size_t i = 0; i < c; i++) {
        double sum = 0, square = 0;
        for (size_t p = 0; p < parts; p++)
            sum += room.first[p * c + i] * (double)size_min(PART_ROWS, rows - p * PART_ROWS);
        mean[i] = sum / (double)rows;
        for (size_t p = 0; p < parts; p++) {
            double off = room.first[p * c + i] - mean[i];
            square += room.second[p * c + i] + off * off * (double)size_min(PART_ROWS, rows - p * PART_ROWS);
        }
        squares[i] = square;
    }
}

static size_t piece_rows(size_t c)
{
    return size_max(1, PIECE / c);
}

static void apply_rows(size_t rows, size_t c, const float *restrict x, const float *restrict mean,
                       const float *restrict scale, const float *restrict bias, float *restrict y)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c)
#pragma omp simd
        for (size_t i = 0; i < c; i++)
            y[i] = (x[i] - mean[i]) * scale[i] + bias[i];
}

static void apply_rows_relu(size_t rows, size_t c, const float *restrict x, const float *restrict mean,
                            const float *restrict scale, const float *restrict bias, float *restrict y)
{
    for (size_t r = 0; r < rows; r++, x += c, y += c)
#pragma omp simd
        for (size_t i = 0; i < c; i++) {
            float value = (x[i] - mean[i]) * scale[i] + bias[i];
            y[i] = value < 0 ? 0 : value;
        }
}

void batchnorm_apply(size_t rows, size_t c, const float *x, const float *mean, const float *scale,
                     const float *bias, bool relu, float *y, int threads)
{
    size_t step = piece_rows(c);
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * c >= PARALLEL_MIN)
    for (size_t r = 0; r < rows; r += step)
        (relu ? apply_rows_relu : apply_rows)(size_min(step, rows - r), c, x + r * c, mean, scale, bias,
                                              y + r * c);
}

/* dx = scale * (dy - a - (x - mean) * b); dx may be dy */
static void backward_rows(size_t rows, size_t c, const float *dy, const float *restrict x,
                          const float *restrict mean, const struct room *room, float *dx)
{
    const float *restrict scale = room->scale, *restrict a = room->a, *restrict b = room->b;
    for (size_t r = 0; r < rows; r++, x += c, dy += c, dx += c)
#pragma omp simd
        for (size_t i = 0; i < c; i++)
            dx[i] = scale[i] * (dy[i] - a[i] - (x[i] - mean[i]) * b[i]);
}

/* One task's part of the sums of dy, which it completes, and of dy * (x - mean). */
static void sum_part(const struct batchnorm_backward *b, struct part p, const struct room *room)
{
    size_t c = b->c, at = p.row * c + p.channel, to = p.index * c + p.channel;
    if (b->more || b->relu)
        channel_products_completed(b->dy + at, b->more ? b->more + at : NULL, b->relu ? b->relu + at : NULL,
                                   b->x + at, p.rows, c, p.channels, b->mean + p.channel, room->first + to,
                                   room->second + to);
    else
        channel_products(b->dy + at, b->x + at, p.rows, c, p.channels, b->mean + p.channel, room->first + to,
                         room->second + to);
}

/* The sums, into the first row of the room's. */
static void sum_products(const struct batchnorm_backward *b, const struct room *room, int threads)
{
    size_t rows = b->rows, c = b->c, tasks = part_count(rows, c), parts = size_divide_up(rows, PART_ROWS);
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * c >= PARALLEL_MIN)
    for (size_t t = 0; t < tasks; t++)
        sum_part(b, part_of(rows, c, t), room);
    for (size_t p = 1; p < parts; p++)
        for (size_t i = 0; i < c; i++) {
            room->first[i] += room->first[p * c + i];
            room->second[i] += room->second[p * c + i];
        }
}

void batchnorm_sums(const struct batchnorm_backward *b, double *sums, void *workspace, int threads)
{
    struct room room = open_room(workspace, b->rows, b->c);
    sum_products(b, &room, threads);
    memcpy(sums, room.first, b->c * sizeof *sums);
    memcpy(sums + b->c, room.second, b->c * sizeof *sums);
}

void batchnorm_backward(const struct batchnorm_backward *b, float *dx, float *dweight, float *dbias,
                        void *workspace, int threads)
{
    size_t rows = b->rows, c = b->c, step = piece_rows(c);
    struct room room = open_room(workspace, rows, c);
    double count = (double)(b->sums ? b->sum_rows : rows);
    if (b->sums) {
        memcpy(room.first, b->sums, c * sizeof *room.first);
        memcpy(room.second, b->sums + c, c * sizeof *room.second);
    } else {
        sum_products(b, &room, threads);
    }
    for (size_t i = 0; i < c; i++) {
        double inverse = b->inverse[i];
        if (dweight)
            dweight[i] += (float)(room.second[i] * inverse);
        if (dbias)
            dbias[i] += (float)room.first[i];
        room.scale[i] = b->weight ? b->inverse[i] * b->weight[i] : b->inverse[i];
        room.a[i] = b->fixed ? 0 : (float)(room.first[i] / count);
        room.b[i] = b->fixed ? 0 : (float)(room.second[i] * inverse * inverse / count);
    }
    if (!dx)
        return;
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * c >= PARALLEL_MIN)
    for (size_t r = 0; r < rows; r += step) {
        size_t n = size_min(step, rows - r), at = r * c;
        backward_rows(n, c, b->dy + at, b->x + at, b->mean, &room, dx + at);
    }
}
