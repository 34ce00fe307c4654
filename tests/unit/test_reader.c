/* Batches have the same bits whoever fills them, and when; the thread fills them while the caller is busy;
 * and nothing else is touched. */
#include "train/reader.h"

#include "io/digest.h"
#include "io/h5.h"
#include "support/allocations.h"
#include "support/array.h"
#include "support/network_text.h"
#include "support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ThreadSanitizer does not understand what OpenMP's threads wait for. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { THREADS_MAX = 1 };
#else
enum { THREADS_MAX = 3 };
#endif
#else
enum { THREADS_MAX = 3 };
#endif

enum { COUNT = 40, BATCH = 16, OUTPUTS = 3, PATIENCE = 60000 /* ms */ };
static const struct shape image = {6, 5, 2};
enum { ITEM = 6 * 5 * 2 };

struct fixture {
    unsigned char images[COUNT * ITEM];
    int32_t classes[COUNT];
    float values[COUNT * OUTPUTS], mean[2], std[2];
    struct normalization normalization;
    struct dataset_split split;
    struct augment augment;
    struct network network;
    struct reader reader;
};

static void setup(struct fixture *f, int threads, bool has_classes)
{
    *f = (struct fixture){.mean = {0.25f, 0.5f}, .std = {2, 0.3f}};
    for (size_t i = 0; i < sizeof f->images; i++)
        f->images[i] = (unsigned char)(i * 2654435761U >> 13);
    for (size_t i = 0; i < COUNT; i++)
        f->classes[i] = (int32_t)(i * i % OUTPUTS);
    array_fill(f->values, COUNT * OUTPUTS, 5);
    f->normalization = (struct normalization){true, 2, f->mean, f->std};
    f->split =
        (struct dataset_split){.count = COUNT, .shape = image, .images = f->images, .outputs = OUTPUTS};
    f->split.classes = has_classes ? f->classes : NULL;
    f->split.values = has_classes ? NULL : f->values;
    f->augment =
        (struct augment){.flip = AUGMENT_FLIP_RANDOM, .pad = 2, .cutout = 3, .contrast = 0.2, .seed = 9};
    network_must_plan(&f->network, image, "f = flatten\nd = dense units=3\nout = softmax");
    assert_done(network_bind(&f->network, BATCH, true, threads));
    assert_done(reader_create(&f->reader, &f->network));
}

static void teardown(struct fixture *f)
{
    reader_destroy(&f->reader);
    network_destroy(&f->network);
}

static const size_t picked[] = {3, 39, 0, 7, 7, 12, 31, 2, 5, 8, 13, 21, 34, 1, 4, 6};

static struct reader_wish wish_for(const struct fixture *f, bool augmented, bool listed, size_t first,
                                   size_t n)
{
    return (struct reader_wish){.split = &f->split,
                                .normalization = &f->normalization,
                                .augment = augmented ? &f->augment : NULL,
                                .epoch = augmented ? 4 : 0,
                                .samples = listed ? picked : NULL,
                                .first = first,
                                .n = n};
}

/* Against what the loader gives in one piece. */
static void check(const struct fixture *f, const struct reader_wish *wish, struct reader_batch got)
{
    size_t samples[BATCH];
    int32_t classes[BATCH];
    float x[BATCH * ITEM], values[BATCH * OUTPUTS];
    for (size_t i = 0; i < wish->n; i++)
        samples[i] = wish->samples ? wish->samples[i] : wish->first + i;
    dataset_gather(&f->split, &f->normalization, samples, wish->n, x, classes, values);
    if (wish->augment)
        augment_gather(wish->augment, wish->epoch, &f->split, &f->normalization, samples, wish->n, x);
    assert_same_bits("x", got.x, x, wish->n * ITEM);
    if (f->split.classes)
        assert_memory_equal(got.classes, classes, wish->n * sizeof *classes);
    else
        assert_same_bits("values", got.values, values, wish->n * OUTPUTS);
}

/* Until the thread has filled what was wished for. */
static void wait_for_thread(struct reader *r)
{
    bool filled = false;
    for (int i = 0; !filled && i < PATIENCE; i++) {
        pthread_mutex_lock(&r->mutex);
        filled = r->end > 0 && r->done == r->end;
        pthread_mutex_unlock(&r->mutex);
        if (!filled)
            usleep(1000);
    }
    assert_true(filled);
}

enum when { NOT, AHEAD, LONG_AHEAD, OTHER, OTHER_LONG_AHEAD, WHEN_COUNT };

