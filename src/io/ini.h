#pragma once
/* INI text in memory, read through inih with what inih leaves to luck made an error or made to work.
 *
 *   [section]            a header stands alone in its line; the same section may come again and goes on then
 *   name = value         or name : value; blanks around both do not count, and a line may be indented
 *   ; comment, # comment on a line of its own, behind a blank, or where a value would begin
 *
 * Text is UTF-8, but for comments. Lines may end in CRLF, the text may begin with a byte order mark. There
 * are no continuation lines and no quotes. inih cuts lines after 200 characters: longer ones are handed to it
 * in pieces, so that no limit but INI_VALUE_MAX is left. */
#include "core/status.h"

#include <stddef.h>

enum {
    INI_NAME_MAX = 64,    /* of a section or a name, with the terminating zero */
    INI_VALUE_MAX = 4096, /* of a value, with the terminating zero */
};

/* Called for each header, with name and value NULL, and for each name = value; never with an empty section or
 * name. Strings are borrowed for the call, lines count from 1. What it returns, if not OK, ends the parsing;
 * the place is its own to name. */
typedef enum status ini_visit(void *user, const char *section, const char *name, const char *value,
                              size_t line);

/* STATUS_USAGE with "path:line: ..." for: a name before any section, a header that does not close, text
 * behind a header, a line without = or without a name, a name or value that is too long, control characters,
 * bytes that are no UTF-8.
 * Whether a name may come twice is the visitor's to say. */
enum status ini_parse_text(const char *path, const char *text, ini_visit *visit, void *user);

/* Why `value` would not read back as it is when written behind `name = `; NULL: it would. */
const char *ini_value_fault(const char *value);
