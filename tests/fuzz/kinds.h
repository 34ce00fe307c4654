#pragma once
/* The kinds of files that the program reads, each with a way to make a sound one and the program's own way to
 * read it: for fuzz_files. */
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kind {
    const char *name;
    bool covered; /* a digest covers what is read, so that nothing else may be read from a damaged file */
    bool sealed;  /* the seal is made anew over what was damaged: as if damaged before it was sealed */
    void (*make)(const char *path);
    enum status (*read)(const char *path, uint64_t *content); /* content: digest of all that was read */
};

extern const struct kind kinds[];
extern const size_t kind_count;

/* Makes what reading needs beside the file itself; needs a scratch folder. */
void kinds_create(void);
void kinds_destroy(void);
