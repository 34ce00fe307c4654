/* How fast the allreduces of dist/allreduce.h are beside MPI_Allreduce, on the ranks it is started with:
 *
 *     mpirun -np P build/bench/bench_allreduce [--max BYTES] [--seconds S] [--segment FLOATS] [--patient]
 *
 * All are timed in turn, A B C, B C A, C A B, ..., so that what disturbs the machine, and what one leaves to
 * the next, disturbs all. Per size: S seconds (default 2), at least 5 rounds; the time of a round is that of
 * the slowest rank. Printed are medians, the bus bandwidth 2(P-1)/P * bytes / time, which a perfect algorithm
 * holds constant for any P, and as ratio the median of a round's time of MPI_Allreduce over that of ours:
 * above 1 ours is faster. */
#include "dist/allreduce.h"
#include "core/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALGORITHMS_MAX = 8, ROUNDS_MIN = 5, ROUNDS_MAX = 2000, SIZE_MIN = 4096, SIZE_FACTOR = 4 };
static const double ROUND_SECONDS = 2e-3; /* short runs are repeated within a round to fill as much */

struct options {
    size_t max, segment;
    double seconds;
    bool patient;
};

struct bench {
    struct comm comm;
    struct options options;
    struct allreduce algorithms[ALGORITHMS_MAX];
    size_t algorithm_count, mpi; /* `mpi`: which of them is MPI's own */
    float *array;
    double *times; /* (ALGORITHMS_MAX, ROUNDS_MAX) */
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* Small integers, whose sum is exact in any order. */
static float value(int rank, size_t i)
{
    return (float)((size_t)rank * 7 % 5 + i % 1021);
}

static void check(struct bench *bench, struct allreduce *algorithm, size_t count)
{
    float ranks = 0;
    for (int rank = 0; rank < bench->comm.size; rank++)
        ranks += value(rank, 0);
    for (size_t i = 0; i < count; i++)
        bench->array[i] = value(bench->comm.rank, i);
    allreduce_run(algorithm, bench->array, count);
    for (size_t i = 0; i < count; i++) {
        float truth = ranks + (float)bench->comm.size * value(0, i);
        if (bench->array[i] != truth) {
            log_error("%s: element %zu of %zu is %g, not %g", algorithm->ops->name, i, count,
                      (double)bench->array[i], (double)truth);
            abort();
        }
    }
}

/* Seconds of one run, the mean of `repeats`, on this rank. */
static double time_run(struct bench *bench, struct allreduce *algorithm, size_t count, int repeats)
{
    MPI_Barrier(bench->comm.world);
    double start = MPI_Wtime();
    for (int i = 0; i < repeats; i++)
        allreduce_run(algorithm, bench->array, count);
    return (MPI_Wtime() - start) / repeats;
}

static int find_repeats(struct bench *bench, size_t count)
{
    double once = time_run(bench, &bench->algorithms[bench->mpi], count, 3);
    int repeats = once > ROUND_SECONDS ? 1 : (int)(ROUND_SECONDS / (once + 1e-7)) + 1;
    comm_broadcast(&bench->comm, 0, &repeats, sizeof repeats);
    return repeats;
}

/* Fills `times` with the slowest rank's, on rank 0; how many rounds there were. */
static size_t time_rounds(struct bench *bench, size_t count)
{
    size_t round = 0;
    int repeats = find_repeats(bench, count);
    double start = MPI_Wtime();
    for (bool more = true; more; round++) {
        for (size_t i = 0; i < bench->algorithm_count; i++) {
            size_t a = (round + i) % bench->algorithm_count;
            bench->times[a * ROUNDS_MAX + round] = time_run(bench, &bench->algorithms[a], count, repeats);
        }
        more = round + 1 < ROUNDS_MIN || MPI_Wtime() - start < bench->options.seconds;
        more = more && round + 1 < ROUNDS_MAX;
        comm_broadcast(&bench->comm, 0, &more, sizeof more);
    }
    bool root = bench->comm.rank == 0;
    MPI_Reduce(root ? MPI_IN_PLACE : bench->times, root ? bench->times : NULL, ALGORITHMS_MAX * ROUNDS_MAX,
               MPI_DOUBLE, MPI_MAX, 0, bench->comm.world);
    return round;
}

static void print_header(const struct bench *bench)
{
    char names[256] = "", units[256] = "";
    for (size_t a = 0; a < bench->algorithm_count; a++) {
        const char *name = bench->algorithms[a].ops->name;
        size_t n = strlen(names), u = strlen(units);
        snprintf(names + n, sizeof names - n, a == bench->mpi ? " | %-17s" : " | %-23s", name);
        snprintf(units + u, sizeof units - u, " | %9s %7s%s", "ms", "GB/s", a == bench->mpi ? "" : " ratio");
    }
    log_print("%d ranks, segments of %zu floats%s; medians; ratio: time of mpi / time of ours\n\n",
              bench->comm.size, bench->algorithms[0].segment, bench->options.patient ? ", patient" : "");
    log_print("%11s%s\n%11s%s\n", "", names, "bytes", units);
}

static void print_row(struct bench *bench, size_t bytes, size_t rounds)
{
    double ratios[ALGORITHMS_MAX], size = bench->comm.size;
    const double *reference = bench->times + bench->mpi * ROUNDS_MAX;
    double *quotients = malloc(rounds * sizeof *quotients);
    if (!quotients)
        abort();
    for (size_t a = 0; a < bench->algorithm_count; a++) {
        for (size_t i = 0; i < rounds; i++)
            quotients[i] = reference[i] / bench->times[a * ROUNDS_MAX + i];
        ratios[a] = median(quotients, rounds);
    }
    free(quotients);
    log_print("%11zu", bytes);
    for (size_t a = 0; a < bench->algorithm_count; a++) {
        double time = median(bench->times + a * ROUNDS_MAX, rounds);
        log_print(" | %9.4f %7.2f", 1e3 * time, 2 * (size - 1) / size * (double)bytes / time * 1e-9);
        if (a != bench->mpi)
            log_print(" %5.2f", ratios[a]);
    }
    log_print("\n");
}

static void measure(struct bench *bench, size_t bytes)
{
    size_t count = bytes / sizeof(float);
    for (size_t a = 0; a < bench->algorithm_count; a++)
        check(bench, &bench->algorithms[a], count);
    memset(bench->array, 0, bytes); /* so that sums of sums do not grow */
    size_t rounds = time_rounds(bench, count);
    if (bench->comm.rank == 0)
        print_row(bench, bytes, rounds);
}

/* False where the command line is wrong. */
static bool parse(struct options *options, int argc, char **argv)
{
    *options = (struct options){.max = (size_t)256 << 20, .seconds = 2};
    for (int i = 1; i < argc; i++) {
        char *end = "-";
        if (!strcmp(argv[i], "--patient")) {
            options->patient = true;
            continue;
        }
        if (i + 1 < argc && !strcmp(argv[i], "--max"))
            options->max = strtoull(argv[i + 1], &end, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "--segment"))
            options->segment = strtoull(argv[i + 1], &end, 10);
        else if (i + 1 < argc && !strcmp(argv[i], "--seconds"))
            options->seconds = strtod(argv[i + 1], &end);
        if (*end)
            return false;
        i++;
    }
    return options->max >= SIZE_MIN;
}

