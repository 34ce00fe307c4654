/* What ranks know of each other: how it spreads, for every number of ranks, and who is found to hold the
 * others up. */
#include "dist/watch_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t at(enum watch_phase phase, uint64_t step)
{
    return watch_place_enter(0, phase, step);
}

/* Ranks that tell each other what they know, each with a clock that is off by its own amount. */
struct group {
    int size;
    struct watch_table *tables; /* (size) */
};

static double off(int rank)
{
    return rank * 17.25;
}

static struct group group_create(int size)
{
    struct group group = {size, malloc((size_t)size * sizeof *group.tables)};
    assert_non_null(group.tables);
    for (int r = 0; r < size; r++) {
        assert_true(watch_table_create(&group.tables[r], r, size, off(r)));
        group.tables[r].silence = 6;
    }
    return group;
}

static void group_destroy(struct group *group)
{
    for (int r = 0; r < group->size; r++)
        watch_table_destroy(&group->tables[r]);
    free(group->tables);
}

/* Every rank but `dead` tells its partners what it knew at the time `now`; all at once, so that nothing comes
 * farther than one distance. */
static void group_tell(struct group *group, int dead, double now)
{
    int size = group->size;
    struct watch_entry *told = malloc((size_t)size * (size_t)size * sizeof *told);
    assert_non_null(told);
    for (int r = 0; r < size; r++)
        watch_table_tell(&group->tables[r], 0, size, now + off(r), told + (size_t)r * (size_t)size);
    for (int partner = 0; partner < watch_partners(size); partner++)
        for (int r = 0; r < size; r++) {
            int to = watch_partner_to(r, size, partner);
            if (r == dead || to == dead)
                continue;
            watch_table_hear(&group->tables[to], 0, size, now + off(to), told + (size_t)r * (size_t)size);
        }
    free(told);
}

static void group_beat(struct group *group, int dead, double now, uint64_t (*place)(int rank))
{
    for (int r = 0; r < group->size; r++)
        if (r != dead)
            watch_table_beat(&group->tables[r], place(r), -1, now + off(r));
}

static void test_partners(void **state)
{
    (void)state;
    assert_int_equal(watch_partners(1), 0);
    assert_int_equal(watch_partners(2), 1);
    assert_int_equal(watch_partners(3), 2);
    assert_int_equal(watch_partners(4), 2);
    assert_int_equal(watch_partners(1000), 10);
    assert_int_equal(watch_partners(1024), 10);
    assert_int_equal(watch_partners(1025), 11);
    assert_int_equal(watch_partners(INT32_MAX), 31);
    for (int size = 2; size <= 70; size++)
        for (int partner = 0; partner < watch_partners(size); partner++)
            for (int r = 0; r < size; r++) {
                int to = watch_partner_to(r, size, partner);
                assert_true(to >= 0 && to < size && to != r);
                assert_int_equal(watch_partner_from(to, size, partner), r);
            }
    assert_int_equal(watch_partner_to(INT32_MAX - 1, INT32_MAX, 30), (1 << 30) - 1);
    assert_int_equal(watch_partner_from(0, INT32_MAX, 30), INT32_MAX - (1 << 30));
}

static uint64_t own_place(int rank)
{
    return at(WATCH_FORWARD, (uint64_t)rank + 1);
}

/* All know of all after as many tellings as there are partners, with the right times; and of a rank that died
 * all know what it told last. */
static void check_spreading(int size)
{
    struct group group = group_create(size);
    double now = 10;
    group_beat(&group, -1, now, own_place);
    for (int round = 0; round < watch_partners(size); round++, now += 0.5)
        group_tell(&group, -1, now);
    for (int r = 0; r < size; r++)
        for (int q = 0; q < size; q++) {
            const struct watch_known *known = &group.tables[r].known[q];
            if (known->place != own_place(q) || known->beat != 1 || fabs(known->since - off(r) - 10) > 0.02 ||
                fabs(known->heard - off(r) - 10) > 0.02)
                fail_msg("%d ranks: rank %d knows of rank %d: place %llx, beat %u, since %g, heard %g", size,
                         r, q, (unsigned long long)known->place, known->beat, known->since - off(r),
                         known->heard - off(r));
        }
    group_destroy(&group);
}

