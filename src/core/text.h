#pragma once
/* Words and numbers as people write and read them. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The candidate nearest to `word` by edit distance, letters' case ignored; NULL where none is near enough to
 * be what was meant (more than a third of the word and more than two letters away). Of equals the first. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* The whole of `text` as a number: no sign for unsigned, no blanks, nothing left over, no overflow. False
 * leaves `value` alone. text_to_double takes what strtod does, except nan, infinities and hexadecimal. */
bool text_to_size(const char *text, size_t *value);
bool text_to_uint64(const char *text, uint64_t *value);
bool text_to_double(const char *text, double *value);

/* Numbers with commas between them, up to `capacity`; none in an empty text. Values may be changed on false.
 */
bool text_to_doubles(const char *text, double *values, size_t capacity, size_t *count);

/* Bytes of the UTF-8 character (RFC 3629) that the zero-terminated `text` begins with; 0 where the bytes
 * there are none. The terminating zero is a character of 1 byte. */
size_t text_character(const char *text);
bool text_is_utf8(const char *text);

/* `text` as one line that can be shown: control characters and bytes that are no UTF-8 are written as \n, \t,
 * \x1b; cut between characters where it is longer than `size` - 1 bytes. Returns `out`. */
char *text_visible(char *out, size_t size, const char *text);

/* What follows a noun's number: "s", or nothing where it is 1. */
const char *text_plural(double count);

/* Each writes into `out` (at least 32 bytes) and returns it. */
char *text_bytes(char out[32], double bytes);     /* "812 B", "1.4 KiB", "37.2 MiB" */
char *text_count(char out[32], uint64_t count);   /* "1,199,882" */
char *text_seconds(char out[32], double seconds); /* "3.1 s", "2:07 min", "1:02:07 h" */

/* "=====>    " of `width` characters, full up to `share` of it; `out` has room for width + 1. Returns it. */
char *text_bar(char *out, int width, double share);