static void take(struct fixture *f, const struct reader_wish *wish, enum when when)
{
    struct reader_wish other = wish_for(f, !wish->augment, false, 20, BATCH);
    if (when == AHEAD || when == LONG_AHEAD)
        reader_ahead(&f->reader, wish);
    else if (when != NOT)
        reader_ahead(&f->reader, &other);
    if (when == LONG_AHEAD || when == OTHER_LONG_AHEAD)
        wait_for_thread(&f->reader);
    struct reader_batch batch = reader_take(&f->reader, wish);
    check(f, wish, batch);
    array_poison(batch.x, BATCH * ITEM);
}

static void test_same_bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 7, BATCH - 1, BATCH};
    for (int threads = 1; threads <= THREADS_MAX; threads++)
        for (int kind = 0; kind < 8; kind++) {
            struct fixture f;
            setup(&f, threads, kind & 1);
            for (int when = 0; when < WHEN_COUNT; when++)
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                    struct reader_wish wish = wish_for(&f, kind & 2, kind & 4, COUNT - BATCH, sizes[i]);
                    take(&f, &wish, (enum when)when);
                }
            teardown(&f);
        }
}

/* As in training: a wish behind every batch, and now and then another batch is taken after all. Without
 * pauses, so that thread and caller meet. */
static void test_many_in_a_row(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        struct fixture f;
        setup(&f, threads, true);
        struct reader_wish wish = wish_for(&f, true, false, 0, BATCH);
        for (size_t i = 0; i < 3000; i++) {
            struct reader_batch batch = reader_take(&f.reader, &wish);
            struct reader_wish next = wish_for(&f, true, false, i * 7 % (COUNT - BATCH), 1 + i % BATCH);
            next.epoch = i;
            reader_ahead(&f.reader, &next);
            check(&f, &wish, batch);
            for (volatile size_t pause = i % 7 * 300; pause > 0; pause--)
                ;
            if (i % 3 == 0)
                next.first = COUNT - BATCH;
            wish = next;
        }
        teardown(&f);
    }
}

/* What was read ahead is taken for another wish in no case, nor is what was taken before. */
static void test_other_wishes(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, 1, true);
    struct augment still = f.augment;
    still.seed = 1;
    struct dataset_split turned = f.split;
    int32_t others[COUNT] = {1, 2, 1, 0};
    turned.classes = others;
    struct reader_wish wish = wish_for(&f, true, false, 3, BATCH),
                       changed[6] = {wish, wish, wish, wish, wish, wish};
    changed[0].augment = &still;
    changed[1].epoch++;
    changed[2].samples = picked;
    changed[3].first++;
    changed[4].n--;
    changed[5].augment = NULL;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        for (int ahead = 0; ahead < 2; ahead++) {
            take(&f, &wish, NOT);
            take(&f, &changed[i], NOT);
            reader_ahead(&f.reader, &changed[i]);
            if (ahead)
                wait_for_thread(&f.reader);
            take(&f, &wish, NOT);
            take(&f, &wish, NOT);
            take(&f, &changed[i], NOT);
        }
    reader_ahead(&f.reader, &changed[0]);
    changed[0].split = &turned;
    struct reader_batch batch = reader_take(&f.reader, &changed[0]);
    assert_memory_equal(batch.classes, others + 3, BATCH * sizeof *others);
    teardown(&f);
}

/* Pieces that the thread has filled. It may have started late, and helped with the first batch. */
static uint64_t ahead(struct reader *r)
{
    pthread_mutex_lock(&r->mutex);
    uint64_t count = r->ahead;
    pthread_mutex_unlock(&r->mutex);
    return count;
}

/* All of it by the thread, which is counted, while the batch before is in use. */
static void test_reads_ahead(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f, THREADS_MAX, true);
    struct reader_wish one = wish_for(&f, true, true, 0, BATCH), two = wish_for(&f, false, false, 9, BATCH);
    struct reader_batch first = reader_take(&f.reader, &one);
    uint64_t before = f.reader.pieces, ahead_before = ahead(&f.reader);
    reader_ahead(&f.reader, &two);
    wait_for_thread(&f.reader);
    check(&f, &one, first);
    struct reader_batch second = reader_take(&f.reader, &two);
    assert_ptr_not_equal(second.x, first.x);
    check(&f, &two, second);
    assert_true(f.reader.pieces > before);
    assert_int_equal(ahead(&f.reader) - ahead_before, f.reader.pieces - before);
    assert_true(f.reader.waited > 0 && f.reader.waited < PATIENCE);
    teardown(&f);
}