static void test_spreading(void **state)
{
    (void)state;
    for (int size = 1; size <= 33; size++)
        check_spreading(size);
    check_spreading(64);
    check_spreading(100);
    check_spreading(500);
}

/* An older beat that comes late, by another way, is not believed; nor is one of this rank. */
static void test_newest_wins(void **state)
{
    (void)state;
    struct watch_table table;
    assert_true(watch_table_create(&table, 1, 3, 0));
    watch_table_beat(&table, at(WATCH_REDUCE, 5), -1, 1);
    struct watch_entry told[3] = {{at(WATCH_READ, 9), 7, 100, 50, 2},
                                  {at(WATCH_READ, 1), 99, 0, 0, 0},
                                  {at(WATCH_READ, 8), 3, 0, 0, -1}};
    watch_table_hear(&table, 0, 3, 20, told);
    assert_true(table.known[0].place == at(WATCH_READ, 9));
    assert_int_equal(table.known[0].deaf, 2);
    assert_true(fabs(table.known[0].since - 19.9) < 1e-9 && fabs(table.known[0].heard - 19.95) < 1e-9);
    assert_true(table.known[1].place == at(WATCH_REDUCE, 5));
    told[0] = (struct watch_entry){at(WATCH_READ, 4), 6, 0, 0, -1};
    told[2] = (struct watch_entry){at(WATCH_READ, 4), 3, 0, 0, -1};
    watch_table_hear(&table, 0, 3, 30, told);
    assert_true(table.known[0].place == at(WATCH_READ, 9));
    assert_true(table.known[2].place == at(WATCH_READ, 8));
    assert_true(table.known[2].heard == 20);
    watch_table_destroy(&table);
}

/* Pieces of a table do not touch other ranks' entries. */
static void test_pieces(void **state)
{
    (void)state;
    struct watch_table from, to;
    struct watch_entry piece[4];
    assert_true(watch_table_create(&from, 0, 10, 0) && watch_table_create(&to, 9, 10, 0));
    for (int r = 0; r < 10; r++)
        from.known[r] = (struct watch_known){.place = own_place(r), .beat = 5, .deaf = -1};
    watch_table_tell(&from, 3, 4, 1, piece);
    watch_table_hear(&to, 3, 4, 1, piece);
    for (int r = 0; r < 10; r++)
        assert_true(to.known[r].place == (r >= 3 && r < 7 ? own_place(r) : 0));
    watch_table_destroy(&from);
    watch_table_destroy(&to);
}

/* Ages that no 32 bits hold, and times that lie in the future, as after a rounding. */
static void test_ages(void **state)
{
    (void)state;
    struct watch_table table;
    struct watch_entry entry;
    assert_true(watch_table_create(&table, 0, 2, 0));
    watch_table_tell(&table, 1, 1, 1e10, &entry);
    assert_int_equal(entry.place_age, UINT32_MAX);
    watch_table_tell(&table, 1, 1, -5, &entry);
    assert_int_equal(entry.heard_age, 0);
    watch_table_destroy(&table);
}

/* When a place was come to is when it was first told, not each time. */
static void test_since(void **state)
{
    (void)state;
    struct watch_table table;
    assert_true(watch_table_create(&table, 0, 2, 0));
    watch_table_beat(&table, at(WATCH_READ, 1), -1, 5);
    watch_table_beat(&table, at(WATCH_READ, 1), -1, 6);
    assert_true(table.known[0].since == 5 && table.known[0].heard == 6);
    watch_table_beat(&table, at(WATCH_REDUCE, 1), -1, 7);
    assert_true(table.known[0].since == 7);
    assert_int_equal(table.known[0].beat, 3);
    watch_table_destroy(&table);
}

