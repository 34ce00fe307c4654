/* When is said what of a stall: intervals, who speaks, and the words. */
#include "dist/watch_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS = 8 };
static const char *const hosts[RANKS] = {"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"};

static uint64_t at(enum watch_phase phase, uint64_t step)
{
    return watch_place_enter(0, phase, step);
}

/* Rank 0 of RANKS, all of which came to wait at the time 0, and are not silent however long. */
static struct watch_table make_table(uint64_t place)
{
    struct watch_table table;
    assert_true(watch_table_create(&table, 0, RANKS, 0));
    for (int r = 0; r < RANKS; r++)
        table.known[r] = (struct watch_known){.place = place, .beat = 1, .deaf = -1};
    table.silence = 1e6;
    return table;
}

static struct watch_report make_report(double warn, double abort_after)
{
    return (struct watch_report){.warn = warn, .abort_after = abort_after, .hosts = hosts};
}

/* What a report asks for in a stall that lasts until the time `end`, asked four times a second: W, R, A at
 * the second, as "W10 W20 R33 "; ends with an A. */
static void play(struct watch_report *report, struct watch_table *table, double begin, double end,
                 bool speaker, char *said, size_t size)
{
    static const char letters[] = "?WRA";
    size_t used = 0;
    said[0] = 0;
    for (double now = begin; now <= end; now += 0.25) {
        struct watch_verdict verdict = watch_table_judge(table, now);
        verdict.speaker = speaker;
        enum watch_action action = watch_report_next(report, table, &verdict);
        if (action != WATCH_QUIET)
            used += (size_t)snprintf(said + used, size - used, "%c%g ", letters[action], now);
        if (action == WATCH_ABORT)
            return;
    }
}

static void expect_play(struct watch_report report, bool speaker, const char *expected)
{
    char said[WATCH_TEXT_MAX];
    struct watch_table table = make_table(at(WATCH_REDUCE, 4));
    play(&report, &table, 0, 1000, speaker, said, sizeof said);
    assert_string_equal(said, expected);
    watch_table_destroy(&table);
}

static void test_intervals(void **state)
{
    (void)state;
    expect_play(make_report(10, 0), true, "W10 W20 W40 W80 W160 W320 W640 ");
    expect_play(make_report(10, 300), true, "W10 W20 W40 W80 W160 A300 ");
    expect_play(make_report(0, 300), true, "A300 ");
    expect_play(make_report(10, 5), true, "A5 ");
    expect_play(make_report(600, 600), true, "A600 ");
    expect_play(make_report(0, 0), true, "");
    expect_play(make_report(10, 300), false, "A305 ");
    expect_play(make_report(10, 0), false, "");
}

/* Nothing is said of waits that end in time, of which there are many, nor where nobody waits. */
static void test_no_stall(void **state)
{
    (void)state;
    struct watch_table table = make_table(0);
    struct watch_report report = make_report(10, 20);
    char said[64];
    for (uint64_t step = 1; step < 50; step++) {
        double now = (double)step * 100;
        table.known[0].place = at(WATCH_REDUCE, step);
        table.known[0].since = now;
        for (int r = 1; r < RANKS; r++)
            table.known[r] = table.known[0];
        play(&report, &table, now, now + 9.75, true, said, sizeof said);
        assert_string_equal(said, "");
        table.known[0].place = watch_place_enter(table.known[0].place, WATCH_UPDATE, step);
        table.known[0].since = now + 10;
        play(&report, &table, now + 10, now + 99, true, said, sizeof said);
        assert_string_equal(said, "");
    }
    watch_table_destroy(&table);
}

/* A wait that was warned of ends: once, whatever comes next; and the next wait starts anew. */
static void test_recovery(void **state)
{
    (void)state;
    const uint64_t wait = at(WATCH_REDUCE, 4);
    const uint64_t after[] = {watch_place_enter(wait, WATCH_UPDATE, 4),
                              watch_place_enter(wait, WATCH_REDUCE, 4),
                              watch_place_enter(wait, WATCH_REDUCE, 5)};
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct watch_table table = make_table(wait);
        struct watch_report report = make_report(10, 0);
        char said[WATCH_TEXT_MAX];
        table.known[5].place = at(WATCH_FORWARD, 4);
        play(&report, &table, 0, 33, true, said, sizeof said);
        assert_string_equal(said, "W10 W20 ");
        watch_report_recovery(&report, said);
        assert_string_equal(said, "rank 5 on h5 has arrived after 33 s");
        for (int r = 0; r < RANKS; r++)
            table.known[r] = (struct watch_known){after[i], 33.25, 33.25, 1, -1};
        play(&report, &table, 33.25, 46, true, said, sizeof said);
        assert_string_equal(said, i == 0 ? "R33.25 " : "R33.25 W43.25 ");
        watch_table_destroy(&table);
    }
}

