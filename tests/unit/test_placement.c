/* Threads and faults of hosts that this machine need not be. */
#include "dist/placement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RANKS_MAX = 256 };

static struct placement_rank ranks[RANKS_MAX];

/* A host of so many cores: `size` ranks, rank i on `each` cores from i*stride on (wrapped), `asked` threads.
 */
static struct placement_host make(size_t cores, size_t size, size_t each, size_t stride, size_t asked)
{
    struct placement_host host = {.ranks = ranks, .size = size, .open = core_set_range(0, cores)};
    memset(ranks, 0, sizeof ranks);
    for (size_t i = 0; i < size; i++) {
        for (size_t j = 0; j < each; j++)
            core_set_add(&ranks[i].cores, (i * stride + j) % cores);
        ranks[i].asked = asked;
    }
    return host;
}

static void expect_threads(struct placement_host host, size_t first, size_t last)
{
    placement_assign(&host);
    assert_int_equal(ranks[0].threads, first);
    assert_int_equal(ranks[host.size - 1].threads, last);
}

static void test_threads(void **state)
{
    (void)state;
    expect_threads(make(64, 1, 64, 0, 0), 64, 64);
    expect_threads(make(64, 1, 1, 0, 0), 1, 1);    /* mpirun -np 1, as it binds */
    expect_threads(make(64, 16, 4, 4, 0), 4, 4);   /* slot:PE=4 */
    expect_threads(make(64, 16, 64, 0, 0), 4, 4);  /* unbound */
    expect_threads(make(64, 3, 64, 0, 0), 21, 21); /* 21 1/3 */
    expect_threads(make(64, 8, 32, 32, 0), 8, 8);  /* two NUMA domains, four ranks on each */
    expect_threads(make(64, 128, 64, 0, 0), 1, 1); /* oversubscribed */
    expect_threads(make(64, 16, 64, 0, 5), 5, 5);  /* the user wins */
    expect_threads(make(1, 1, 1, 0, 0), 1, 1);
    for (size_t cores = 1; cores <= 64; cores++) /* thirds and sevenths add up to whole numbers */
        for (size_t size = 1; size <= cores; size++)
            expect_threads(make(cores, size, cores, 0, 0), cores / size, cores / size);
}

/* One rank has cores for itself, others share. */
static void test_threads_uneven(void **state)
{
    (void)state;
    struct placement_host host = make(8, 3, 4, 0, 0); /* three on cores 0-3 */
    ranks[2].cores = core_set_range(2, 6);            /* the last on 2-7: 4 + 2/3 */
    expect_threads(host, 1, 4);                       /* 2/2 + 2/3 */
    assert_int_equal(ranks[1].threads, 1);
}

/* The scheduler gave 8 of 64 cores, and binds nobody. */
static void test_threads_limit(void **state)
{
    (void)state;
    struct placement_host host = make(64, 2, 64, 0, 0);
    host.limit = 8;
    expect_threads(host, 4, 4);
    host = make(64, 2, 4, 4, 0);
    host.limit = 8;
    expect_threads(host, 4, 4);
    host = make(64, 2, 2, 2, 0);
    host.limit = 8;
    expect_threads(host, 2, 2);
}

static struct placement_verdict judge(struct placement_host host)
{
    placement_assign(&host);
    return placement_judge(&host);
}

static void expect_fine(struct placement_host host)
{
    struct placement_verdict v = judge(host);
    if (v.fault)
        fail_msg("fault %d: %zu ranks, %zu threads, %zu cores, %zu idle", (int)v.fault, v.ranks, v.threads,
                 v.cores, v.idle);
}

static void expect_fault(struct placement_host host, enum placement_fault fault, size_t size, size_t threads,
                         size_t cores, size_t idle)
{
    struct placement_verdict v = judge(host);
    if (v.fault != fault || v.ranks != size || v.threads != threads || v.cores != cores || v.idle != idle)
        fail_msg("fault %d: %zu ranks, %zu threads, %zu cores, %zu idle", (int)v.fault, v.ranks, v.threads,
                 v.cores, v.idle);
}