/* The list of samples may change as soon as it was handed over; the same wish again changes nothing. */
static void test_samples_are_copied(void **state)
{
    (void)state;
    struct fixture f;
    size_t samples[BATCH];
    setup(&f, 1, true);
    memcpy(samples, picked, sizeof samples);
    struct reader_wish wish = wish_for(&f, true, true, 0, BATCH), again = wish;
    again.samples = samples;
    reader_ahead(&f.reader, &again);
    memset(samples, 0, sizeof samples);
    reader_ahead(&f.reader, &again);
    check(&f, &wish, reader_take(&f.reader, &again));
    teardown(&f);
}

enum { RUN = 3, RUNS = (COUNT + RUN - 1) / RUN };

/* The fixture's images in a file, and the split without them. */
static void leave_in_file(struct fixture *f, uint64_t digests[RUNS])
{
    hsize_t dims[] = {COUNT, image.h, image.w, image.c}, chunk[] = {RUN, image.h, image.w, image.c};
    snprintf(f->split.path, sizeof f->split.path, "%s", scratch_path("a.h5"));
    snprintf(f->split.name, sizeof f->split.name, "train");
    h5_quiet();
    hid_t file = H5Fcreate(f->split.path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = h5_create_group(file, "train");
    assert_true(h5_close(h5_write_array(group, "images", H5T_STD_U8LE, 4, dims, chunk, f->images)));
    assert_true(h5_close(group) && H5Fclose(file) >= 0);
    f->split.run = RUN;
    f->split.run_digests = digests;
    for (size_t run = 0; run < RUNS; run++)
        digests[run] = digest_bytes(f->images + run * RUN * ITEM, dataset_run_count(&f->split, run) * ITEM);
}

/* An epoch in batches of 7, every other one asked for before; against the images in memory. `detours`: others
 * are asked for and not taken. */
static void take_epoch(struct fixture *f, struct stream *stream, const struct dataset_split *streamed,
                       struct order *order, uint64_t epoch, bool listed, bool detours)
{
    const size_t *samples = order_of_epoch(order, epoch);
    for (size_t first = 0; first < COUNT; first += 7) {
        struct reader_wish truth = {.split = &f->split,
                                    .normalization = &f->normalization,
                                    .augment = epoch % 2 ? &f->augment : NULL,
                                    .epoch = epoch,
                                    .samples = listed ? samples + first : NULL,
                                    .first = first,
                                    .n = COUNT - first < 7 ? COUNT - first : 7};
        struct reader_wish wish = truth;
        wish.split = streamed;
        wish.stream = stream;
        wish.order = listed ? order : NULL;
        if (detours && first % 3 == 1) {
            struct reader_wish other = wish;
            other.first = 0;
            other.samples = listed ? samples : NULL;
            reader_ahead(&f->reader, &other);
        }
        if (first % 2)
            reader_ahead(&f->reader, &wish);
        if (first % 3 == 0)
            usleep(200);
        struct reader_batch batch = reader_take(&f->reader, &wish);
        assert_done(reader_status(&f->reader));
        check(f, &truth, batch);
        array_poison(batch.x, BATCH * ITEM);
    }
}

/* The same bits with any memory; where that holds a window, no run is read twice in an epoch. */
static void test_streams(void **state)
{
    (void)state;
    enum { WINDOW = 4, EPOCHS = 6 };
    const struct order_settings settings = {.seed = 3, .shuffle = true, .run = RUN, .window = WINDOW};
    for (int threads = 1; threads <= THREADS_MAX; threads++)
        for (size_t slots = 1; slots <= RUNS; slots++) {
            struct fixture f;
            struct order order;
            struct stream stream;
            uint64_t digests[RUNS];
            setup(&f, threads, slots % 2);
            leave_in_file(&f, digests);
            struct dataset_split streamed = f.split;
            streamed.images = NULL;
            assert_done(reader_stage(&f.reader, ITEM, 2 * WINDOW));
            assert_done(stream_create(&stream, &streamed, slots));
            assert_done(order_create(&order, COUNT, &settings));
            for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
                take_epoch(&f, &stream, &streamed, &order, epoch, true, slots % 3 == 0);
            teardown(&f);
            if (slots >= WINDOW && slots % 3)
                assert_in_range(stream.reads, RUNS + (EPOCHS - 1) * (RUNS - slots), EPOCHS * RUNS);
            order_destroy(&order);
            stream_destroy(&stream);
        }
}

/* Without an order: one after the other, as test data are read, with two slots. */
static void test_streams_in_file_order(void **state)
{
    (void)state;
    const struct order_settings settings = {.seed = 3};
    struct fixture f;
    struct order order;
    struct stream stream;
    uint64_t digests[RUNS];
    setup(&f, THREADS_MAX, true);
    leave_in_file(&f, digests);
    struct dataset_split streamed = f.split;
    streamed.images = NULL;
    assert_done(reader_stage(&f.reader, ITEM, 0));
    assert_done(stream_create(&stream, &streamed, 2));
    assert_done(order_create(&order, COUNT, &settings));
    for (uint64_t epoch = 0; epoch < 3; epoch++)
        take_epoch(&f, &stream, &streamed, &order, epoch, false, false);
    teardown(&f);
    assert_in_range(stream.reads, 3 * (RUNS - 2), 3 * RUNS);
    order_destroy(&order);
    stream_destroy(&stream);
}

/* The batch that has it fails, ahead or not, and no other. */
static void test_unreadable(void **state)
{
    (void)state;
    enum { BAD = 5 };
    struct fixture f;
    struct stream stream;
    uint64_t digests[RUNS];
    setup(&f, THREADS_MAX, true);
    leave_in_file(&f, digests);
    struct dataset_split streamed = f.split;
    streamed.images = NULL;
    digests[BAD]++;
    assert_done(reader_stage(&f.reader, ITEM, 0));
    assert_done(stream_create(&stream, &streamed, 3));
    for (size_t i = 0; i < 60; i++) {
        size_t first = i * 7 % (COUNT - 4);
        struct reader_wish truth = wish_for(&f, true, false, first, 4), wish = truth;
        wish.split = &streamed;
        wish.stream = &stream;
        if (i % 2)
            reader_ahead(&f.reader, &wish);
        if (i % 4 == 3)
            wait_for_thread(&f.reader);
        struct reader_batch batch = reader_take(&f.reader, &wish);
        if (first < (BAD + 1) * RUN && first + 4 > BAD * RUN) {
            assert_failure(reader_status(&f.reader), STATUS_DATA, "a.h5", "/train/images[15] to [17]", NULL);
            assert_memory_equal(batch.classes, f.classes + first, 4 * sizeof *f.classes);
        } else {
            assert_done(reader_status(&f.reader));
            check(&f, &truth, batch);
        }
    }
    teardown(&f);
    stream_destroy(&stream);
}

static void test_takes_no_memory(void **state)
{
    (void)state;
    struct fixture f;
    if (!allocations_are_counted())
        skip();
    setup(&f, THREADS_MAX, true);
    for (size_t i = 0; i < 20; i++) {
        struct reader_wish wish = wish_for(&f, i % 2, false, i, BATCH),
                           next = wish_for(&f, true, false, i + 1, 3);
        if (i == 5)
            allocations_start();
        reader_take(&f.reader, &wish);
        reader_ahead(&f.reader, &next);
    }
    assert_int_equal(allocations_stop(), 0);
    assert_int_equal(f.reader.arena.used, reader_memory(&f.network, BATCH));
    teardown(&f);
}

/* With a wish that nobody waits for; the network has its own memory then. */
static void test_ends_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct fixture f;
        setup(&f, 1, true);
        float *own = f.network.x;
        struct reader_wish wish = wish_for(&f, true, true, 0, BATCH), next = wish_for(&f, false, false, 0, 5);
        for (int k = 0; k < i % 3; k++)
            network_set_input(&f.network, reader_take(&f.reader, &wish).x);
        reader_ahead(&f.reader, &next);
        reader_destroy(&f.reader);
        assert_ptr_equal(f.network.x, own);
        assert_ptr_equal(f.network.layers[0].x[0], own);
        teardown(&f);
    }
}

static volatile sig_atomic_t caught;

static void catch (int signal)
{
    caught = signal;
}

/* They are for the thread that asks whether to stop. */
static void test_blocks_signals(void **state)
{
    (void)state;
    struct fixture f;
    signal(SIGUSR1, catch);
    setup(&f, 1, true);
    struct reader_wish wish = wish_for(&f, false, false, 0, BATCH);
    assert_int_equal(pthread_kill(f.reader.thread, SIGUSR1), 0);
    reader_ahead(&f.reader, &wish);
    wait_for_thread(&f.reader);
    assert_int_equal(caught, 0);
    raise(SIGUSR1);
    assert_int_equal(caught, SIGUSR1);
    teardown(&f);
    signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_many_in_a_row),
        cmocka_unit_test(test_other_wishes),
        cmocka_unit_test(test_reads_ahead),
        cmocka_unit_test(test_samples_are_copied),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_streams_in_file_order),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_takes_no_memory),
        cmocka_unit_test(test_ends_at_any_time),
        cmocka_unit_test(test_blocks_signals),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
