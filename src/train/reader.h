#pragma once
/* Samples that are made ready while the network is at those before: one thread per rank, two buffers.
 *
 *     network    | batch 0  | batch 1  | batch 2  ...
 *     thread     | fills 1  | fills 2  | fills 3  ...
 *
 * A batch is cut into pieces, which the thread takes one after the other. What it has not begun when the
 * network wants the batch, the network's own threads take: many do not wait for one. Who fills a piece, and
 * when, changes no bit. The thread calls neither MPI nor OpenMP.
 *
 * Images that are in the file (io/stream.h) are read a batch at a time, before any of its pieces can be made,
 * by the thread, or by the caller where the thread has not begun. When there is nothing else to do, the
 * thread reads the rest of the window, and what is due of the next one. */
#include "core/network.h"
#include "io/augment.h"
#include "io/dataset.h"
#include "io/stream.h"
#include "train/order.h"

#include <pthread.h>

/* What a batch is made of; what it names is borrowed until the batch was taken. */
struct reader_wish {
    const struct dataset_split *split;
    const struct normalization *normalization;
    const struct augment *augment; /* NULL: images as they are */
    uint64_t epoch;
    const size_t *samples;     /* (n) indices of the split; NULL: first .. first+n-1 */
    size_t first, n;           /* n: 1 to the network's batch */
    struct stream *stream;     /* where the images are; NULL: in memory. Needs reader_stage */
    const struct order *order; /* with windows: `samples` are those of its epoch from place `first` on; NULL:
                                  they are of no window. Looked at only by the caller's thread */
};

struct reader_batch {
    float *x;         /* (n, h, w, c), normalised and augmented */
    int32_t *classes; /* (n), or */
    float *values;    /* (n, outputs): whichever the split has */
};

struct reader_buffer {
    struct reader_batch batch;
    size_t *samples;         /* (n), a copy */
    struct reader_wish wish; /* n 0: nothing was wished for */
    size_t piece;            /* samples of a piece; the last one may have fewer */

    /* of images that are in the file; NULL where none is to be */
    unsigned char *raw; /* (n) as dataset_read would have them */
    uint64_t *until;    /* (n) as stream_load wants it */
    size_t *by_run;     /* (n) places in the batch, run after run */
    enum status status; /* of reading them, */
    char message[STATUS_MESSAGE_MAX];
};

/* Runs of the window at hand and of the next one that are to be there soon. */
struct reader_fetch {
    struct stream *stream;
    size_t *runs, count, next; /* next: up to here they are */
    size_t own;                /* of the window at hand, the rest being the next one's */
    uint64_t window;           /* its number; runs of those before it are not needed any more */
};

struct reader {
    struct network *network; /* borrowed */
    float *x;                /* the network's own */
    struct arena arena, raw; /* raw: images as the file has them */
    struct reader_buffer buffers[2];
    size_t *places;   /* (batch) 0, 1, 2 ...: of images in `raw` */
    uint64_t batches; /* that were begun */
    size_t taken;     /* the buffer that was given away last; the other one is being filled */
    bool waits;       /* the caller's to set: nothing is filled before it is asked for */
    double waited;    /* seconds in reader_take, whoever filled the batches */
    uint64_t pieces;  /* of those batches, */

    pthread_t thread;
    bool has_thread;

    /* shared, under the mutex: the buffer that is being filled */
    pthread_mutex_t mutex;
    pthread_cond_t wished, filled;
    bool quit;
    size_t begun, done, end; /* pieces */
    bool staged, staging;    /* its images are in memory; are being read */
    bool fetching;           /* the thread reads ahead of that */
    bool given_up;           /* reading them is to end */
    struct reader_fetch fetch;
    uint64_t ahead; /* pieces that the thread filled */
};

/* For batches of a bound network, whose own memory for samples is one of the two buffers, and starts the
 * thread, with all signals blocked. `reader` must not be moved afterwards. reader_destroy gives the network
 * its memory back, and frees; it does nothing to one that is zero. */
enum status reader_create(struct reader *reader, struct network *network);
void reader_destroy(struct reader *reader);

/* Bytes that reader_create takes for batches of so many. */
size_t reader_memory(const struct network *network, size_t batch);

/* Before the first wish for images in a file: takes the memory for them. `image_bytes` of one, raw; `ahead`:
 * runs of two windows of any wish; 0: none has any. */
enum status reader_stage(struct reader *reader, size_t image_bytes, size_t ahead);

/* Bytes that reader_stage takes. */
size_t reader_stage_memory(size_t batch, size_t image_bytes, size_t ahead);

/* Has the thread fill a batch, which is to be taken next. Another one that was wished for and not taken is
 * given up. Nothing where the reader waits. */
void reader_ahead(struct reader *reader, const struct reader_wish *wish);

/* The batch, whether it was wished for before or not. It stays until the next call. Where its images could
 * not be read, reader_status tells, and x is anything. */
struct reader_batch reader_take(struct reader *reader, const struct reader_wish *wish);

/* Of the batch that was taken last: STATUS_OK, or why its images could not be read. */
enum status reader_status(const struct reader *reader);
