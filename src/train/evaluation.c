#include "train/evaluation.h"

#include "core/log.h"
#include "dist/shard.h"
#include "dist/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MATRIX_CLASSES_MAX = 40, PAIRS_SHOWN = 20 };

/* What is needed beside the network. */
struct work {
    double *losses; /* (batches): each batch's loss, on the rank that has it, else 0 */
    float *images;  /* of views: the batch as it is, */
    float *logits;  /* (batch, outputs) and the mean so far; both NULL where there is one view only */
};

static void work_destroy(struct work *work)
{
    free(work->losses);
    free(work->images);
    free(work->logits);
}

static enum status work_create(struct work *work, const struct network *network, size_t batches, bool views)
{
    size_t images = network->batch * shape_count(network->input) * sizeof *work->images,
           logits = network->batch * network_outputs(network) * sizeof *work->logits;
    *work = (struct work){.losses = calloc(batches, sizeof *work->losses)};
    if (views) {
        work->images = malloc(images);
        work->logits = malloc(logits);
    }
    bool all = work->losses && (!views || (work->images && work->logits));
    return all ? STATUS_OK : status_no_memory("an evaluation", images + logits);
}

/* The network over the pass's images, as many times as there are views. Always added in the same order. */
static void forward_views(const struct network *network, const struct pass *pass, enum tta tta,
                          const struct work *work)
{
    size_t count, floats = pass->n * network_outputs(network);
    const struct tta_view *views = tta_views(tta, &count);
    float *logits = network_logits(network);
    if (count > 1)
        memcpy(work->images, network->x, pass->n * shape_count(network->input) * sizeof *work->images);
    for (size_t v = 0; v < count; v++) {
        if (v > 0)
            tta_show(&views[v], work->images, pass->n, network->input, network->x, network->threads);
        network_forward(network, pass);
        for (size_t i = 0; count > 1 && i < floats; i++)
            work->logits[i] = (v > 0 ? work->logits[i] : 0) + views[v].weight * logits[i];
    }
    if (count == 1)
        return;
    memcpy(logits, work->logits, floats * sizeof *logits);
    network_output(network, pass);
}

/* Batches are summed in their order, whoever has which. */
static void add_up(const struct comm *comm, double *losses, size_t batches, struct loss_sum *sum)
{
    uint64_t counts[] = {sum->samples, sum->hits, sum->tries};
    comm_sum_counts(comm, counts, sizeof counts / sizeof *counts);
    comm_sum_doubles(comm, losses, batches);
    *sum = (struct loss_sum){0, counts[0], counts[1], counts[2]};
    for (size_t b = 0; b < batches; b++)
        sum->loss += losses[b];
}

/* One evaluation. */
struct evaluation {
    struct reader *reader;
    const struct comm *comm;
    const struct evaluation_data *data;
    uint64_t *confusion;            /* NULL: not wanted */
    float *probabilities;           /* NULL: not wanted */
    bool (*stop_asked)(void *user); /* NULL: it is not to be stopped */
    void *user;
};

/* Batch number `b` of the split. */
static struct reader_wish wish_for(const struct evaluation *e, size_t b)
{
    size_t batch = e->reader->network->batch, first = b * batch, rest = e->data->split->count - first;
    return (struct reader_wish){.split = e->data->split,
                                .normalization = e->data->normalization,
                                .first = first,
                                .n = rest < batch ? rest : batch,
                                .stream = e->data->stream};
}

/* Batch number `b`, and what is wanted of it, added to `all`; the next one is read meanwhile, if there is one
 * before `end`. Local. */
static enum status take_batch(const struct evaluation *e, size_t b, size_t end, const struct work *work,
                              struct loss_sum *all)
{
    struct network *network = e->reader->network;
    const struct dataset_split *split = e->data->split;
    struct reader_wish wish = wish_for(e, b), next;
    struct reader_batch batch = reader_take(e->reader, &wish);
    struct loss_sum sum = {0};
    size_t k = network_outputs(network);
    enum status status = reader_status(e->reader);
    if (status)
        return status;
    network_set_input(network, batch.x);
    if (b + 1 < end) {
        next = wish_for(e, b + 1);
        reader_ahead(e->reader, &next);
    }
    struct pass pass = network_pass(network, wish.n);
    forward_views(network, &pass, e->data->tta, work);
    if (split->outputs)
        sum = network_loss(network, &pass, (struct labels){batch.classes, batch.values}, 1);
    const float *y = network_last(network)->y;
    for (size_t i = 0; e->confusion && split->classes && i < wish.n; i++)
        e->confusion[(size_t)batch.classes[i] * k + loss_best(y + i * k, k)]++;
    if (e->probabilities)
        memcpy(e->probabilities + wish.first * k, y, wish.n * k * sizeof *y);
    work->losses[b] = sum.loss;
    *all = loss_add(*all, sum);
    return STATUS_OK;
}

/* Collective, before each rank's batch number `i` of its own. */
static bool stop_agreed(const struct evaluation *e, size_t i)
{
    return e->stop_asked && i % EVALUATION_VOTE == 0 && comm_first(e->comm, e->stop_asked(e->user)) >= 0;
}

