#pragma once
/* [block NAME]: lines of [network] that are written once and used many times, with parameters.
 *
 *     [block basic]
 *     params = filters stride=1                  names; those with a value have it where a use gives none
 *     conv1  = conv2d filters=$filters kernel=3 stride=$stride padding=1 bias=no
 *     bn1    = batchnorm
 *     sum    = add from=bn1,input                `input` is what the block reads
 *
 *     [network]
 *     stage1 = basic filters=16                  its lines become stage1.conv1, stage1.bn1, stage1.sum
 *     next   = relu from=stage1                  a use stands for its last line
 *
 * A use reads the line above it, or the one that from= names. Blocks may use blocks. What comes of it is
 * plain lines, which is all that the network sees. */
#include "core/network.h"

struct block;

struct block_list { /* zero-initialised is a valid, empty list */
    struct block *blocks;
    size_t count;
};

/* A header, which may come again and goes on then; a line below it. Strings are copied; the place is not put
 * in front of messages. STATUS_USAGE: a name that is taken, or cannot be one. */
enum status block_begin(struct block_list *list, const char *name, const char *where);
enum status block_add(struct block_list *list, const char *name, const char *line_name, const char *text,
                      const char *where);
void block_list_destroy(struct block_list *list);

/* The lines of [network] with uses replaced by what they stand for, into `out` (to be freed with
 * block_lines_free); `max` of them at most. STATUS_USAGE: names the line, of a block and its use both. */
enum status block_expand(const struct block_list *list, const struct layer_line *lines, size_t count,
                         size_t max, struct layer_line **out, size_t *out_count);

/* A line with strings of its own, which are one piece of memory that begins with the name. */
enum status block_line_copy(struct layer_line *line, const char *name, const char *text, const char *where);
void block_lines_free(struct layer_line *lines, size_t count);

/* NULL where `name` can be a layer's: letters, digits, _, - and dots between them; else what is wrong. */
const char *block_name_fault(const char *name);