/* A rank that comes late to a wait that was warned of does not warn at once, though it is to speak now; and
 * where it is the one that speaks no more, the next one takes over. */
static void test_change_of_speaker(void **state)
{
    (void)state;
    struct watch_table table = make_table(at(WATCH_REDUCE, 4));
    struct watch_report report = make_report(10, 0);
    char said[WATCH_TEXT_MAX];
    table.known[0].since = 25;
    play(&report, &table, 25, 90, true, said, sizeof said);
    assert_string_equal(said, "W40 W80 ");
    report = make_report(10, 0);
    table.known[0].since = 0;
    play(&report, &table, 0, 45, false, said, sizeof said);
    assert_string_equal(said, "");
    play(&report, &table, 45.25, 90, true, said, sizeof said);
    assert_string_equal(said, "W45.25 W80 ");
    watch_table_destroy(&table);
}

/* The rank that takes over from one that is ending the job, and is silent therefore, gives it its time. */
static void test_change_at_the_end(void **state)
{
    (void)state;
    struct watch_table table = make_table(at(WATCH_REDUCE, 4));
    struct watch_report report = make_report(0, 100);
    char said[WATCH_TEXT_MAX];
    play(&report, &table, 0, 101, false, said, sizeof said);
    assert_string_equal(said, "");
    play(&report, &table, 101.25, 200, true, said, sizeof said);
    assert_string_equal(said, "A105 ");
    report = make_report(0, 100);
    play(&report, &table, 0, 99, false, said, sizeof said);
    assert_string_equal(said, "");
    play(&report, &table, 99.25, 200, true, said, sizeof said);
    assert_string_equal(said, "A100 ");
    watch_table_destroy(&table);
}

/* All lines that are said of a table at the time 60, one under the other. */
static void expect_lines(const struct watch_table *table, const char *expected)
{
    struct watch_report report = make_report(10, 0);
    struct watch_verdict verdict = watch_table_judge(table, 60);
    char text[WATCH_TEXT_MAX], all[8 * WATCH_TEXT_MAX] = "";
    for (size_t i = 0; watch_report_line(&report, table, &verdict, 60, i, text); i++) {
        strcat(all, text);
        strcat(all, "\n");
    }
    assert_string_equal(all, expected);
}

static void test_words(void **state)
{
    (void)state;
    struct watch_table table = make_table(at(WATCH_REDUCE, 12));
    table.silence = 5;
    for (int r = 0; r < RANKS; r++)
        table.known[r].heard = 59;
    const struct watch_known arrived = table.known[1];
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: all ranks have arrived, and none is "
                         "silent; a connection between two may be down\n");

    table.known[3] = (struct watch_known){at(WATCH_FORWARD, 12), -1.4, 59, 1, -1};
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 has not arrived: in "
                         "phase forward of step 12 for 61 s, last heard of 1.0 s ago\n");
    table.known[3].since = 59.6;
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 has not arrived: in "
                         "phase forward of step 12 for 0.4 s, last heard of 1.0 s ago\n");
    table.known[3].heard = 2;
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 has not arrived, and has "
                         "given no sign of life for 58 s; it was in phase forward of step 12\n");
    table.known[3] = arrived;
    table.known[3].heard = 2;
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 had arrived, and has "
                         "given no sign of life for 58 s; it was in phase reduce of step 12\n");
    table.known[3] = arrived;
    table.known[3].place = at(WATCH_END, 12);
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 waits for something "
                         "else: in phase end of step 12 for 60 s, last heard of 1.0 s ago\n");
    table.known[3] = arrived;
    table.known[3].deaf = 5;
    expect_lines(&table, "waiting for 60 s in phase reduce of step 12: rank 3 on h3 does not reach rank 5 on "
                         "h5, though both are alive: the connection between them is down or very slow\n");
    watch_table_destroy(&table);
}

