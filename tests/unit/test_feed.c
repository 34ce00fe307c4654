/* Every shard of every step gets its samples of the epoch, whoever has it and wherever the epoch is gone on
 * with; and they are read ahead. */
#include "train/feed.h"

#include "support/array.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 47, BATCH = 10, ITEM = 4 * 3, SEED = 11, PATIENCE = 60000 /* ms */ };
static const struct shape image = {4, 3, 1};
static const struct order_settings order_settings = {.seed = SEED, .shuffle = true};

struct fixture {
    float images[COUNT * ITEM], mean[1], std[1];
    int32_t classes[COUNT];
    struct comm comm;
    struct config config;
    struct job job;
    struct feed feed;
};

static void setup(struct fixture *f, int ranks, int rank, size_t shards)
{
    *f = (struct fixture){.mean = {0.5f}, .std = {0.25f}};
    array_fill(f->images, COUNT * ITEM, 1);
    for (size_t i = 0; i < COUNT; i++)
        f->classes[i] = (int32_t)(i % 3);
    f->comm = (struct comm){.size = ranks, .rank = rank};
    f->config.run.seed = SEED;
    f->config.data.shuffle = true;
    f->config.augment.flip = AUGMENT_FLIP_RANDOM;
    f->config.augment.pad = 1;
    f->job = (struct job){.comm = &f->comm, .config = &f->config, .shards = shards};
    job_set_batch(&f->job, BATCH);
    f->job.train = (struct dataset_split){.count = COUNT,
                                          .shape = image,
                                          .is_float = true,
                                          .images = f->images,
                                          .outputs = 3,
                                          .classes = f->classes,
                                          .normalization = {true, 1, f->mean, f->std}};
    network_must_plan(&f->job.network, image, "f = flatten\nd = dense units=3\nout = softmax");
    assert_done(network_bind(&f->job.network, f->job.shard_size, true, 1));
    assert_done(feed_create(&f->feed, &f->job));
}

static void teardown(struct fixture *f)
{
    feed_destroy(&f->feed);
    network_destroy(&f->job.network);
}

/* Positions first .. first+n-1 of the epoch, whose order is `order`. */
static void check(struct fixture *f, uint64_t epoch, const size_t *order, size_t first, size_t n,
                  const struct step_input *input)
{
    float x[BATCH * ITEM];
    augment_gather(&f->feed.augment, epoch, &f->job.train, &f->job.train.normalization, order + first, n, x);
    assert_same_bits("x", input->x, x, n * ITEM);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(input->classes[i], f->classes[order[first + i]]);
}

/* Until the thread has filled what comes next. */
static bool filled(struct reader *r)
{
    bool done = false;
    for (int i = 0; !done && i < PATIENCE; i++) {
        pthread_mutex_lock(&r->mutex);
        done = r->end > 0 && r->done == r->end;
        pthread_mutex_unlock(&r->mutex);
        if (!done)
            usleep(1000);
    }
    return done;
}

/* Steps from `position` on to the end of the epoch; `ahead`: each shard must be there before it is asked for.
 */
static void run_epoch(struct fixture *f, struct order *truth, uint64_t epoch, size_t position, bool ahead)
{
    const size_t *order = order_of_epoch(truth, epoch);
    for (feed_epoch(&f->feed, epoch, position); position < COUNT; position += BATCH) {
        size_t batch = COUNT - position < BATCH ? COUNT - position : BATCH;
        feed_step(&f->feed, position);
        f->feed.reader.waits = f->feed.reader.waits && !ahead;
        for (size_t i = 0; i < f->feed.owned.count; i++) {
            struct range part = shard_samples(batch, f->job.shards, f->feed.owned.first + i);
            struct step_input input = {0};
            if (part.count == 0)
                continue;
            if (ahead)
                assert_true(filled(&f->feed.reader));
            feed_gather(&f->feed, part.first, part.count, &input);
            check(f, epoch, order, position + part.first, part.count, &input);
        }
        feed_step_taken(&f->feed, 1, true);
    }
}

static void test_every_shard(void **state)
{
    (void)state;
    static const size_t shards[] = {1, 3, 4, 16};
    struct order truth = {0};
    assert_done(order_create(&truth, COUNT, &order_settings));
    for (int ranks = 1; ranks <= 5; ranks++)
        for (int rank = 0; rank < ranks; rank++)
            for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
                struct fixture f;
                setup(&f, ranks, rank, shards[s]);
                for (uint64_t epoch = 0; epoch < 40; epoch++)
                    run_epoch(&f, &truth, epoch, epoch % 3 * 7, epoch < 2);
                assert_int_equal(f.feed.trial.decided, true);
                assert_true((double)f.feed.steps == f.feed.seconds);
                assert_true(f.feed.owned.count == 0 || f.feed.waited > 0);
                teardown(&f);
            }
    order_destroy(&truth);
}

/* As a step that is looked into once more asks; and the order of the next epoch, wished for while this one's
 * last samples are in use. */
static void test_any_order(void **state)
{
    (void)state;
    struct fixture f;
    struct step_input input = {0};
    struct order truth = {0};
    assert_done(order_create(&truth, COUNT, &order_settings));
    setup(&f, 1, 0, 2);
    feed_epoch(&f.feed, 3, 20);
    feed_step(&f.feed, 20);
    for (size_t i = 0; i < 5; i++) {
        size_t first = i % 2 * 5;
        feed_gather(&f.feed, first, 5, &input);
        check(&f, 3, order_of_epoch(&truth, 3), 20 + first, 5, &input);
    }
    feed_epoch(&f.feed, 4, 0);
    assert_true(filled(&f.feed.reader));
    check(&f, 3, order_of_epoch(&truth, 3), 20, 5, &input);
    feed_epoch(&f.feed, 4, 0);
    feed_step(&f.feed, 0);
    feed_gather(&f.feed, 0, 5, &input);
    check(&f, 4, order_of_epoch(&truth, 4), 0, 5, &input);
    teardown(&f);
    order_destroy(&truth);
}

/* What a trial chose: nothing is filled before it is asked for. */
static void test_waits_if_faster(void **state)
{
    (void)state;
    struct fixture f;
    struct step_input input = {0};
    setup(&f, 1, 0, 1);
    feed_epoch(&f.feed, 0, 0);
    for (size_t i = 0; i < TRIAL_BLOCK * TRIAL_BLOCKS + 5; i++) {
        feed_step(&f.feed, 0);
        feed_gather(&f.feed, 0, BATCH, &input);
        feed_step_taken(&f.feed, f.feed.reader.waits ? 1 : 2, true);
    }
    assert_true(f.feed.trial.decided && !f.feed.trial.first && f.feed.reader.waits);
    assert_int_equal(f.feed.reader.end, 0);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shard),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_waits_if_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
