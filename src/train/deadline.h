#pragma once
/* When the batch system will end the job, so that a run stops in time by itself: as soon as less time is left
 * than the larger of `before` and twice what the longest step and the longest checkpoint so far have taken
 * together. Times are seconds since 1970, durations seconds. No function reads a clock: the caller does. */
#include <stdbool.h>

enum { DEADLINE_TEXT_MAX = 128 };

struct deadline {
    double end;              /* of the job; 0: nobody waits for it, or it is not known */
    const char *source;      /* what tells it, for people */
    double before;           /* of checkpoint.stop_before */
    double step, checkpoint; /* the longest so far */
    double left;             /* when deadline_reached was first true; else NAN */
};

/* A time limit as Slurm writes it: "90" (minutes), "90:30", "1:30:00", "2-12" (days and hours), "2-12:30",
 * "2-12:30:00". False: it is none, or 0. */
bool deadline_limit(const char *text, double *seconds);

/* Seconds since a process of this host began; 0 where that cannot be told. */
double deadline_age(int pid);

/* `minutes`: checkpoint.stop_before. The end is, by the first that is there: `limit` (0: not given) after
 * this process, of `own_age`, began; SLURM_JOB_END_TIME; PBS_WALLTIME after the job, of `job_age`, began.
 * With neither `limit` nor `minutes` there is none. `checkpoint`: what one takes, as long as none was
 * written. */
void deadline_find(struct deadline *deadline, double minutes, double limit, double checkpoint, double now,
                   double own_age, double job_age);

/* What was measured. */
void deadline_note_step(struct deadline *deadline, double seconds);
void deadline_note_checkpoint(struct deadline *deadline, double seconds);

/* Whether it is time to stop. */
bool deadline_reached(struct deadline *deadline, double now);

/* "4:58 min before the end of the job (SLURM_JOB_END_TIME)", where it was reached. Returns `out`. */
const char *deadline_text(char out[DEADLINE_TEXT_MAX], const struct deadline *deadline);
