#include "core/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64 };

/* Levenshtein distance with case folded, one row at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1], length = strlen(b);
    if (length > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t change = diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            size_t insert = row[j] + 1, delete = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = insert < delete ? insert : delete;
            if (change < row[j + 1])
                row[j + 1] = change;
        }
    }
    return row[length];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t limit = strlen(word) / 3, best = SIZE_MAX;
    if (limit < 2)
        limit = 2;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance <= limit && distance < best && distance < strlen(candidates[i])) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

bool text_to_uint64(const char *text, uint64_t *value)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end || errno == ERANGE)
        return false;
    *value = number;
    return true;
}

bool text_to_size(const char *text, size_t *value)
{
    uint64_t number;
    if (!text_to_uint64(text, &number) || number > SIZE_MAX)
        return false;
    *value = (size_t)number;
    return true;
}

bool text_to_double(const char *text, double *value)
{
    if (!text[0] || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    char *end;
    double number = strtod(text, &end);
    if (*end || !isfinite(number))
        return false;
    *value = number;
    return true;
}

bool text_to_doubles(const char *text, double *values, size_t capacity, size_t *count)
{
    *count = 0;
    while (*text) {
        char number[64];
        size_t length = strcspn(text, ",");
        if (*count == capacity || length >= sizeof number)
            return false;
        snprintf(number, sizeof number, "%.*s", (int)length, text);
        if (!text_to_double(number, &values[(*count)++]))
            return false;
        text += length;
        if (*text && !*++text) /* a comma with nothing behind it */
            return false;
    }
    return true;
}

size_t text_character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80)
        return 1;
    size_t length = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool surrogate = c[0] == 0xed && c[1] > 0x9f, beyond = c[0] == 0xf4 && c[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

bool text_is_utf8(const char *text)
{
    size_t length = 1;
    for (; *text && length; text += length)
        length = text_character(text);
    return length > 0;
}

/* ASCII's control characters, and those from U+0080 to U+009F, of which terminals take some for commands. */
static bool is_control(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    return c[0] < ' ' || c[0] == 0x7f || (c[0] == 0xc2 && c[1] < 0xa0);
}

/* One character, or one byte, as text_visible shows it; the bytes of `text` that it stands for. */
static size_t show_character(char out[8], const char *text)
{
    static const char plain[] = "\n\t\r", letters[] = "ntr";
    const char *known = strchr(plain, text[0]);
    size_t length = text_character(text);
    if (length && !is_control(text)) {
        snprintf(out, 8, "%.*s", (int)length, text);
        return length;
    }
    if (known)
        snprintf(out, 8, "\\%c", letters[known - plain]);
    else
        snprintf(out, 8, "\\x%02x", (unsigned)(unsigned char)text[0]);
    return 1;
}

char *text_visible(char *out, size_t size, const char *text)
{
    size_t used = 0;
    while (*text) {
        char shown[8];
        text += show_character(shown, text);
        if (used + strlen(shown) >= size)
            break;
        used += (size_t)sprintf(out + used, "%s", shown);
    }
    out[used] = 0;
    return out;
}

const char *text_plural(double count)
{
    return count == 1 ? "" : "s";
}

char *text_bytes(char out[32], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

char *text_count(char out[32], uint64_t count)
{
    char digits[32];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count), used = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = 0;
    return out;
}

char *text_seconds(char out[32], double seconds)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(out, 32, "-");
    } else if (seconds < 59.95) {
        snprintf(out, 32, "%.1f s", seconds);
    } else {
        unsigned long s = lround(seconds) > 0 ? (unsigned long)lround(seconds) : 0;
        if (s < 3600)
            snprintf(out, 32, "%lu:%02lu min", s / 60, s % 60);
        else
            snprintf(out, 32, "%lu:%02lu:%02lu h", s / 3600, s / 60 % 60, s % 60);
    }
    return out;
}

char *text_bar(char *out, int width, double share)
{
    int full = (int)(share * width + 0.5);
    for (int i = 0; i < width; i++)
        out[i] = i < full ? '=' : i == full ? '>' : ' ';
    out[width] = 0;
    return out;
}