static void test_fine(void **state)
{
    (void)state;
    expect_fine(make(64, 1, 64, 0, 0));
    expect_fine(make(64, 64, 1, 1, 0));
    expect_fine(make(64, 64, 64, 0, 0));
    expect_fine(make(64, 16, 4, 4, 0));
    expect_fine(make(64, 2, 32, 32, 0));
    expect_fine(make(64, 3, 21, 21, 0)); /* one core is left over, too few for all */
    expect_fine(make(64, 16, 64, 0, 4));
    expect_fine(make(64, 2, 64, 0, 1)); /* fewer threads than there could be: the user's wish */
    expect_fine(make(64, 2, 1, 1, 1));  /* likewise, bound */
    expect_fine(make(1, 1, 1, 0, 0));
    struct placement_host host = make(64, 2, 4, 4, 0);
    host.limit = 8; /* the other cores are other jobs' */
    expect_fine(host);
    host.open = core_set_range(0, 8);
    host.limit = 0; /* so they are where the control group says it */
    expect_fine(host);
}

/* A rank may have more cores than another, as long as there is a core for every thread. */
static void test_fine_uneven(void **state)
{
    (void)state;
    struct placement_host host = make(4, 2, 4, 0, 0);
    ranks[1].cores = core_set_range(0, 2);
    placement_assign(&host);
    assert_int_equal(ranks[0].threads, 3);
    assert_int_equal(ranks[1].threads, 1);
    expect_fine(host);
}

static void test_crowded(void **state)
{
    (void)state;
    expect_fault(make(2, 16, 2, 0, 0), PLACEMENT_CROWDED, 16, 16, 2, 0);
    expect_fault(make(64, 65, 64, 0, 0), PLACEMENT_CROWDED, 65, 65, 64, 0);
    expect_fault(make(64, 16, 64, 0, 5), PLACEMENT_CROWDED, 16, 80, 64, 0);
    expect_fault(make(64, 16, 4, 4, 5), PLACEMENT_CROWDED, 16, 80, 64, 0);
    /* the usual one: OMP_NUM_THREADS, and mpirun binds to a core each */
    expect_fault(make(64, 2, 1, 1, 32), PLACEMENT_CROWDED, 2, 64, 2, 62);
    /* two ranks on one core of many */
    expect_fault(make(64, 2, 1, 0, 0), PLACEMENT_CROWDED, 2, 2, 1, 63);
    struct placement_host host = make(64, 16, 64, 0, 0);
    host.limit = 8;
    expect_fault(host, PLACEMENT_CROWDED, 16, 16, 8, 0);
}

/* Only those who wait for each other are counted. */
static void test_crowded_part(void **state)
{
    (void)state;
    struct placement_host host = make(64, 4, 16, 16, 0);
    ranks[1].asked = 17;
    expect_fault(host, PLACEMENT_CROWDED, 1, 17, 16, 0);
    ranks[1].asked = 8;
    ranks[0].cores = ranks[1].cores;
    ranks[0].asked = 9; /* 17 on 16, between two */
    expect_fault(host, PLACEMENT_CROWDED, 2, 17, 16, 16);
    /* four threads on one core, which another rank could leave */
    host = make(8, 2, 8, 0, 1);
    ranks[0].cores = core_set_range(3, 1);
    ranks[0].asked = 4;
    expect_fault(host, PLACEMENT_CROWDED, 1, 4, 1, 0);
    /* 0 and 1 overlap, 1 and 2 do: they share 24 cores */
    host = make(32, 4, 12, 6, 7);
    ranks[3].cores = core_set_range(24, 8);
    expect_fine(host);
    ranks[1].asked = 12;
    expect_fault(host, PLACEMENT_CROWDED, 3, 26, 24, 0);
}

static void test_idle(void **state)
{
    (void)state;
    expect_fault(make(64, 1, 1, 0, 0), PLACEMENT_IDLE, 1, 1, 1, 63);
    expect_fault(make(64, 2, 1, 1, 0), PLACEMENT_IDLE, 2, 2, 2, 62);
    expect_fault(make(2, 1, 1, 0, 0), PLACEMENT_IDLE, 1, 1, 1, 1);
    expect_fault(make(64, 2, 4, 4, 0), PLACEMENT_IDLE, 2, 8, 8, 56);
    struct placement_host host = make(64, 2, 1, 1, 0);
    host.limit = 8;
    expect_fault(host, PLACEMENT_IDLE, 2, 2, 2, 6);
}

static struct placement_host pin(struct placement_host host, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        ranks[i].pinned = true;
    return host;
}