static void test_before_the_first_step(void **state)
{
    (void)state;
    struct watch_table table = make_table(at(WATCH_AGREE, 0));
    for (int r = 0; r < RANKS; r++)
        table.known[r].heard = 59;
    table.known[7].place = at(WATCH_READ, 0);
    expect_lines(&table, "waiting for 60 s in phase agree before the first step: rank 7 on h7 has not "
                         "arrived: in phase read before the first step for 60 s, last heard of 1.0 s ago\n");
    watch_table_destroy(&table);
}

/* As many lines as there are culprits, up to a handful. */
static void test_how_many(void **state)
{
    (void)state;
    for (size_t guilty = 1; guilty < RANKS; guilty++) {
        struct watch_table table = make_table(at(WATCH_REDUCE, 12));
        struct watch_report report = make_report(10, 0);
        char text[WATCH_TEXT_MAX], rest[64], recovery[64];
        size_t lines = 0;
        for (size_t r = 1; r <= guilty; r++)
            table.known[r].place = at(WATCH_READ, 12);
        struct watch_verdict verdict = watch_table_judge(&table, 0);
        assert_int_equal(watch_report_next(&report, &table, &verdict), WATCH_QUIET);
        verdict = watch_table_judge(&table, 60);
        assert_int_equal(watch_report_next(&report, &table, &verdict), WATCH_WARN);
        while (watch_report_line(&report, &table, &verdict, 60, lines, text))
            lines++;
        assert_int_equal(lines, guilty <= WATCH_CULPRITS_MAX ? guilty : WATCH_CULPRITS_MAX + 1);
        snprintf(rest, sizeof rest, ": and %zu more rank%s", guilty - WATCH_CULPRITS_MAX,
                 guilty == WATCH_CULPRITS_MAX + 1 ? "" : "s");
        if (guilty > WATCH_CULPRITS_MAX)
            assert_non_null(strstr(text, rest));
        watch_report_recovery(&report, text);
        snprintf(recovery, sizeof recovery, "rank 1 on h1 and %zu more have arrived after 60 s", guilty - 1);
        assert_string_equal(text, guilty == 1 ? "rank 1 on h1 has arrived after 60 s" : recovery);
        watch_table_destroy(&table);
    }
}

/* Of ranks that had arrived it is not said that they have. */
static void test_recovery_of_others(void **state)
{
    (void)state;
    struct watch_table table = make_table(at(WATCH_REDUCE, 12));
    struct watch_report report = make_report(10, 0);
    char text[WATCH_TEXT_MAX];
    table.silence = 5;
    for (int r = 0; r < RANKS; r++)
        table.known[r].heard = r == 4 ? 0 : 60;
    struct watch_verdict verdict = watch_table_judge(&table, 0);
    assert_int_equal(watch_report_next(&report, &table, &verdict), WATCH_QUIET);
    verdict = watch_table_judge(&table, 60);
    assert_int_equal(verdict.culprits, 1);
    assert_int_equal(watch_report_next(&report, &table, &verdict), WATCH_WARN);
    watch_report_recovery(&report, text);
    assert_string_equal(text, "the ranks go on after 60 s");
    watch_table_destroy(&table);
}

static void test_end(void **state)
{
    (void)state;
    struct watch_report report = make_report(10, 300);
    char text[WATCH_TEXT_MAX];
    watch_report_end(&report, text);
    assert_non_null(strstr(text, "stall_abort (300 s)"));
    assert_non_null(strstr(text, "checkpoint"));
}

/* The longest names there can be, all in one line. */
static void test_long_names(void **state)
{
    (void)state;
    static char host[256];
    const char *long_hosts[RANKS];
    memset(host, 'h', sizeof host - 1);
    for (int r = 0; r < RANKS; r++)
        long_hosts[r] = host;
    struct watch_report report = {.warn = 1, .hosts = long_hosts};
    struct watch_table table = make_table(at(WATCH_REDUCE, ((uint64_t)1 << 40) - 1));
    char text[WATCH_TEXT_MAX];
    for (int r = 0; r < RANKS; r++)
        table.known[r].heard = 60;
    table.known[6].deaf = 7;
    struct watch_verdict verdict = watch_table_judge(&table, 60);
    assert_true(watch_report_line(&report, &table, &verdict, 60, 0, text));
    assert_non_null(strstr(text, "down or very slow"));
    watch_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_no_stall),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_change_of_speaker),
        cmocka_unit_test(test_change_at_the_end),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_before_the_first_step),
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_recovery_of_others),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
