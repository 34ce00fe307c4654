/* From lines to a plan: what is refused, with which words, and the order of parameters. */
#include "core/network.h"
#include "support/network_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct shape image = {8, 8, 3}, row = {1, 1, 12};

static void test_words(void **state)
{
    (void)state;
    network_must_refuse(image, "c = conv2 filters=2 kernel=3\nout = softmax", "test.ini:1|`c`|conv2|conv2d");
    network_must_refuse(image, "c = xylophone\nout = softmax", "test.ini:1|xylophone|maxpool");
    network_must_refuse(image, "c = conv2d filter=2 kernel=3\nout = softmax",
                        "test.ini:1|`c`|filter|filters");
    network_must_refuse(image, "c = conv2d filters=2 kernel=3 zzzzzzzz=1\nout = softmax",
                        "zzzzzzzz|padding|groups");
    network_must_refuse(image, "r = relu slope=1\nout = softmax", "slope|relu");
    network_must_refuse(image, "c = conv2d filters=2 kernel\nout = softmax", "kernel|option=value");
    network_must_refuse(image, "c = conv2d filters = 2\nout = softmax", "option=value");
    network_must_refuse(image, "c = conv2d filters=2 filters=3 kernel=3\nout = softmax", "filters|twice");
    network_must_refuse(image, "c =\nout = softmax", "test.ini:1|layer type");
}

static void test_graph(void **state)
{
    (void)state;
    const struct refusal {
        const char *text, *parts;
    } refusals[] = {
        {"a = dense units=2\nb = relu from=nobody\nout = linear", "test.ini:2|`b`|nobody"},
        {"aardvark = dense units=2\nb = relu from=ardvark\nout = linear",
         "test.ini:2|did you mean `aardvark`"},
        {"a = dense units=2\nb = relu from=b\nout = linear", "test.ini:2|`b`"},
        {"a = dense units=2\nb = relu from=c\nc = tanh\nout = linear", "test.ini:2|`c`"},
        {"a = dense units=2\nb = relu from=out\nout = linear", "test.ini:2|`out`"},
        {"a = dense units=2\nb = relu from=\nout = linear", "test.ini:2|from"},
        {"a = dense units=2\nb = relu from=,\nout = linear", "test.ini:2|from"},
        {"a = dense units=2\nb = tanh\nc = relu from=a,b\nout = linear", "test.ini:3|one input"},
        {"a = dense units=2\nb = tanh\nc = add from=a from=b\nout = linear", "test.ini:3|twice"},
        {"a = dense units=2\nb = relu\nc = dense from=a units=3\nout = linear",
         "test.ini:2|`b`|reads its output"},
        {"a = dense units=2\nb = dense units=3\nout = linear from=a", "test.ini:2|`b`|reads its output"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        network_must_refuse(row, refusals[i].text, refusals[i].parts);
}

static void test_last_layer(void **state)
{
    (void)state;
    network_must_refuse(row, "", "no layers");
    network_must_refuse(row, "fc = dense units=2", "test.ini:1|`fc`|softmax|sigmoid|linear");
    network_must_refuse(row, "fc = dense units=2\nact = tanh", "test.ini:2|softmax");
    network_must_refuse(row, "fc = dense units=2\ns = softmax\nout = linear", "test.ini:2|`s`|last");
    network_must_refuse(row, "fc = dense units=2\ns = linear\nout = softmax", "test.ini:2|`s`|last");
    network_must_refuse(image, "c = conv2d filters=2 kernel=3\nout = softmax", "test.ini:2|flatten|6x6x2");
    network_must_refuse(image, "c = conv2d filters=2 kernel=3\nout = sigmoid", "test.ini:2|flatten|6x6x2");
    network_must_refuse(image, "f = flatten\nout = softmax", "train");
    network_must_refuse(image, "c = conv2d filters=2 kernel=3\nfc = dense units=3\nout = softmax",
                        "test.ini:2|flatten");
    network_must_refuse(image, "p = maxpool size=9\nf = flatten\nfc = dense units=2\nout = softmax",
                        "test.ini:1|empty");
}

/* Two layers of one name would write one array of the checkpoint. */
static void test_names(void **state)
{
    (void)state;
    network_must_refuse(row, "fc = dense units=2\nfc = relu\nout = linear", "test.ini:2|`fc`|of that name");
    network_must_refuse(row, "fc = dense units=2\ninput = relu\nout = linear", "test.ini:2|`input`");
    network_must_refuse(
        row,
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz = dense units=2\n"
        "out = linear",
        "test.ini:1|abcdefghijklm");
}

/* Sigmoid stands within a network as well as at its end; blanks and tabs are all one; input may be named. */
static void test_what_is_taken(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(&network, row, "a =   dense\tunits=2  bias=no \n\n b = sigmoid\n out = sigmoid");
    assert_int_equal(network.layer_count, 3);
    assert_int_equal(network.parameter_count, 24);
    assert_int_equal(network_outputs(&network), 2);
    assert_ptr_equal(network_last(&network), &network.layers[2]);
    assert_ptr_equal(network_find(&network, "b"), &network.layers[1]);
    assert_null(network_find(&network, "c"));
    network_destroy(&network);
    network_destroy(&network);
    network_must_plan(&network, row, "a = dense units=12 from=input\nb = add from=input,a\nout = linear");
    assert_true(network.layers[0].inputs[0] == LAYER_NETWORK_INPUT &&
                network.layers[1].inputs[0] == LAYER_NETWORK_INPUT);
    assert_true(network.layers[1].inputs[1] == 0);
    network_destroy(&network);
}

/* Parameters follow the lines, weight before bias, without gaps: files, buckets and slots rely on it. */
static void test_parameter_order(void **state)
{
    (void)state;
    struct network network;
    network_must_plan(
        &network, image,
        "c1 = conv2d filters=4 kernel=3x2\nr1 = relu\nc2 = conv2d filters=6 kernel=1 groups=2 bias=no\n"
        "f = flatten\nd = dense units=5\nout = softmax");
    const struct {
        const char *layer;
        size_t index, offset, count;
        const char *name;
    } expected[] = {
        {"c1", 0, 0, 72, "weight"},   {"c1", 1, 72, 4, "bias"},  {"c2", 0, 76, 12, "weight"},
        {"d", 0, 88, 1260, "weight"}, {"d", 1, 1348, 5, "bias"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const struct layer *layer = network_find(&network, expected[i].layer);
        const struct parameter *p = &layer->parameters[expected[i].index];
        assert_string_equal(p->name, expected[i].name);
        assert_true(p->offset == expected[i].offset && p->count == expected[i].count);
        assert_int_equal(p->decay, !strcmp(p->name, "weight"));
    }
    assert_int_equal(network.parameter_count, 1353);
    assert_true(network_find(&network, "c1")->multiply_adds == 6 * 7 * 72);
    assert_true(network_find(&network, "c2")->multiply_adds == 6 * 7 * 12);
    assert_true(network_find(&network, "d")->multiply_adds == 1260);
    network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_graph),
        cmocka_unit_test(test_last_layer),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_taken), cmocka_unit_test(test_parameter_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
