/* Plain lines where standard output is a file, a bar that moves and fits where it is a terminal. */
#include "train/display.h"

#include "core/clock.h"
#include "core/log.h"
#include "support/capture.h"
#include "support/scratch.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

enum { EPOCHS = 10, STEPS = 40, TEXT_BYTES = 4096, MARK = 1 };
static const char CLEAR[] = "\r\033[K";
static const struct loss_sum sum = {.loss = 15, .samples = 20, .hits = 14, .tries = 20};
static const struct loss_sum test_sum = {.loss = 1, .samples = 4, .hits = 3, .tries = 4};

/* A terminal of our own, standard output while it is open. */
struct terminal {
    int master, before;
};

static struct terminal terminal_open(unsigned short columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    struct terminal t = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
    if (t.master < 0)
        skip(); /* there are no pseudo-terminals here */
    assert_int_equal(grantpt(t.master) | unlockpt(t.master), 0);
    int slave = open(ptsname(t.master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    fflush(stdout);
    t.before = dup(STDOUT_FILENO);
    dup2(slave, STDOUT_FILENO);
    close(slave);
    setenv("TERM", "xterm", 1);
    return t;
}

/* What it was sent since it was opened or last asked. The kernel hands it on in its own time, so a mark is
 * sent after it. */
static void terminal_read(const struct terminal *t, char text[TEXT_BYTES])
{
    size_t used = 0;
    putchar(MARK);
    fflush(stdout);
    do {
        ssize_t got = read(t->master, text + used, TEXT_BYTES - used);
        assert_true(got > 0);
        used += (size_t)got;
    } while (text[used - 1] != MARK && used < TEXT_BYTES);
    text[used - 1] = 0;
}

static void terminal_close(struct terminal *t)
{
    fflush(stdout);
    dup2(t->before, STDOUT_FILENO);
    close(t->before);
    close(t->master);
}

/* As if the last drawing had been an hour ago. */
static void show(struct display *display, uint64_t epoch, uint64_t step)
{
    display->drawn -= 3600;
    display_step(display, epoch, step, sum, 12345.6, 127);
}

static void assert_captured(const char *expected)
{
    char *text = capture_stop();
    assert_string_equal(text, expected);
    free(text);
}

static void test_plain_lines(void **state)
{
    (void)state;
    struct display display;
    capture_start();
    display_create(&display, EPOCHS, STEPS);
    show(&display, 2, 10);
    display_step(&display, 2, 11, sum, 12345.6, 127); /* too soon */
    display.drawn -= 29;
    display_step(&display, 2, 12, sum, 12345.6, 127); /* still */
    display.drawn -= 2;
    display_step(&display, 2, 40, (struct loss_sum){.loss = 3, .samples = 2}, 1, NAN);
    display_clear(&display);
    assert_captured("epoch 3/10   25%  loss 0.7500  accuracy 0.7000  12346 images/s  2:07 min left\n"
                    "epoch 3/10  100%  loss 1.5000  1 images/s  - left\n");
    assert_false(display.terminal);
}

static void test_epoch_lines(void **state)
{
    (void)state;
    struct display display;
    capture_start();
    display_create(&display, EPOCHS, STEPS);
    display_epoch(&display, 3, 135, sum, test_sum, 0.05, 2000, 2.5, true);
    display_epoch(&display, 10, 450, sum, (struct loss_sum){0}, 1.25e-7, 2000, 75, false);
    display_epoch(&display, 10, 450, (struct loss_sum){3, 2, 0, 0}, (struct loss_sum){1, 4, 0, 0}, 1, 2000,
                  75, false);
    assert_captured("  epoch    step    loss accuracy     test accuracy        lr images/s      time\n"
                    "   3/10     135  0.7500   0.7000   0.2500   0.7500*     0.05     2000     2.5 s\n"
                    "  10/10     450  0.7500   0.7000                    1.25e-07     2000  1:15 min\n"
                    "  10/10     450  1.5000            0.2500                  1     2000  1:15 min\n");
}

/* An epoch's line starts the half minute anew. */
static void test_epoch_line_counts_as_one(void **state)
{
    (void)state;
    struct display display;
    capture_start();
    display_create(&display, EPOCHS, STEPS);
    display.drawn -= 3600;
    display_epoch(&display, 1, 40, sum, test_sum, 0.05, 2000, 2.5, false);
    free(capture_stop());
    capture_start();
    display_step(&display, 1, 1, sum, 12345.6, 127);
    assert_captured("");
}

static void test_only_one_rank_speaks(void **state)
{
    (void)state;
    struct display display;
    log_set_rank(1, "elsewhere");
    capture_start();
    display_create(&display, EPOCHS, STEPS);
    show(&display, 0, 10);
    display_clear(&display);
    display_epoch(&display, 1, 40, sum, test_sum, 0.05, 2000, 2.5, false);
    assert_captured("");
    log_set_rank(0, "here");
}

/* Line after line over the last one, none so long that the terminal would break it. */
static void test_fits_every_terminal(void **state)
{
    (void)state;
    for (unsigned short columns = 1; columns <= 140; columns++) {
        static const uint64_t epochs[] = {1, EPOCHS, 123456789012345};
        for (size_t e = 0; e < 3; e++) {
            struct terminal t = terminal_open(columns);
            struct display display;
            char text[TEXT_BYTES];
            display_create(&display, epochs[e], STEPS);
            bool terminal = display.terminal;
            for (uint64_t step = 0; step <= STEPS; step += 8)
                show(&display, epochs[e] - 1, step);
            terminal_read(&t, text);
            terminal_close(&t);
            assert_true(terminal);
            size_t lines = 0;
            char *at = text;
            for (; !strncmp(at, CLEAR, strlen(CLEAR)); lines++) {
                at += strlen(CLEAR);
                size_t length = strcspn(at, "\r\n");
                if (length >= columns)
                    fail_msg("%zu characters in %d columns: %.*s", length, columns, (int)length, at);
                at += length;
            }
            assert_int_equal(lines, STEPS / 8 + 1);
            assert_int_equal(*at, 0);
        }
    }
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* Draws one step on a terminal of so many columns. */
static void draw(unsigned short columns, uint64_t step, char text[TEXT_BYTES])
{
    struct terminal t = terminal_open(columns);
    struct display display;
    display_create(&display, EPOCHS, STEPS);
    show(&display, 2, step);
    terminal_read(&t, text);
    terminal_close(&t);
}

static void test_bar_moves(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    draw(120, 0, text);
    assert_string_equal(text,
                        "\r\033[Kepoch 3/10 [>                             ]   0%  loss 0.7500  accuracy "
                        "0.7000  12346 images/s  2:07 min left");
    size_t before = 0;
    for (uint64_t step = 4; step <= STEPS; step += 4) {
        draw(120, step, text);
        size_t full = count(text, '=');
        assert_int_equal(full, 30 * step / STEPS);
        assert_true(full > before);
        assert_int_equal(count(text, '>'), step < STEPS);
        before = full;
    }
}

/* The bar is the first to go, then the end of what is said. */
static void test_narrow_terminals(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    draw(90, 20, text);
    assert_non_null(strstr(text, "epoch 3/10 [====="));
    assert_non_null(strstr(text, "2:07 min left"));
    draw(60, 20, text);
    assert_string_equal(text, "\r\033[Kepoch 3/10  50%  loss 0.7500  accuracy 0.7000  12346 images");
    draw(20, 20, text);
    assert_string_equal(text, "\r\033[Kepoch 3/10  50%  lo");
    draw(0, 20, text); /* a terminal that does not say: 80 columns */
    assert_non_null(strstr(text, "2:07 min left"));
    assert_true(strlen(text) - strlen(CLEAR) < 80);
}

/* Ten drawings a second at most; what is drawn goes before a line is printed. */
static void test_drawing_and_clearing(void **state)
{
    (void)state;
    struct terminal t = terminal_open(120);
    struct display display;
    char early[TEXT_BYTES], late[TEXT_BYTES], cleared[TEXT_BYTES], line[TEXT_BYTES];
    display_create(&display, EPOCHS, STEPS);
    display_step(&display, 0, 1, sum, 1000, 10);
    terminal_read(&t, early);
    display.drawn -= 0.11;
    display_step(&display, 0, 2, sum, 1000, 10);
    terminal_read(&t, late);
    display_clear(&display);
    terminal_read(&t, cleared);
    display_epoch(&display, 1, 40, sum, test_sum, 0.05, 2000, 2.5, false);
    terminal_read(&t, line);
    terminal_close(&t);
    assert_string_equal(early, "");
    assert_non_null(strstr(late, "epoch 1/10 ["));
    assert_string_equal(cleared, CLEAR);
    assert_true(!strncmp(line, CLEAR, strlen(CLEAR)) && strstr(line, "   1/10      40  0.7500"));
}

static void test_dumb_terminals_get_lines(void **state)
{
    (void)state;
    struct terminal t = terminal_open(120);
    struct display display;
    char text[TEXT_BYTES];
    setenv("TERM", "dumb", 1);
    display_create(&display, EPOCHS, STEPS);
    show(&display, 2, 10);
    display_clear(&display);
    terminal_read(&t, text);
    terminal_close(&t);
    assert_false(display.terminal);
    assert_string_equal(text,
                        "epoch 3/10   25%  loss 0.7500  accuracy 0.7000  12346 images/s  2:07 min left\r\n");
}

static void test_clock(void **state)
{
    (void)state;
    double before = clock_seconds();
    usleep(20000);
    double passed = clock_seconds() - before;
    assert_true(passed >= 0.02 && passed < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_epoch_lines),
        cmocka_unit_test(test_epoch_line_counts_as_one),
        cmocka_unit_test(test_only_one_rank_speaks),
        cmocka_unit_test(test_fits_every_terminal),
        cmocka_unit_test(test_bar_moves),
        cmocka_unit_test(test_narrow_terminals),
        cmocka_unit_test(test_drawing_and_clearing),
        cmocka_unit_test(test_dumb_terminals_get_lines),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
