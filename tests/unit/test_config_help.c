#include "io/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Names every key and layer type, leaves no section without its line, keeps to the width. */
static void help(void **state)
{
    (void)state;
    for (int markdown = 0; markdown < 2; markdown++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        config_help(out, markdown);
        fclose(out);
        for (size_t i = 0; i < config_key_count; i++)
            assert_non_null(strstr(text, config_keys[i].name));
        for (size_t i = 0; i < layer_type_count; i++)
            assert_non_null(strstr(text, layer_types[i]->type));
        assert_null(strstr(text, "]\n  \n"));
        assert_null(strstr(text, "]\n\n\n"));
        for (char *line = text; !markdown && *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 100);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(help)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
