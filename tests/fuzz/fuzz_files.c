/* Damages files of every kind that the program reads, thousands of times, and has the program's own functions
 * read them. What must come of it is a message: no crash, no hang, and, where a digest covers every byte, no
 * file accepted but one that is as it was.
 *
 *   fuzz_files [CHANGES [KIND [KEEP [FIRST]]]]
 *
 * Over some files without a digest HDF5 itself breaks down (io/guard.h): they are counted, and do not fail.
 *
 * CHANGES: random changes of each kind, beside truncation at every 512th byte (200). KIND: this one alone;
 * all: all. KEEP: a folder that gets the files that went wrong. FIRST: the number of the change to begin
 * with. */
#include "fuzz/damage.h"
#include "fuzz/kinds.h"
#include "io/guard.h"
#include "io/seal.h"
#include "support/checkpoint_sample.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SEED = 1,
    PER_PROCESS = 1000,
    CPU_SECONDS_MAX = 10,
    SECONDS_MAX = 120 /* the machine may be busy */,
    TOLD_MAX = 5
};

/* What malloc does where nobody watches: too much is refused, and the program says so. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Shared by the process that counts and those that read. */
struct tally {
    size_t at; /* the change in work */
    size_t refused, sound /* as it was */, unnoticed /* read as it was */, other /* read as something else */;
    size_t accepted, guarded; /* against the digest, or refused without a message; HDF5 broke down */
    char text[DAMAGE_TEXT_MAX];
};

struct job {
    const struct kind *kind;
    unsigned char *bytes;
    size_t size, changes; /* cuts included */
    uint64_t content;
    const char *keep;
    struct tally *tally;
};

static void told(const struct job *job, const char *what)
{
    printf("%s: change %zu, %s: %s\n", job->kind->name, job->tally->at, job->tally->text, what);
}

static void keep(const struct job *job, const char *path)
{
    char name[1024];
    size_t size;
    if (!job->keep)
        return;
    char *bytes = scratch_read(path, &size);
    snprintf(name, sizeof name, "%s/%s-%zu", job->keep, job->kind->name, job->tally->at);
    scratch_write(name, bytes, size);
    free(bytes);
}

/* Damages and reads one file. */
static void try_one(const struct job *job, size_t number, const char *path)
{
    struct tally *tally = job->tally;
    unsigned char *bytes = malloc(job->size);
    uint64_t content = 0;
    memcpy(bytes, job->bytes, job->size);
    tally->at = number;
    size_t size = damage_apply(SEED, number, bytes, job->size, tally->text);
    bool same = size == job->size && !memcmp(bytes, job->bytes, size);
    scratch_write(path, bytes, size);
    free(bytes);
    if (job->kind->sealed && size >= SEAL_SIZE)
        sample_seal(path);
    status_set(STATUS_OK, "%s", "");
    enum status status = job->kind->read(path, &content);
    *(status                    ? &tally->refused
      : same                    ? &tally->sound
      : content == job->content ? &tally->unnoticed
                                : &tally->other) += 1;
    if (status ? status_message()[0] != 0 : content == job->content || !job->kind->covered)
        return;
    keep(job, path);
    if (tally->accepted++ < TOLD_MAX)
        told(job, status ? "refused without a message" : "accepted against the digest");
}

