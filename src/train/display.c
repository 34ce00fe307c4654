#include "train/display.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TERMINAL_PAUSE 0.1 /* seconds between drawings */
#define PLAIN_PAUSE 30.0

/* mpirun gives every rank a pseudo-terminal of no size, whatever its own output goes to. What the user sees
 * is mpirun's, the parent's of rank 0 on the host where it was started. -1 where it is no terminal; to be
 * closed. */
static int launcher_terminal(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/1", (long)getppid());
    struct stat info;
    bool device = stat(path, &info) == 0 && S_ISCHR(info.st_mode);
    int fd = device ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || isatty(fd))
        return fd;
    close(fd);
    return -1;
}

/* Columns of the terminal that shows what we print; 0: there is none. */
static int terminal_columns(void)
{
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    if (!getenv("OMPI_COMM_WORLD_SIZE") && !getenv("PMIX_RANK"))
        return 80;
    int fd = launcher_terminal();
    if (fd < 0)
        return 0;
    bool sized = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    close(fd);
    return sized ? size.ws_col : 80;
}

void display_create(struct display *display, uint64_t epochs, uint64_t steps_per_epoch)
{
    const char *kind = getenv("TERM");
    *display = (struct display){.terminal = terminal_columns() > 0 && !(kind && !strcmp(kind, "dumb")),
                                .epochs = epochs,
                                .steps_per_epoch = steps_per_epoch,
                                .drawn = clock_seconds()};
}

/* "loss 0.3124  accuracy 0.8871"; without the accuracy where there is none. Writes into `out` and returns it.
 */
static const char *loss_text(struct loss_sum sum, char out[64])
{
    if (isfinite(loss_accuracy(sum)))
        snprintf(out, 64, "loss %.4f  accuracy %.4f", loss_mean(sum), loss_accuracy(sum));
    else
        snprintf(out, 64, "loss %.4f", loss_mean(sum));
    return out;
}

/* Room for `width` characters of bar behind what must be said; less on a narrow terminal, none on a very
 * narrow one. */
static void draw(const struct display *display, uint64_t epoch, double share, struct loss_sum sum,
                 double images_per_s, double remaining)
{
    char what[256], loss[64], left[32], bar[64];
    int used = snprintf(what, sizeof what, "%3.0f%%  %s  %.0f images/s  %s left", 100 * share,
                        loss_text(sum, loss), images_per_s, text_seconds(left, remaining));
    char head[64];
    used += snprintf(head, sizeof head, "epoch %llu/%llu ", (unsigned long long)epoch + 1,
                     (unsigned long long)display->epochs);
    int columns = terminal_columns(), width = columns > 0 ? columns : 80, room = width - used - 4;
    room = room > 30 ? 30 : room;
    char line[sizeof head + sizeof bar + sizeof what + 4];
    if (room >= 5) {
        snprintf(line, sizeof line, "%s[%s] %s", head, text_bar(bar, room, share), what);
    } else {
        snprintf(line, sizeof line, "%s%s", head, what);
    }
    log_print("\r\033[K%.*s", width - 1, line);
}

void display_step(struct display *display, uint64_t epoch, uint64_t step, struct loss_sum sum,
                  double images_per_s, double remaining)
{
    double now = clock_seconds();
    if (!log_is_speaker() || now - display->drawn < (display->terminal ? TERMINAL_PAUSE : PLAIN_PAUSE))
        return;
    display->drawn = now;
    double share = (double)step / (double)display->steps_per_epoch;
    if (display->terminal) {
        draw(display, epoch, share, sum, images_per_s, remaining);
    } else {
        char loss[64], left[32];
        log_print("epoch %llu/%llu  %3.0f%%  %s  %.0f images/s  %s left\n", (unsigned long long)epoch + 1,
                  (unsigned long long)display->epochs, 100 * share, loss_text(sum, loss), images_per_s,
                  text_seconds(left, remaining));
    }
}

void display_clear(struct display *display)
{
    if (display->terminal)
        log_print("\r\033[K");
}

/* A loss and an accuracy as cells of the table; empty where there is none. */
static void table_cells(struct loss_sum sum, char loss[32], char accuracy[32])
{
    loss[0] = accuracy[0] = 0;
    if (sum.samples)
        snprintf(loss, 32, "%.4f", loss_mean(sum));
    if (sum.tries)
        snprintf(accuracy, 32, "%.4f", loss_accuracy(sum));
}

void display_epoch(struct display *display, uint64_t epoch, uint64_t step, struct loss_sum train,
                   struct loss_sum test, double rate, double images_per_s, double seconds, bool best)
{
    char place[48], train_loss[32], train_accuracy[32], test_loss[32], test_accuracy[32], time[32];
    display_clear(display);
    if (!display->headed)
        log_print("%7s %7s %7s %8s  %7s %8s  %8s %8s %9s\n", "epoch", "step", "loss", "accuracy", "test",
                  "accuracy", "lr", "images/s", "time");
    display->headed = true;
    snprintf(place, sizeof place, "%llu/%llu", (unsigned long long)epoch,
             (unsigned long long)display->epochs);
    table_cells(train, train_loss, train_accuracy);
    table_cells(test, test_loss, test_accuracy);
    log_print("%7s %7llu %7s %8s  %7s %8s%c %8.3g %8.0f %9s\n", place, (unsigned long long)step, train_loss,
              train_accuracy, test_loss, test_accuracy, best ? '*' : ' ', rate, images_per_s,
              text_seconds(time, seconds));
    display->drawn = clock_seconds();
}
