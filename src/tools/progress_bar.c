#include "tools/progress_bar.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/text.h"

#include <unistd.h>

#define PAUSE 0.1 /* seconds between drawings */

enum { WIDTH = 30 };

void progress_bar_show(void *bar, size_t done, size_t total)
{
    struct progress_bar *b = bar;
    char picture[WIDTH + 1], done_text[32], total_text[32];
    double now = clock_seconds();
    if (!isatty(STDOUT_FILENO) || (done < total && now - b->drawn < PAUSE))
        return;
    if (done == total) {
        log_print(b->drawn > 0 ? "\r\033[K" : "");
        return;
    }
    b->drawn = now;
    log_print("\r\033[K[%s] %s of %s %s", text_bar(picture, WIDTH, (double)done / (double)total),
              text_count(done_text, done), text_count(total_text, total), b->what);
}
