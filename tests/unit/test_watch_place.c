/* One word for a rank's place: what is put in comes out, and it orders ranks by how far they have come. */
#include "dist/watch_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_phase_and_step(void **state)
{
    (void)state;
    const uint64_t steps[] = {0, 1, 2, 12345, UINT32_MAX, ((uint64_t)1 << 34) - 1};
    uint64_t place = 0;
    assert_int_equal(watch_place_phase(place), WATCH_START);
    assert_int_equal(watch_place_step(place), 0);
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++)
        for (int phase = 0; phase < WATCH_PHASES; phase++) {
            uint64_t before = place;
            place = watch_place_enter(place, (enum watch_phase)phase, steps[s]);
            assert_int_equal(watch_place_phase(place), phase);
            assert_int_equal(watch_place_step(place), steps[s]);
            assert_int_equal(watch_place_waits(place), phase >= WATCH_REDUCE);
            assert_true(place != before);
        }
}

/* A wait for some of the ranks is farther than those it waits for, and then as if it had not been. */
static void test_forget(void **state)
{
    (void)state;
    uint64_t before = watch_place_enter(watch_place_enter(0, WATCH_AGREE, 3), WATCH_READ, 3),
             waiting = watch_place_enter(before, WATCH_AGREE, 3),
             after = watch_place_forget(waiting, WATCH_READ);
    assert_true(watch_place_progress(waiting) > watch_place_progress(before));
    assert_int_equal(watch_place_progress(after), watch_place_progress(before));
    assert_int_equal(watch_place_phase(after), WATCH_READ);
    assert_true(after != before && after != waiting);
    uint64_t first = watch_place_forget(watch_place_enter(0, WATCH_AGREE, 0), WATCH_START);
    assert_int_equal(watch_place_progress(first), 0);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(watch_phase_name(WATCH_READ), "read");
    assert_string_equal(watch_phase_name(WATCH_FORWARD), "forward");
    assert_string_equal(watch_phase_name(WATCH_BACKWARD), "backward");
    assert_string_equal(watch_phase_name(WATCH_REDUCE), "reduce");
    assert_string_equal(watch_phase_name(WATCH_CHECKPOINT), "checkpoint");
    assert_string_equal(watch_phase_name(WATCH_PHASES), "unknown");
    for (int phase = 0; phase < WATCH_PHASES; phase++)
        assert_non_null(watch_phase_name((enum watch_phase)phase));
}

/* The same again is another place, at least until a byte is full, and as far. */
static void test_again(void **state)
{
    (void)state;
    uint64_t first = watch_place_enter(0, WATCH_READ, 7), place = first;
    for (int i = 1; i < 256; i++) {
        place = watch_place_enter(place, WATCH_READ, 7);
        assert_true(place != first);
        assert_int_equal(watch_place_progress(place), watch_place_progress(first));
    }
}

/* A step as training takes it, with shards, and what lies between steps: only waiting, and the next step, are
 * progress. */
static void test_progress(void **state)
{
    (void)state;
    static const struct {
        enum watch_phase phase;
        uint64_t step;
        bool farther;
    } way[] = {
        {WATCH_READ, 0, false},       {WATCH_AGREE, 0, true},     {WATCH_READ, 1, true},
        {WATCH_FORWARD, 1, false},    {WATCH_BACKWARD, 1, false}, {WATCH_READ, 1, false},
        {WATCH_FORWARD, 1, false},    {WATCH_BACKWARD, 1, false}, {WATCH_REDUCE, 1, true},
        {WATCH_UPDATE, 1, false},     {WATCH_EVALUATE, 1, false}, {WATCH_REDUCE, 1, true},
        {WATCH_CHECKPOINT, 1, false}, {WATCH_READ, 2, true},      {WATCH_REDUCE, 2, true},
        {WATCH_REDUCE, 2, true},      {WATCH_END, 2, true},
    };
    uint64_t place = 0;
    for (size_t i = 0; i < sizeof way / sizeof *way; i++) {
        uint64_t next = watch_place_enter(place, way[i].phase, way[i].step);
        if (way[i].farther)
            assert_true(watch_place_progress(next) > watch_place_progress(place));
        else
            assert_int_equal(watch_place_progress(next), watch_place_progress(place));
        place = next;
    }
}

/* A vote before every other batch of an evaluation makes many waits of a step; of more than are counted none
 * is a step farther, or another phase. */
static void test_many_waits(void **state)
{
    (void)state;
    uint64_t place = 0;
    for (int i = 0; i < 300000; i++) {
        uint64_t before = watch_place_progress(place);
        place = watch_place_enter(place, WATCH_AGREE, 3);
        assert_true(watch_place_progress(place) >= before + (i < 200000));
    }
    assert_int_equal(watch_place_step(place), 3);
    assert_int_equal(watch_place_phase(place), WATCH_AGREE);
    assert_true(watch_place_progress(watch_place_enter(0, WATCH_READ, 4)) > watch_place_progress(place));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phase_and_step), cmocka_unit_test(test_names),
        cmocka_unit_test(test_again),          cmocka_unit_test(test_progress),
        cmocka_unit_test(test_many_waits),     cmocka_unit_test(test_forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