static void test_pinned(void **state)
{
    (void)state;
    expect_fine(pin(make(64, 1, 64, 0, 0), 0, 1));
    expect_fine(pin(make(64, 16, 4, 4, 0), 0, 16)); /* each rank to cores of its own */
    expect_fine(pin(make(64, 16, 64, 0, 0), 3, 1)); /* the others may leave */
    expect_fault(pin(make(64, 16, 64, 0, 0), 0, 16), PLACEMENT_PINNED, 16, 64, 64, 0);
    expect_fault(pin(make(64, 4, 32, 32, 0), 1, 3), PLACEMENT_PINNED, 2, 64, 64,
                 0); /* 1 and 3 on the same half */
    expect_fault(pin(make(2, 16, 2, 0, 0), 0, 16), PLACEMENT_CROWDED, 16, 16, 2, 0);
}

static void expect_advice(struct placement_host host, enum launcher_kind launcher, const char *text)
{
    char out[512];
    struct placement_verdict v = judge(host);
    placement_advice(&v, host.size, launcher, out, sizeof out);
    assert_string_equal(out, text);
}

static void test_advice(void **state)
{
    (void)state;
    expect_advice(make(64, 64, 1, 1, 0), LAUNCHER_MPIRUN, "");
    expect_advice(
        pin(make(64, 16, 64, 0, 0), 0, 16), LAUNCHER_SRUN,
        "OMP_PROC_BIND or OMP_PLACES binds threads of 16 ranks to the same cores: OMP_PROC_BIND=false");
    expect_advice(make(64, 1, 1, 0, 0), LAUNCHER_MPIRUN,
                  "1 rank may run on 1 core only, though 64 are there: `mpirun --bind-to none`, or `--map-by "
                  "slot:PE=64`");
    expect_advice(make(64, 3, 1, 1, 0), LAUNCHER_SRUN,
                  "3 ranks may run on 3 cores only, though 64 are there: `srun --cpu-bind=none`, or "
                  "`--cpus-per-task=21`");
    expect_advice(
        make(64, 2, 1, 1, 0), LAUNCHER_OTHER,
        "2 ranks may run on 2 cores only, though 64 are there: let the launcher bind no rank, or each to 32 "
        "cores");
    expect_advice(
        make(64, 2, 1, 1, 8), LAUNCHER_MPIRUN,
        "2 ranks with 16 threads in all may run on 2 cores only, and wait for each other, though 64 are "
        "there: `mpirun --bind-to none`, or `--map-by slot:PE=8`");
    expect_advice(
        make(64, 2, 1, 1, 100), LAUNCHER_MPIRUN,
        "2 ranks with 200 threads in all may run on 2 cores only, and wait for each other, though 64 are "
        "there: `mpirun --bind-to none`, or `--map-by slot:PE=32`");
    expect_advice(make(2, 16, 2, 0, 0), LAUNCHER_MPIRUN,
                  "16 ranks with 16 threads in all share 2 cores, and wait for each other: at most 2 ranks "
                  "on this host (`-np 2`; on several hosts `--map-by ppr:2:node`)");
    expect_advice(make(2, 16, 2, 0, 0), LAUNCHER_SRUN,
                  "16 ranks with 16 threads in all share 2 cores, and wait for each other: `srun "
                  "--ntasks-per-node=2`");
    expect_advice(
        make(2, 16, 2, 0, 4), LAUNCHER_OTHER,
        "16 ranks with 64 threads in all share 2 cores, and wait for each other: at most 2 ranks on a host");
    expect_advice(
        make(64, 16, 64, 0, 64), LAUNCHER_MPIRUN,
        "16 ranks with 1024 threads in all share 64 cores, and wait for each other: OMP_NUM_THREADS=4");
}

/* A host with as many ranks as any has is judged in no time. */
static void test_many_ranks(void **state)
{
    (void)state;
    expect_fine(make(CORE_SET_MAX, RANKS_MAX, 8, 8, 0));
    expect_fine(make(CORE_SET_MAX, RANKS_MAX, 12, 8, 0)); /* a ring of neighbours that share cores */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_threads_uneven),
        cmocka_unit_test(test_threads_limit), cmocka_unit_test(test_fine),
        cmocka_unit_test(test_fine_uneven),   cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_crowded_part),  cmocka_unit_test(test_idle),
        cmocka_unit_test(test_pinned),        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_many_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