/* Rank 3 of 8 at the time 100, which waits for its step's reduction since 40, as all others do since 50. */
static struct watch_table waiting_table(void)
{
    struct watch_table table;
    assert_true(watch_table_create(&table, 3, 8, 0));
    table.silence = 5;
    for (int r = 0; r < 8; r++)
        table.known[r] = (struct watch_known){at(WATCH_REDUCE, 12), r == 3 ? 40 : 50, 99, 1, -1};
    return table;
}

static void assert_culprits(const struct watch_table *table, size_t count, const struct watch_culprit *worst)
{
    struct watch_verdict verdict = watch_table_judge(table, 100);
    assert_true(verdict.waiting);
    assert_int_equal(verdict.culprits, count);
    for (size_t i = 0; i < count && i < WATCH_CULPRITS_MAX; i++)
        if (verdict.worst[i].rank != worst[i].rank || verdict.worst[i].kind != worst[i].kind)
            fail_msg("culprit %zu is rank %d for %d, not rank %d for %d", i, verdict.worst[i].rank,
                     verdict.worst[i].kind, worst[i].rank, worst[i].kind);
}

static void test_nobody(void **state)
{
    (void)state;
    struct watch_table table = waiting_table();
    assert_culprits(&table, 0, NULL);
    table.known[0].place = watch_place_enter(at(WATCH_REDUCE, 12), WATCH_UPDATE, 12);
    table.known[1].place = at(WATCH_READ, 13);
    table.known[2].place = at(WATCH_REDUCE, 13);
    assert_culprits(&table, 0, NULL);
    table.known[3].place = at(WATCH_FORWARD, 12);
    struct watch_verdict verdict = watch_table_judge(&table, 100);
    assert_false(verdict.waiting || verdict.speaker || verdict.culprits);
    watch_table_destroy(&table);
}

/* Every way to be late or missing, by itself. */
static void test_kinds(void **state)
{
    (void)state;
    struct watch_table table = waiting_table();
    const struct watch_known arrived = table.known[5];

    table.known[5].place = at(WATCH_FORWARD, 12);
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_BEHIND, 5}});
    table.known[5].place = at(WATCH_CHECKPOINT, 11);
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_BEHIND, 5}});
    table.known[5].place = at(WATCH_REDUCE, 11);
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_BEHIND, 5}});
    table.known[5].heard = 94.9; /* silent as well: still one culprit, not two */
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_BEHIND, 5}});

    table.known[5] = arrived;
    table.known[5].heard = 95;
    assert_culprits(&table, 0, NULL);
    table.known[5].heard = 94.9;
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_SILENT, 5}});
    table.known[5].place = at(WATCH_READ, 13);
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_SILENT, 5}});

    table.known[5] = arrived;
    table.known[5].place = at(WATCH_END, 12);
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_ASTRAY, 5}});

    table.known[5] = arrived;
    table.known[5].deaf = 6;
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_LINK, 5}});
    table.known[6].heard = 90; /* of course it is not reached */
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_SILENT, 6}});
    table.known[6].heard = 99;
    table.known[5].deaf = -1;
    table.known[3].deaf = 4;
    assert_culprits(&table, 1, (const struct watch_culprit[]){{WATCH_LINK, 3}});
    watch_table_destroy(&table);
}

/* The farthest behind come first, of equals the lowest rank, then the other kinds; all are counted. */
static void test_order(void **state)
{
    (void)state;
    struct watch_table table = waiting_table();
    table.known[0].heard = 0;
    table.known[1].place = at(WATCH_FORWARD, 12);
    table.known[2].place = at(WATCH_READ, 12);
    table.known[6].place = at(WATCH_REDUCE, 11);
    assert_culprits(&table, 4,
                    (const struct watch_culprit[]){
                        {WATCH_BEHIND, 6}, {WATCH_BEHIND, 1}, {WATCH_BEHIND, 2}, {WATCH_SILENT, 0}});
    table.known[7].place = at(WATCH_CHECKPOINT, 11);
    table.known[4].place = at(WATCH_BACKWARD, 12);
    table.known[5].place = at(WATCH_END, 12);
    assert_culprits(&table, 7,
                    (const struct watch_culprit[]){
                        {WATCH_BEHIND, 7}, {WATCH_BEHIND, 6}, {WATCH_BEHIND, 1}, {WATCH_BEHIND, 2}});
    watch_table_destroy(&table);
}