static enum status evaluate(const struct evaluation *e, struct loss_sum *sum, bool *stopped)
{
    const struct network *network = e->reader->network;
    const struct comm *comm = e->comm;
    const struct dataset_split *split = e->data->split;
    size_t channels = e->data->normalization->channels;
    size_t k = network_outputs(network), ranks = (size_t)comm->size;
    size_t batches = (split->count + network->batch - 1) / network->batch;
    struct range own = shard_owned(batches, ranks, (size_t)comm->rank);
    struct work work = {0};
    watch_enter(comm->watch, WATCH_EVALUATE);
    *sum = (struct loss_sum){0};
    *stopped = false;
    enum status status = work_create(&work, network, batches, e->data->tta != TTA_NONE);
    if (!status && channels != split->shape.c)
        status = status_set(STATUS_DATA, "%s: /%s/images have %zu channels, the network was trained with %zu",
                            split->path, split->name, split->shape.c, channels);
    status = comm_agree(comm, status);
    if (e->confusion)
        memset(e->confusion, 0, k * k * sizeof *e->confusion);
    size_t most = (batches + ranks - 1) / ranks; /* of any rank, so that all vote equally often */
    enum status read = STATUS_OK; /* of a rank that cannot go on, which votes with the others to the end */
    for (size_t i = 0; !status && i < most && !(*stopped = stop_agreed(e, i)); i++)
        if (i < own.count && !read)
            read = take_batch(e, own.first + i, own.first + own.count, &work, sum);
    if (!status)
        status = comm_agree(comm, read);
    if (!status && !*stopped)
        add_up(comm, work.losses, batches, sum);
    if (!status && !*stopped && e->confusion)
        comm_sum_counts(comm, e->confusion, k * k);
    work_destroy(&work);
    return status;
}

enum status evaluation_run(struct network *network, const struct comm *comm,
                           const struct evaluation_data *data, struct loss_sum *sum, uint64_t *confusion,
                           float *probabilities)
{
    bool stopped;
    struct reader reader;
    const struct evaluation e = {&reader, comm, data, confusion, probabilities, NULL, NULL};
    enum status status = reader_create(&reader, network);
    if (!status && data->stream)
        status = reader_stage(&reader, dataset_image_bytes(data->split), 0);
    status = comm_agree(comm, status);
    if (!status)
        status = evaluate(&e, sum, &stopped);
    reader_destroy(&reader);
    return status;
}

enum status evaluation_run_until(struct reader *reader, const struct comm *comm,
                                 const struct evaluation_data *data, bool (*stop_asked)(void *user),
                                 void *user, bool *stopped, struct loss_sum *sum)
{
    const struct evaluation e = {reader, comm, data, NULL, NULL, stop_asked, user};
    return evaluate(&e, sum, stopped);
}

enum { NAME_BYTES = 32 };

static const char *class_name(char *const *names, size_t class, char out[NAME_BYTES])
{
    if (names)
        snprintf(out, NAME_BYTES, "%.15s", names[class]);
    else
        snprintf(out, NAME_BYTES, "%zu", class);
    return out;
}

static void class_totals(const uint64_t *confusion, size_t classes, size_t class, uint64_t *is,
                         uint64_t *called)
{
    *is = *called = 0;
    for (size_t j = 0; j < classes; j++) {
        *is += confusion[class * classes + j];
        *called += confusion[j * classes + class];
    }
}

static void print_share(uint64_t part, uint64_t whole)
{
    if (whole)
        log_print("  %6.2f %%", 100.0 * (double)part / (double)whole);
    else
        log_print("  %8s", "-");
}

/* A class's number, and its name where that says more. */
static const char *row_label(char *const *names, size_t class, char out[NAME_BYTES])
{
    char number[NAME_BYTES];
    snprintf(number, sizeof number, "%zu", class);
    if (names && strcmp(names[class], number))
        snprintf(out, NAME_BYTES, "%2zu %.13s", class, names[class]);
    else
        snprintf(out, NAME_BYTES, "%2zu", class);
    return out;
}

static void print_matrix(const uint64_t *confusion, size_t classes, char *const *names)
{
    char name[NAME_BYTES];
    log_print("%-16s", "true \\ taken for");
    for (size_t j = 0; j < classes; j++)
        log_print(" %5zu", j);
    log_print("  %8s  %9s\n", "recall", "precision");
    for (size_t i = 0; i < classes; i++) {
        uint64_t is, called, right = confusion[i * classes + i];
        class_totals(confusion, classes, i, &is, &called);
        log_print("%-16s", row_label(names, i, name));
        for (size_t j = 0; j < classes; j++)
            log_print(confusion[i * classes + j] ? " %5llu" : "     .",
                      (unsigned long long)confusion[i * classes + j]);
        print_share(right, is);
        log_print(" ");
        print_share(right, called);
        log_print("\n");
    }
}

/* The pairs of different classes most often confused, by repeated search: there are few to show. */
static void print_pairs(const uint64_t *confusion, size_t classes, char *const *names)
{
    uint64_t limit = UINT64_MAX;
    size_t shown = 0;
    log_print("%zu classes; most often confused:\n", classes);
    while (shown < PAIRS_SHOWN) {
        uint64_t most = 0;
        for (size_t i = 0; i < classes * classes; i++)
            if (i / classes != i % classes && confusion[i] < limit && confusion[i] > most)
                most = confusion[i];
        if (most == 0)
            return;
        for (size_t i = 0; i < classes * classes && shown < PAIRS_SHOWN; i++) {
            char a[NAME_BYTES], b[NAME_BYTES];
            if (i / classes == i % classes || confusion[i] != most)
                continue;
            log_print("  %-15s taken for %-15s %7llu times\n", class_name(names, i / classes, a),
                      class_name(names, i % classes, b), (unsigned long long)most);
            shown++;
        }
        limit = most;
    }
}

void evaluation_print_confusion(const uint64_t *confusion, size_t classes, char *const *names)
{
    if (classes <= MATRIX_CLASSES_MAX)
        print_matrix(confusion, classes, names);
    else
        print_pairs(confusion, classes, names);
}
