#include "core/layer_rates.h"

#include <math.h>
#include <string.h>

#define FIELD(member) offsetof(struct layer_rates, member)

const struct option layer_rates_options[] = {
    {NULL, "lr", OPTION_REAL, FIELD(lr), "1", 0, 1e6, NULL,
     "the layer's learning rate is this times that of the run"},
    {NULL, "bias_lr", OPTION_REAL, FIELD(bias_lr), "", 0, 1e6, NULL,
     "likewise, of its biases alone; not given: lr"},
    {NULL, "decay", OPTION_REAL, FIELD(decay), "", 0, 1e6, NULL,
     "weight decay is this times train.weight_decay; not given: 1 for weights, 0 for scales of a "
     "normalization"},
    {NULL, "bias_decay", OPTION_REAL, FIELD(bias_decay), "0", 0, 1e6, NULL, "likewise, of its biases alone"},
    {NULL, "frozen", OPTION_BOOL, FIELD(frozen), "no", 0, 0, NULL,
     "yes: it stays as it is, and its gradients are not computed"},
    {NULL, "epochs", OPTION_REAL, FIELD(epochs), "0", 0, 1e6, NULL,
     "it learns in the first so many epochs only, and then stays as it is; 0: in all"},
};
const size_t layer_rates_option_count = OPTION_COUNT(layer_rates_options);

enum status layer_rates_apply(struct layer *layer)
{
    const struct layer_rates *rates = &layer->rates;
    if (rates->given && layer->parameter_count == 0)
        return status_set(STATUS_USAGE, "%s has nothing to learn, so that %s= says nothing", layer->ops->type,
                          rates->given);
    for (size_t p = 0; p < layer->parameter_count; p++) {
        struct parameter *parameter = &layer->parameters[p];
        bool bias = !strcmp(parameter->name, "bias");
        parameter->lr = bias && !isnan(rates->bias_lr) ? rates->bias_lr : rates->lr;
        parameter->decay_factor = bias                   ? rates->bias_decay
                                  : !isnan(rates->decay) ? rates->decay
                                                         : parameter->decay;
        parameter->epochs = rates->epochs;
        parameter->frozen = rates->frozen || parameter->lr == 0;
    }
    return STATUS_OK;
}

bool layer_rates_frozen(const struct layer *layer)
{
    for (size_t p = 0; p < layer->parameter_count; p++)
        if (!layer->parameters[p].frozen)
            return false;
    return true;
}