/* Those that work with so many ranks, in the order of the list. */
static void create_algorithms(struct bench *bench)
{
    const struct options *options = &bench->options;
    for (const struct allreduce_ops *ops = allreduce_list; ops->name; ops++) {
        struct allreduce *algorithm = &bench->algorithms[bench->algorithm_count];
        if (allreduce_create(algorithm, ops, &bench->comm, (size_t)bench->comm.size))
            continue;
        atomic_store(&algorithm->patient, options->patient);
        if (options->segment && options->segment < algorithm->segment)
            algorithm->segment = options->segment;
        if (!strcmp(ops->name, "mpi"))
            bench->mpi = bench->algorithm_count;
        bench->algorithm_count++;
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    if (comm_create(&bench.comm, &argc, &argv))
        abort();
    if (!parse(&bench.options, argc, argv) || bench.comm.size == 1) {
        if (bench.comm.rank == 0)
            log_error(
                "usage: mpirun -np RANKS bench_allreduce [--max BYTES] [--seconds S] [--segment FLOATS] "
                "[--patient], with 2 ranks or more");
        comm_destroy(&bench.comm);
        return STATUS_USAGE;
    }
    create_algorithms(&bench);
    bench.array = malloc(bench.options.max);
    bench.times = calloc((size_t)ALGORITHMS_MAX * ROUNDS_MAX, sizeof *bench.times);
    if (!bench.array || !bench.times)
        abort();
    print_header(&bench);
    for (size_t bytes = SIZE_MIN; bytes <= bench.options.max; bytes *= SIZE_FACTOR)
        measure(&bench, bytes);
    for (size_t a = 0; a < bench.algorithm_count; a++)
        allreduce_destroy(&bench.algorithms[a]);
    free(bench.times);
    free(bench.array);
    comm_destroy(&bench.comm);
    return (int)log_finish(STATUS_OK);
}