/* The time runs from the first that came to where this rank is. */
static void test_waited(void **state)
{
    (void)state;
    struct watch_table table = waiting_table();
    assert_true(watch_table_judge(&table, 100).waited == 60);
    table.known[6].since = 30;
    assert_true(watch_table_judge(&table, 100).waited == 70);
    table.known[6].place = at(WATCH_REDUCE, 13); /* another wait */
    assert_true(watch_table_judge(&table, 100).waited == 60);
    table.known[6].place = at(WATCH_FORWARD, 12); /* no wait */
    assert_true(watch_table_judge(&table, 100).waited == 60);
    watch_table_destroy(&table);
}

/* The lowest that waits and lives speaks. */
static void test_speaker(void **state)
{
    (void)state;
    struct watch_table table = waiting_table();
    assert_false(watch_table_judge(&table, 100).speaker);
    table.known[0].place = at(WATCH_FORWARD, 12);
    table.known[1].heard = 90;
    assert_false(watch_table_judge(&table, 100).speaker);
    table.known[2].place = at(WATCH_CHECKPOINT, 11);
    assert_true(watch_table_judge(&table, 100).speaker);
    table.known[1].heard = 99;
    assert_false(watch_table_judge(&table, 100).speaker);
    watch_table_destroy(&table);
}

enum { MANY = 1000, STOPPED = 617, SLOW_A = 0, SLOW_B = 999 };

static uint64_t stalled_place(int rank)
{
    return rank == SLOW_A || rank == SLOW_B ? at(WATCH_READ, 300) : at(WATCH_REDUCE, 300);
}

/* A thousand ranks of which one died after it had arrived and two are slow: every rank finds the three, one
 * speaks. */
static void test_a_thousand(void **state)
{
    (void)state;
    struct group group = group_create(MANY);
    double now = 0;
    int speakers = 0;
    for (; now < 3; now += 0.5) {
        group_beat(&group, -1, now, stalled_place);
        group_tell(&group, -1, now);
    }
    for (; now < 12; now += 0.5) {
        group_beat(&group, STOPPED, now, stalled_place);
        group_tell(&group, STOPPED, now);
    }
    for (int r = 0; r < MANY; r++) {
        struct watch_verdict verdict = watch_table_judge(&group.tables[r], now + off(r));
        if (r == STOPPED || r == SLOW_A || r == SLOW_B)
            continue;
        if (verdict.culprits != 3 || verdict.worst[0].rank != SLOW_A || verdict.worst[1].rank != SLOW_B ||
            verdict.worst[2].rank != STOPPED || verdict.worst[2].kind != WATCH_SILENT)
            fail_msg("rank %d: %zu culprits, ranks %d, %d, %d", r, verdict.culprits, verdict.worst[0].rank,
                     verdict.worst[1].rank, verdict.worst[2].rank);
        assert_true(fabs(verdict.waited - 12) < 0.1);
        speakers += verdict.speaker;
    }
    assert_int_equal(speakers, 1);
    group_destroy(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partners), cmocka_unit_test(test_spreading), cmocka_unit_test(test_newest_wins),
        cmocka_unit_test(test_pieces),   cmocka_unit_test(test_ages),      cmocka_unit_test(test_since),
        cmocka_unit_test(test_nobody),   cmocka_unit_test(test_kinds),     cmocka_unit_test(test_order),
        cmocka_unit_test(test_waited),   cmocka_unit_test(test_speaker),   cmocka_unit_test(test_a_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
