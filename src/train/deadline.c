#include "train/deadline.h"

#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool deadline_limit(const char *text, double *seconds)
{
    /* days, then fields; seconds per unit of the first field, for one to three of them */
    static const double scale[2][3] = {{60, 60, 3600}, {3600, 3600, 3600}};
    const char *dash = strchr(text, '-'), *rest = dash ? dash + 1 : text;
    unsigned fields[3] = {0}, days = 0;
    int count, end = 0;
    if (strspn(text, "0123456789:-") != strlen(text) || strlen(text) > 24)
        return false;
    if (dash && (sscanf(text, "%6u%n", &days, &end) != 1 || text + end != dash))
        return false;
    for (count = 0; count < 3; count++) {
        if (sscanf(rest, "%7u%n", &fields[count], &end) != 1)
            return false;
        rest += end;
        if (*rest != ':')
            break;
        rest++;
    }
    if (*rest || count == 3)
        return false;
    double unit = scale[dash != NULL][count];
    *seconds = days * 86400.0 + fields[0] * unit + fields[1] * unit / 60 + fields[2];
    return *seconds > 0;
}

double deadline_age(int pid)
{
    char path[64], text[1024] = "";
    double uptime = 0;
    unsigned long long began = 0; /* clock ticks after the start of the system */
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    file = fopen("/proc/uptime", "r");
    bool known = file && fscanf(file, "%lf", &uptime) == 1;
    if (file)
        fclose(file);
    const char *fields =
        strrchr(text, ')'); /* the second, which may hold anything, ends here; began is the 22nd */
    for (int field = 2; fields && field < 22; field++)
        fields = strchr(fields + 1, ' ');
    known = known && fields && sscanf(fields, "%llu", &began) == 1;
    return known ? fmax(uptime - (double)began / (double)sysconf(_SC_CLK_TCK), 0) : 0;
}

/* A number of seconds in the environment, above 0; else 0. */
static double variable(const char *name)
{
    const char *text = getenv(name);
    double value = 0;
    return text && text_to_double(text, &value) && isfinite(value) && value > 0 ? value : 0;
}

void deadline_find(struct deadline *deadline, double minutes, double limit, double checkpoint, double now,
                   double own_age, double job_age)
{
    double slurm = variable("SLURM_JOB_END_TIME"), pbs = variable("PBS_WALLTIME");
    *deadline = (struct deadline){.before = 60 * minutes, .checkpoint = checkpoint, .left = NAN};
    if (limit > 0) {
        deadline->source = "--time-limit";
        deadline->end = now - own_age + limit;
    } else if (minutes > 0 && slurm > 0) {
        deadline->source = "SLURM_JOB_END_TIME";
        deadline->end = slurm;
    } else if (minutes > 0 && pbs > 0) {
        deadline->source = "PBS_WALLTIME";
        deadline->end = now - job_age + pbs;
    }
}

void deadline_note_step(struct deadline *deadline, double seconds)
{
    deadline->step = fmax(deadline->step, seconds);
}

void deadline_note_checkpoint(struct deadline *deadline, double seconds)
{
    deadline->checkpoint = fmax(deadline->checkpoint, seconds);
}

bool deadline_reached(struct deadline *deadline, double now)
{
    double margin = fmax(deadline->before, 2 * (deadline->step + deadline->checkpoint));
    if (deadline->end <= 0 || deadline->end - now >= margin)
        return false;
    if (isnan(deadline->left))
        deadline->left = deadline->end - now;
    return true;
}

const char *deadline_text(char out[DEADLINE_TEXT_MAX], const struct deadline *deadline)
{
    char seconds[32];
    text_seconds(seconds, fabs(deadline->left));
    snprintf(out, DEADLINE_TEXT_MAX, "%s %s the end of the job (%s)", seconds,
             deadline->left < 0 ? "after" : "before", deadline->source);
    return out;
}
