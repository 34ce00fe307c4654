#include "onednn.h"

#ifdef BENCH_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARGUMENTS = 4 };

struct onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[ARGUMENTS];
    int count;
};

static void check(dnnl_status_t status)
{
    if (status != dnnl_success) {
        fprintf(stderr, "oneDNN: status %d\n", (int)status);
        abort();
    }
}

static void add_memory(struct onednn *o, int argument, dnnl_primitive_desc_t description, dnnl_query_t what)
{
    const dnnl_memory_desc_t *layout = dnnl_primitive_desc_query_md(description, what, 0);
    dnnl_memory_t memory;
    void *data;
    check(dnnl_memory_create(&memory, layout, o->engine, DNNL_MEMORY_ALLOCATE));
    check(dnnl_memory_get_data_handle(memory, &data));
    for (size_t i = 0; i < dnnl_memory_desc_get_size(layout) / sizeof(float); i++)
        ((float *)data)[i] = 1e-3f;
    o->arguments[o->count++] = (dnnl_exec_arg_t){argument, memory};
}

/* Describes one pass; a gradient also wants the forward one as a hint. */
static dnnl_primitive_desc_t describe(struct onednn *o, const struct conv2d *g, size_t n,
                                      enum onednn_pass pass)
{
    const struct window *h = &g->h, *w = &g->w;
    dnnl_dims_t x = {(dnnl_dim_t)n, (dnnl_dim_t)g->c, (dnnl_dim_t)h->in, (dnnl_dim_t)w->in},
                k = {(dnnl_dim_t)g->oc, (dnnl_dim_t)g->c, (dnnl_dim_t)h->kernel, (dnnl_dim_t)w->kernel},
                y = {(dnnl_dim_t)n, (dnnl_dim_t)g->oc, (dnnl_dim_t)h->out, (dnnl_dim_t)w->out},
                b = {(dnnl_dim_t)g->oc}, stride = {(dnnl_dim_t)h->stride, (dnnl_dim_t)w->stride},
                before = {(dnnl_dim_t)h->pad, (dnnl_dim_t)w->pad};
    /* so that the last window is the last that counts */
    dnnl_dims_t after = {(dnnl_dim_t)((h->out - 1) * h->stride + h->kernel - h->in - h->pad),
                         (dnnl_dim_t)((w->out - 1) * w->stride + w->kernel - w->in - w->pad)};
    dnnl_memory_desc_t xs, ks, ys, bs;
    check(dnnl_memory_desc_init_by_tag(&xs, 4, x, dnnl_f32, dnnl_nhwc));
    check(dnnl_memory_desc_init_by_tag(&ys, 4, y, dnnl_f32, dnnl_nhwc));
    check(dnnl_memory_desc_init_by_tag(&ks, 4, k, dnnl_f32, dnnl_format_tag_any));
    check(dnnl_memory_desc_init_by_tag(&bs, 1, b, dnnl_f32, dnnl_a));
    dnnl_convolution_desc_t d;
    dnnl_primitive_desc_t forward, description;
    check(dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct, &xs, &ks,
                                             &bs, &ys, stride, before, after));
    check(dnnl_primitive_desc_create(&forward, &d, NULL, o->engine, NULL));
    if (pass == ONEDNN_FORWARD)
        return forward;
    if (pass == ONEDNN_BACKWARD_INPUT)
        check(dnnl_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &xs, &ks, &ys, stride,
                                                       before, after));
    else
        check(dnnl_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, &xs, &ks, &bs, &ys,
                                                          stride, before, after));
    check(dnnl_primitive_desc_create(&description, &d, NULL, o->engine, forward));
    check(dnnl_primitive_desc_destroy(forward));
    return description;
}

struct onednn *onednn_create(const struct conv2d *g, size_t n, enum onednn_pass pass)
{
    struct onednn *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    check(dnnl_engine_create(&o->engine, dnnl_cpu, 0));
    check(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags));
    dnnl_primitive_desc_t d = describe(o, g, n, pass);
    check(dnnl_primitive_create(&o->primitive, d));
    if (pass == ONEDNN_FORWARD) {
        add_memory(o, DNNL_ARG_SRC, d, dnnl_query_src_md);
        add_memory(o, DNNL_ARG_WEIGHTS, d, dnnl_query_weights_md);
        add_memory(o, DNNL_ARG_DST, d, dnnl_query_dst_md);
        const dnnl_memory_desc_t *bias = dnnl_primitive_desc_query_md(d, dnnl_query_weights_md, 1);
        dnnl_memory_t memory;
        check(dnnl_memory_create(&memory, bias, o->engine, DNNL_MEMORY_ALLOCATE));
        o->arguments[o->count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, memory};
    } else if (pass == ONEDNN_BACKWARD_INPUT) {
        add_memory(o, DNNL_ARG_DIFF_SRC, d, dnnl_query_diff_src_md);
        add_memory(o, DNNL_ARG_WEIGHTS, d, dnnl_query_weights_md);
        add_memory(o, DNNL_ARG_DIFF_DST, d, dnnl_query_diff_dst_md);
    } else {
        add_memory(o, DNNL_ARG_SRC, d, dnnl_query_src_md);
        add_memory(o, DNNL_ARG_DIFF_WEIGHTS, d, dnnl_query_diff_weights_md);
        add_memory(o, DNNL_ARG_DIFF_DST, d, dnnl_query_diff_dst_md);
        const dnnl_memory_desc_t *bias = dnnl_primitive_desc_query_md(d, dnnl_query_diff_weights_md, 1);
        dnnl_memory_t memory;
        check(dnnl_memory_create(&memory, bias, o->engine, DNNL_MEMORY_ALLOCATE));
        o->arguments[o->count++] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_BIAS, memory};
    }
    check(dnnl_primitive_desc_destroy(d));
    return o;
}

void onednn_run(struct onednn *o)
{
    check(dnnl_primitive_execute(o->primitive, o->stream, o->count, o->arguments));
    check(dnnl_stream_wait(o->stream));
}

void onednn_destroy(struct onednn *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->count; i++)
        dnnl_memory_destroy(o->arguments[i].memory);
    dnnl_primitive_destroy(o->primitive);
    dnnl_stream_destroy(o->stream);
    dnnl_engine_destroy(o->engine);
    free(o);
}
#else
#include <stddef.h>

struct onednn *onednn_create(const struct conv2d *g, size_t n, enum onednn_pass pass)
{
    (void)g;
    (void)n;
    (void)pass;
    return NULL;
}

void onednn_run(struct onednn *o)
{
    (void)o;
}

void onednn_destroy(struct onednn *o)
{
    (void)o;
}
#endif