/* In a process of its own, the changes from `first` on. */
static void read_some(const struct job *job, size_t first, const char *path)
{
    size_t last = first + PER_PROCESS < job->changes ? first + PER_PROCESS : job->changes;
    const struct itimerval limit = {.it_value = {.tv_sec = SECONDS_MAX}},
                           cpu_limit = {.it_value = {.tv_sec = CPU_SECONDS_MAX}};
    int output = open(scratch_path("output"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(output, STDERR_FILENO);
    for (size_t i = first; i < last; i++) {
        setitimer(ITIMER_REAL, &limit, NULL);
        setitimer(ITIMER_PROF, &cpu_limit, NULL);
        try_one(job, i, path);
    }
    job->tally->at = last;
    fflush(stdout);
}

/* Whether it was within HDF5, as AddressSanitizer saw it, that something went wrong. Without AddressSanitizer
 * io/guard.h ends the process. */
static bool broke_hdf5(int status)
{
    if (WIFEXITED(status) && (WEXITSTATUS(status) == STATUS_DATA || WEXITSTATUS(status) == STATUS_CHECKPOINT))
        return true;
    char *text = scratch_read(scratch_path("output"), NULL),
         *report = strstr(text, "ERROR: AddressSanitizer");
    char *library = report ? strstr(report, "libhdf5") : NULL,
         *own = report ? strstr(report, "/src/io/") : NULL;
    bool within = library && own && library < own;
    free(text);
    return within;
}

static void show_output(void)
{
    char *text = scratch_read(scratch_path("output"), NULL);
    printf("%.3000s\n", text);
    free(text);
}

/* True where nothing went wrong. */
static bool fuzz(const struct job *job, size_t first)
{
    char path[512]; /* scratch_path's own does not last */
    snprintf(path, sizeof path, "%s", scratch_path("damaged"));
    size_t crashes = 0, hangs = 0;
    job->tally->at = first;
    while (job->tally->at < job->changes) {
        int status;
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            read_some(job, job->tally->at, path);
            _exit(0);
        }
        waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        if (!job->kind->covered && broke_hdf5(status)) {
            job->tally->guarded++; /* with a message, but the process is gone */
            keep(job, path);
            job->tally->at++;
            continue;
        }
        bool hung = WIFSIGNALED(status) && (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGPROF);
        keep(job, path);
        if (crashes + hangs < TOLD_MAX) {
            told(job, hung ? "hangs" : "crashes");
            show_output();
        }
        *(hung ? &hangs : &crashes) += 1;
        job->tally->at++;
    }
    const struct tally *t = job->tally;
    printf("%-24s %5zu bytes, %5zu changes: %5zu refused, %4zu unchanged, %4zu read as before, "
           "%4zu as something else, %zu broke HDF5 down; "
           "%zu crashes, %zu hangs, %zu accepted silently\n",
           job->kind->name, job->size, job->changes - first, t->refused, t->sound, t->unnoticed, t->other,
           t->guarded, crashes, hangs, t->accepted);
    return crashes + hangs + t->accepted == 0;
}

static bool fuzz_kind(const struct kind *kind, size_t changes, const char *folder, size_t first)
{
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("sound"));
    struct job job = {.kind = kind, .keep = folder};
    job.tally = mmap(NULL, sizeof *job.tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kind->make(path);
    job.bytes = (unsigned char *)scratch_read(path, &job.size);
    job.changes = damage_cuts(job.size) + changes;
    bool good = job.tally != MAP_FAILED;
    if (good && kind->read(path, &job.content)) {
        printf("%s: the sound file is refused: %s\n", kind->name, status_message());
        good = false;
    }
    good = good && fuzz(&job, first);
    free(job.bytes);
    if (job.tally != MAP_FAILED)
        munmap(job.tally, sizeof *job.tally);
    return good;
}

int main(int argc, char **argv)
{
    size_t changes = argc > 1 ? strtoull(argv[1], NULL, 10) : 200,
           first = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    const char *only = argc > 2 && strcmp(argv[2], "all") ? argv[2] : NULL,
               *folder = argc > 3 ? argv[3] : NULL;
    bool good = !scratch_create(NULL);
    guard_allow(_exit);
    kinds_create();
    for (size_t i = 0; i < kind_count; i++)
        if (!only || !strcmp(only, kinds[i].name))
            good = fuzz_kind(&kinds[i], changes, folder, first) && good;
    kinds_destroy();
    scratch_destroy(NULL);
    return good ? 0 : 1;
}
