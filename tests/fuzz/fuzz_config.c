/* libFuzzer over the configuration: INI text, keys, overrides, layers' options, and the planning of the
 * network that comes of it. What is accepted must also be written as text that reads back to the same text.
 * Built with CNN_FUZZ and clang; tests/fuzz/config.sh runs it. */
#include "core/network.h"
#include "io/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_text(const struct config *config)
{
    struct config again;
    char *first = NULL, *second = NULL;
    if (config_text(config, &first) || config_parse(&again, config->path, first, NULL, 0) ||
        config_text(&again, &second) || strcmp(first, second))
        abort();
    config_destroy(&again);
    free(first);
    free(second);
}

static void plan(const struct config *config)
{
    struct network network;
    struct shape input = config->network.input;
    if (!input.h)
        input = (struct shape){28, 28, 1};
    if (!network_plan(&network, input, config->network.lines, config->network.line_count))
        network_destroy(&network);
}

/* The text, and behind a zero byte an override as --set gives it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct config config;
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    size_t length = strlen(text);
    const char *const override = length < size ? text + length + 1 : NULL;
    if (!config_parse(&config, "fuzz.ini", text, &override, override != NULL)) {
        check_text(&config);
        plan(&config);
        config_destroy(&config);
    }
    free(text);
    return 0;
}
