#include "io/config_check.h"

#include "core/schedule.h"
#include "core/text.h"

#include <math.h>

static enum status check_optimizer(const struct config *c, const char **key)
{
    *key = "nesterov";
    if (c->train.nesterov && c->train.optimizer != CONFIG_SGD)
        return status_set(STATUS_USAGE, "nesterov = yes is for optimizer = sgd only");
    if (c->train.nesterov && c->train.momentum == 0)
        return status_set(STATUS_USAGE, "nesterov = yes needs momentum above 0");
    return STATUS_OK;
}

static enum status check_milestones(const struct config *c, const char **key)
{
    double m[SCHEDULE_MILESTONES_MAX];
    size_t count;
    *key = "milestones";
    if (!text_to_doubles(c->train.milestones, m, SCHEDULE_MILESTONES_MAX, &count))
        return status_set(STATUS_USAGE,
                          "milestones = %.200s: expected up to %d epochs with commas between them: 30,60,80",
                          c->train.milestones, SCHEDULE_MILESTONES_MAX);
    if (c->train.schedule == CONFIG_MULTISTEP && count == 0) {
        *key = "schedule";
        return status_set(STATUS_USAGE, "schedule = multistep needs milestones, such as 30,60,80");
    }
    for (size_t i = 0; i < count; i++) {
        if (!(m[i] > (i ? m[i - 1] : 0)))
            return status_set(STATUS_USAGE, "milestones = %.200s: they must be above 0 and rise",
                              c->train.milestones);
        if (c->train.schedule == CONFIG_MULTISTEP && m[i] >= c->train.epochs)
            return status_set(STATUS_USAGE,
                              "milestones = %.200s: the run ends before %g, after epochs = %g, so that this "
                              "drop never comes",
                              c->train.milestones, m[i], c->train.epochs);
    }
    return STATUS_OK;
}

/* Those that know an end of their own. */
static bool has_end(const struct config *c)
{
    int schedule = c->train.schedule;
    return schedule == CONFIG_COSINE || schedule == CONFIG_POLYNOMIAL || schedule == CONFIG_ONECYCLE ||
           schedule == CONFIG_TRIANGULAR;
}

static enum status check_length(const struct config *c, const char **key)
{
    double length = c->train.schedule_epochs;
    *key = "schedule_epochs";
    if (length > 0 && has_end(c) && ceil(length) < c->train.epochs)
        return status_set(STATUS_USAGE,
                          "the schedule ends after schedule_epochs = %g, the run after epochs = %g", length,
                          c->train.epochs);
    *key = "warmup";
    if (c->train.warmup > c->train.epochs)
        return status_set(STATUS_USAGE, "warmup = %g is longer than the run, epochs = %g", c->train.warmup,
                          c->train.epochs);
    bool cycle = c->train.schedule == CONFIG_ONECYCLE || c->train.schedule == CONFIG_TRIANGULAR;
    if (cycle && c->train.warmup > 0)
        return status_set(STATUS_USAGE, "warmup = %g: schedule = %s rises by itself, from cycle_start",
                          c->train.warmup, c->train.schedule == CONFIG_ONECYCLE ? "onecycle" : "triangular");
    return STATUS_OK;
}

enum status config_check_train(const struct config *config, const char **key)
{
    enum status status = check_optimizer(config, key);
    if (!status)
        status = check_milestones(config, key);
    return status ? status : check_length(config, key);
}
