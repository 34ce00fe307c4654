#include "support/network_text.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINES_MAX = 64, WHERE_MAX = 32 };

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
    return text;
}

enum status network_from_text(struct network *network, struct shape input, const char *text)
{
    struct layer_line lines[LINES_MAX];
    char where[LINES_MAX][WHERE_MAX], *copy = strdup(text), *rest = copy;
    size_t count = 0;
    for (int number = 1; rest; number++) {
        char *line = trim(strsep(&rest, "\n")), *equals = strchr(line, '=');
        if (!*line)
            continue;
        assert_non_null(equals);
        assert_true(count < LINES_MAX);
        *equals = 0;
        snprintf(where[count], WHERE_MAX, "test.ini:%d", number);
        lines[count] = (struct layer_line){trim(line), trim(equals + 1), where[count]};
        count++;
    }
    enum status status = network_plan(network, input, lines, count);
    free(copy);
    return status;
}

void network_must_plan(struct network *network, struct shape input, const char *text)
{
    if (network_from_text(network, input, text))
        fail_msg("%s\n%s", status_message(), text);
}

void network_must_refuse(struct shape input, const char *text, const char *parts)
{
    struct network network;
    char copy[256], *rest;
    if (network_from_text(&network, input, text) != STATUS_USAGE)
        fail_msg("taken:\n%s", text);
    assert_true(network.layers == NULL && network.layer_count == 0 && network.parameter_count == 0);
    network_destroy(&network);
    snprintf(copy, sizeof copy, "%s", parts);
    for (char *part = strtok_r(copy, "|", &rest); part; part = strtok_r(NULL, "|", &rest))
        if (!strstr(status_message(), part))
            fail_msg("%s\nsays: %s\nand not: %s", text, status_message(), part);
}

void network_set_apart(struct network *network)
{
    for (size_t i = 0; i < network->layer_count; i++) {
        struct layer *layer = &network->layers[i];
        layer->shares_input = layer->output_relu = layer->output_relu_backward = layer->input_relu = false;
        layer->skip_forward = layer->skip_backward = layer->hands_affine_on = false;
        memset(layer->input_affine, 0, sizeof layer->input_affine);
        memset(layer->shares_gradient, 0, sizeof layer->shares_gradient);
        layer->completer = SIZE_MAX;
    }
}
