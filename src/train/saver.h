#pragma once
/* Checkpoints and lines of metrics.csv, written by a thread while training goes on. Rank 0 only.
 *
 *     training     ... step | copy | step | step | step ...
 *     thread                       image, file, flush, rename, links, prune
 *
 * Training stands still for the copy alone, and where the checkpoint before is not on the disk yet, for that.
 * The copy's memory is taken once, at the start.
 *
 * The thread uses HDF5, under h5_lock, and neither MPI nor OpenMP. What fails on the
 * disk is no reason to stop training: it is warned of, once, and tried again with the next checkpoint. Only a
 * failure of the run's last one is the run's. */
#include "core/arena.h"
#include "core/optimizer.h"
#include "io/checkpoint.h"
#include "io/claim.h"
#include "train/metrics.h"

#include <pthread.h>

/* Of the optimizer and of averages. */
enum { SAVER_SLOTS_MAX = OPTIMIZER_SLOTS_MAX + 2 };

struct save {
    double began; /* clock_seconds when training stopped for it */
    bool best;    /* best.h5 is to point to it */
    bool last;    /* of the run: saver_finish tells a failure, and nobody warns of it */
};

/* Seconds. */
struct saver_times {
    size_t written, failed;             /* checkpoints */
    double pause_longest, pause_total;  /* training stood still */
    double writing_last, writing_total; /* the thread was at those that were written */
};

struct saver {
    const char *folder;  /* borrowed */
    struct claim *claim; /* on the folder; borrowed; the thread's */
    size_t keep;

    /* the copy: the caller's where the thread is not busy with a checkpoint, else the thread's */
    struct arena arena;
    struct checkpoint_slot slots[SAVER_SLOTS_MAX];
    struct network network; /* the run's, but with the copied parameters and buffers */
    struct progress progress;
    struct checkpoint_content content;
    struct save save;

    pthread_t thread;
    bool has_thread;
    struct metrics_row *waiting; /* a list, the thread's: not in the file yet */

    /* shared, under the mutex */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool writes, quit, idle;   /* a checkpoint; the thread is to end; it has nothing to do */
    struct metrics_row *given; /* a list that the thread has not taken yet */
    char good[1024];           /* the last checkpoint that was written, or the one to go on from; "": none */
    enum status outcome;       /* of the last checkpoint, */
    char message[STATUS_MESSAGE_MAX]; /* and what was said of it */
    struct saver_times times;
};

/* Takes the memory and starts the thread; nothing is done to the folder. `network` is bound, and with
 * `folder` and `claim` (NULL: nobody else writes there) borrowed; `slots` say which
 * arrays go with its parameters and buffers;
 * `good`: the checkpoint that the run goes on from, "": none. `saver` must not be moved afterwards.
 * saver_destroy finishes what was begun, and frees; it does nothing to one that is zero. */
enum status saver_create(struct saver *saver, const char *folder, struct claim *claim,
                         const struct network *network, const struct checkpoint_slot *slots,
                         size_t slot_count, size_t keep, const char *good);
void saver_destroy(struct saver *saver);

/* STATUS_CHECKPOINT: the thread found that the folder is another start's now. It writes nothing any more, and
 * the run is to end. */
enum status saver_check(struct saver *saver);

/* Copies parameters, buffers, slots and progress, and has them written (checkpoint_write, checkpoint_prune).
 * Waits first where the thread is still at the one before. The rest of the content must stay until
 * saver_finish. A folder that is gone is made again, but not the one above it: where that is gone as well, it
 * is a file system that is missing. */
void saver_save(struct saver *saver, const struct checkpoint_content *content, const struct save *save);

/* Has a line appended to metrics.csv, before any checkpoint that is asked for later. Lines that could not be
 * written are kept, and written with the next one, or with the next checkpoint. STATUS_INTERNAL: no memory.
 */
enum status saver_add_row(struct saver *saver, const struct metrics_row *row);

/* Waits until all that was asked for is done. STATUS_CHECKPOINT: the last checkpoint could not be written.
 * Lines of metrics.csv that are not in the file are only warned of. `good` gets the last one that was. */
enum status saver_finish(struct saver *saver, char good[1024]);

/* Seconds that a checkpoint takes from the start of its pause to the disk, going by those that were written:
 * 0, where none was yet. */
double saver_seconds(struct saver *saver);

struct saver_times saver_times(struct saver *saver);
